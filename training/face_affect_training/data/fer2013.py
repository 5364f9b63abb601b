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

from dataclasses import replace
from pathlib import Path

import cv2
from face_affect_ros.affect.types import AffectError, EMOTIONS, ImageArray
from face_affect_training.data.faces import FaceData, pack
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
#: FER+ columns that stand for the seven classes of FER-2013, in FER-2013 order.
FERPLUS_COLUMNS = (4, 5, 6, 1, 3, 2, 0)


def read_fer2013_csv(path: Path, split: str, *, ferplus: str = '') -> FaceData:
    """
    Return one official split ('Training', 'PublicTest', 'PrivateTest') of the published table.

    Args:
        path: the table (columns emotion, pixels, Usage), or its folder.
        split: one of SPLITS.
        ferplus: fer2013new.csv; by default the one beside the table, where there is one.

    Raises:
        AffectError: an unknown split, a missing table, FER+ votes of other rows, and a split
            without a usable row. Corrupt rows are skipped and named.
    """
    _check_split(path, split)
    table = find_file(path, TABLES)
    rows, images, problems, usages = [], [], [], []
    for number, row in enumerate(iterate_table(table, ('emotion', 'pixels', 'Usage'))):
        usage = row['Usage'].strip()
        usages.append(usage)
        try:
            if usage not in SPLITS:
                raise ValueError(f"usage '{usage}' does not exist")
            if usage == split:
                label, image = _label(row['emotion']), _image(row['pixels'])
                images.append(image)
                rows.append((label, number))
        except ValueError as error:
            problems.append(f'line {number + 2}: {error}')
    file = Path(ferplus).expanduser() if ferplus else table.with_name(VOTES_TABLE)
    votes = _votes(file, usages, table) if ferplus or file.is_file() else None
    if not rows:
        raise AffectError(f"{table}: no usable row of split '{split}'")
    labels, numbers = pack(rows, (np.int64, np.int64))
    return FaceData(source=f'FER-2013 {split}', task='emotion', images=np.stack(images),
                    labels=labels, names=numbers.astype(str), problems=tuple(problems),
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
    _check_split(path, split)
    table = path / 'labels.csv'
    rows, images, problems = [], [], []
    sheets: dict[int, ImageArray | None] = {}
    columns = ('sheet', 'tile', 'row', 'usage', 'emotion', *VOTES)
    for line, row in enumerate(iterate_table(table, columns), start=2):
        try:
            if row['usage'] not in SPLITS:
                raise ValueError(f"usage '{row['usage']}' does not exist")
            if row['usage'] == split:
                number = int(row['sheet'])
                if number not in sheets:
                    sheet = cv2.imread(str(path / f'sheet_{number:02d}.webp'),
                                       cv2.IMREAD_GRAYSCALE)
                    sheets[number] = None if sheet is None else np.asarray(sheet, np.uint8)
                image = _tile(sheets[number], number, int(row['tile']))
                rows.append((_label(row['emotion']), row['row'],
                             [float(row[column]) for column in VOTES]))
                images.append(image)
        except ValueError as error:
            problems.append(f'line {line}: {error}')
    if not rows:
        raise AffectError(f"{table}: no usable row of split '{split}'")
    labels, names, votes = pack(rows, (np.int64, np.str_, np.float32))
    return FaceData(source=f'FER-2013 {split}', task='emotion', images=np.stack(images),
                    labels=labels, names=names, votes=votes, problems=tuple(problems))


def read_ferplus(path: Path, split: str, *, ferplus: str = '') -> FaceData:
    """
    Return one official split with the majority of the FER+ votes for a label.

    Faces without a majority, and those whose majority is contempt, unknown or no face, are left
    out and counted.

    Args:
        path: folder of fer2013.csv or of the sheets (labels.csv), or the file fer2013.csv.
        split: one of SPLITS.
        ferplus: fer2013new.csv, where it does not lie beside fer2013.csv.

    Raises:
        AffectError: as the readers of FER-2013 do, and where there are no votes.
    """
    if (path / 'labels.csv').is_file():
        data = read_fer2013_sheets(path, split)
    else:
        data = read_fer2013_csv(path, split, ferplus=ferplus)
    if data.votes is None:
        raise AffectError(f'{path}: there is no {VOTES_TABLE}; put it beside fer2013.csv or name '
                          'it in data.options.ferplus')
    winner = majority(data.votes)
    kept = np.isin(winner, FERPLUS_COLUMNS)
    if not kept.any():
        raise AffectError(f'{data.source}: FER+ has no majority for any face')
    reasons = {-1: 'no majority', **dict(enumerate(VOTES))}
    counts = {reasons[verdict]: int((winner == verdict).sum())
              for verdict in np.unique(winner[~kept]).tolist()}
    counted = ', '.join(f'{count} {reason}' for reason, count in counts.items()) or 'none'
    return replace(data.select(kept), source=f'FER+ {split}',
                   labels=np.argsort(FERPLUS_COLUMNS)[winner[kept]],
                   notes=(f'left out by the FER+ rule: {counted}',))


def majority(votes: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """
    Return the FER+ column that wins each row, (N,) int64, -1 where none does.

    votes: (N, 10). The published rule: single votes do not count, and the winner needs more than
    half of the votes that are left.
    """
    counted = np.where(votes > 1.0, votes, 0.0)
    clear = counted.max(1, initial=0.0) > 0.5 * counted.sum(1)
    return np.where(clear, counted.argmax(1), -1).astype(np.int64)


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


def _check_split(path: Path, split: str) -> None:
    if split not in SPLITS:
        raise AffectError(f"{path}: split '{split}' is not one of {', '.join(SPLITS)}")


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
