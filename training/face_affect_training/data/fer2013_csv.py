# Copyright 2026 face_affect_ros maintainers
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.

"""FER-2013 as published: fer2013.csv, or the icml_face_data.csv of the challenge's page."""

from pathlib import Path

from face_affect_ros.affect.types import AffectError, EMOTIONS, ImageArray
from face_affect_training.data import ferplus_votes
from face_affect_training.data.fer2013_sheets import check_split, SPLITS
from face_affect_training.data.ferplus_votes import FerPlusVotes
from face_affect_training.data.tables import find_file, iterate_table
from face_affect_training.data.types import FaceData, pack
import numpy as np

FILES = ('fer2013.csv', 'icml_face_data.csv')
SIDE = 48


def read_fer2013_csv(path: Path, split: str, *, ferplus: str = '') -> FaceData:
    """
    Return one official split ('Training', 'PublicTest', 'PrivateTest').

    path: the table (columns emotion, pixels, Usage), or the folder of fer2013.csv or
    icml_face_data.csv. ferplus: fer2013new.csv; without it, the one beside the table is taken
    where there is one. Corrupt rows are skipped and named. Raises AffectError for an unknown
    split, a missing table, FER+ votes of other rows, and where the split has no row at all.
    """
    check_split(path, split)
    table = find_file(path, FILES)
    votes = _votes(table, ferplus)
    rows, images, problems, usages = [], [], [], []
    for number, row in enumerate(iterate_table(table, ('emotion', 'pixels', 'Usage'))):
        usage = row['Usage'].strip()
        usages.append(usage if usage in SPLITS else '')
        try:
            if usage not in SPLITS:
                raise ValueError(f"usage '{usage}' does not exist")
            if usage == split:
                label, image = _label(row['emotion'].strip()), _image(row['pixels'])
                images.append(image)
                rows.append((label, number))
        except ValueError as error:
            problems.append(f'line {number + 2}: {error}')
    if votes is not None:
        votes.check(usages, table)
    if not rows:
        raise AffectError(f"{table}: no usable row of split '{split}'")
    labels, numbers = pack(rows, (np.int64, np.int64))
    return FaceData(source=f'FER-2013 {split}', task='emotion', images=np.stack(images),
                    labels=labels, names=numbers.astype(str), problems=tuple(problems),
                    votes=None if votes is None else votes.of(numbers.tolist()))


def _votes(table: Path, ferplus: str) -> FerPlusVotes | None:
    if ferplus:
        return FerPlusVotes(Path(ferplus).expanduser())
    beside = table.parent / ferplus_votes.FILE
    return FerPlusVotes(beside) if beside.is_file() else None


def _label(text: str) -> int:
    if text not in [str(number) for number in range(len(EMOTIONS))]:
        raise ValueError(f"emotion '{text}' does not exist")
    return int(text)


def _image(text: str) -> ImageArray:
    """Return the picture of 2,304 numbers, row by row. Raises ValueError for anything else."""
    words = text.split()
    if len(words) != SIDE * SIDE:
        raise ValueError(f'{len(words)} pixels instead of {SIDE * SIDE}')
    if not (text.isascii() and ''.join(words).isdigit()):
        raise ValueError('a pixel is no whole number')
    pixels = np.fromstring(text, np.int64, sep=' ')
    if pixels.max() > 255:
        raise ValueError(f'a pixel is {pixels.max()}, above 255')
    return pixels.astype(np.uint8).reshape(SIDE, SIDE)
