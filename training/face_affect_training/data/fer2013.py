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

"""
FER-2013 (Goodfellow et al. 2013) in two forms, with the votes of FER+ (Barsoum et al. 2016).

As published it is fer2013.csv, or icml_face_data.csv of the challenge's page; the shared form is
lossless sheets of 64 x 64 tiles beside labels.csv. FER+ is fer2013new.csv: the votes of ten
taggers for each row of fer2013.csv, in the same order.
"""

from collections.abc import Callable
import functools
from pathlib import Path
from typing import Any

import cv2
from face_affect_ros.affect.types import AffectError, EMOTIONS, ImageArray
from face_affect_training.data.faces import FaceData
from face_affect_training.data.files import find_file, iterate_table
import numpy as np
import numpy.typing as npt

SPLITS = ('Training', 'PublicTest', 'PrivateTest')
TABLES = ('fer2013.csv', 'icml_face_data.csv')
VOTES_TABLE = 'fer2013new.csv'
#: Side of a face, and faces in a row of a sheet.
TILE, PER_ROW = 48, 64
#: Columns of FER+ votes; NF: not a face.
VOTES = ('neutral', 'happiness', 'surprise', 'sadness', 'anger', 'disgust', 'fear', 'contempt',
         'unknown', 'NF')


def read_fer2013_csv(path: Path, split: str) -> FaceData:
    """
    Return one official split ('Training', 'PublicTest', 'PrivateTest') of the published table.

    Args:
        path: the table (columns emotion, pixels, Usage), or its folder. FER+'s votes are taken
            from fer2013new.csv beside it, where there is one.
        split: one of SPLITS.

    Raises:
        AffectError: an unknown split, a missing table, FER+ votes of other rows, and a split
            without a usable row. Corrupt rows are skipped and named.
    """
    table = find_file(path, TABLES)

    def parse(row: dict[str, str]) -> tuple[int, ImageArray]:
        return _label(row['emotion']), _image(row['pixels'])

    rows, problems, usages = _rows(table, ('emotion', 'pixels', 'Usage'), split, parse)
    file = table.with_name(VOTES_TABLE)
    votes = _votes(file, usages, table) if file.is_file() else None
    numbers, labels, images = (np.array(column) for column in zip(*rows))
    return FaceData(source=f'FER-2013 {split}', task='emotion', images=images, labels=labels,
                    names=numbers.astype(str), problems=problems,
                    votes=None if votes is None else votes[numbers])


def read_fer2013_sheets(path: Path, split: str) -> FaceData:
    """
    Return one official split ('Training', 'PublicTest', 'PrivateTest') of the sheets.

    Args:
        path: folder of labels.csv and sheet_NN.webp.
        split: one of SPLITS.

    Raises:
        AffectError: an unknown split, a missing table, and a split without a usable row. Corrupt
            rows are skipped and named.
    """
    @functools.cache
    def sheet(number: int) -> ImageArray | None:
        found = cv2.imread(str(path / f'sheet_{number:02d}.webp'), cv2.IMREAD_GRAYSCALE)
        return None if found is None else np.asarray(found, np.uint8)

    def parse(row: dict[str, str]) -> tuple[int, ImageArray, str, list[float]]:
        number = int(row['sheet'])
        return (_label(row['emotion']), _tile(sheet(number), number, int(row['tile'])),
                row['row'], [float(row[column]) for column in VOTES])

    columns = ('sheet', 'tile', 'row', 'emotion', *VOTES, 'usage')
    rows, problems, _ = _rows(path / 'labels.csv', columns, split, parse)
    _, labels, images, names, votes = zip(*rows)
    return FaceData(source=f'FER-2013 {split}', task='emotion', images=np.stack(images),
                    labels=np.array(labels), names=np.array(names),
                    votes=np.array(votes, np.float32), problems=problems)


def _rows(table: Path, columns: tuple[str, ...], split: str,
          parse: Callable[[dict[str, str]], tuple[Any, ...]],
          ) -> tuple[list[tuple[Any, ...]], tuple[str, ...], list[str]]:
    """
    Return number and content of the split's rows, what is wrong with rows, and the split of each.

    columns: of the table; the last one names the split. parse: raises ValueError for a bad row.
    """
    if split not in SPLITS:
        raise AffectError(f"{table}: split '{split}' is not one of {', '.join(SPLITS)}")
    rows, problems, usages = [], [], []
    for number, row in enumerate(iterate_table(table, columns)):
        usage = row[columns[-1]].strip()
        usages.append(usage)
        try:
            if usage not in SPLITS:
                raise ValueError(f"usage '{usage}' does not exist")
            if usage == split:
                rows.append((number, *parse(row)))
        except ValueError as error:
            problems.append(f'line {number + 2}: {error}')
    if not rows:
        raise AffectError(f"{table}: no usable row of split '{split}'")
    return rows, tuple(problems), usages


def _votes(path: Path, usages: list[str], table: Path) -> npt.NDArray[np.float32]:
    """
    Return the votes (N, 10) for each row of fer2013.csv.

    The numbers in FER+'s image names do not count its rows, so that the order alone tells. Raises
    AffectError where the rows are not of the same splits, one by one.
    """
    votes, theirs = [], []
    for index, row in enumerate(iterate_table(path, ('Usage', *VOTES))):
        try:
            votes.append([float(row[column]) for column in VOTES])
        except ValueError as error:
            raise AffectError(f'{path}: line {index + 2}: {error}') from error
        theirs.append(row['Usage'].strip())
    if len(theirs) != len(usages) or any(our in SPLITS and our != other
                                         for our, other in zip(usages, theirs)):
        raise AffectError(f'{path}: does not belong to {table}: {len(theirs)} and {len(usages)} '
                          'rows, or rows of other splits; take both as they were published, or '
                          'move the votes away')
    return np.array(votes, np.float32)


def _label(text: str) -> int:
    if text.strip() not in map(str, range(len(EMOTIONS))):
        raise ValueError(f"emotion '{text}' does not exist")
    return int(text)


def _image(text: str) -> ImageArray:
    """Return the picture of 2,304 numbers, row by row. Raises ValueError for anything else."""
    pixels = [int(word) for word in text.split()]
    if len(pixels) != TILE * TILE:
        raise ValueError(f'{len(pixels)} pixels instead of {TILE * TILE}')
    if not 0 <= min(pixels) <= max(pixels) <= 255:
        raise ValueError(f'a pixel is {min(pixels)} or {max(pixels)}, outside of 0 to 255')
    return np.array(pixels, np.uint8).reshape(TILE, TILE)


def _tile(sheet: ImageArray | None, number: int, tile: int) -> ImageArray:
    y, x = TILE * (tile // PER_ROW), TILE * (tile % PER_ROW)
    if sheet is None or tile < 0 or y + TILE > sheet.shape[0] or x + TILE > sheet.shape[1]:
        raise ValueError(f'sheet {number} has no tile {tile}')
    return sheet[y:y + TILE, x:x + TILE]
