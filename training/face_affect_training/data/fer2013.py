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
FER-2013 (Goodfellow et al. 2013) in two formats, with the votes of FER+ (Barsoum et al. 2016).

The published format is fer2013.csv or icml_face_data.csv, the shared one labels.csv and lossless
images of 64 x 64 faces. FER+ is fer2013new.csv with the votes of ten people for each row of
fer2013.csv, in the same order.
"""

from collections.abc import Callable
import functools
from pathlib import Path
from typing import Any

import cv2
from face_affect_ros.affect.types import AffectError, EMOTIONS, ImageArray
from face_affect_training.data.faces import FaceData
from face_affect_training.data.files import find_file, first_problem, iterate_table
import numpy as np
import numpy.typing as npt

SPLITS = ('Training', 'PublicTest', 'PrivateTest')
TABLES = ('fer2013.csv', 'icml_face_data.csv')
VOTES_TABLE = 'fer2013new.csv'
#: Side of a face in pixels, and number of faces in a row of a sheet.
TILE, PER_ROW = 48, 64
#: Columns of FER+ votes; NF: not a face.
VOTES = ('neutral', 'happiness', 'surprise', 'sadness', 'anger', 'disgust', 'fear', 'contempt',
         'unknown', 'NF')


def read_fer2013_csv(path: Path, split: str) -> FaceData:
    """
    Return a split of the published table; corrupt rows are skipped and reported.

    Args:
        path: table (columns emotion, pixels, Usage), or its folder. FER+ votes are read from
            fer2013new.csv beside it, if it exists.
        split: one of SPLITS.

    Raises:
        AffectError: the split is unknown or has no valid row, the table is missing, or the FER+
            votes do not match.
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
    Return a split of the sheets; corrupt rows are skipped and reported.

    Args:
        path: folder of labels.csv and sheet_NN.webp.
        split: one of SPLITS.

    Raises:
        AffectError: the split is unknown or has no valid row, or the table is missing.
    """
    @functools.cache
    def sheet(number: int) -> ImageArray | None:
        image = cv2.imread(str(path / f'sheet_{number:02d}.webp'), cv2.IMREAD_GRAYSCALE)
        return None if image is None else np.asarray(image, np.uint8)

    def parse(row: dict[str, str]) -> tuple[int, ImageArray, str, list[float]]:
        number = int(row['sheet'])
        return (_label(row['emotion']), _tile(sheet(number), number, int(row['tile'])),
                row['row'], _row_of_votes(row))

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
    Return index and content of the rows of a split, problems, and the split of each row.

    columns: the last one is the split. parse: raises ValueError for a corrupt row.
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
        raise AffectError(f"{table}: no valid row of split '{split}'{first_problem(problems)}")
    return rows, tuple(problems), usages


def _votes(path: Path, usages: list[str], table: Path) -> npt.NDArray[np.float32]:
    """Return the votes (N, 10) by row; the image names of FER+ are not numbers of rows."""
    votes, theirs = [], []
    for index, row in enumerate(iterate_table(path, ('Usage', *VOTES))):
        try:
            votes.append(_row_of_votes(row))
        except ValueError as error:
            raise AffectError(f'{path}: line {index + 2}: {error}') from error
        theirs.append(row['Usage'].strip())
    if len(theirs) != len(usages) or any(our in SPLITS and our != other
                                         for our, other in zip(usages, theirs)):
        raise AffectError(f'{path}: does not belong to {table}: {len(theirs)} and {len(usages)} '
                          'rows, or rows of other splits; use the published files, or remove '
                          'the votes')
    return np.array(votes, np.float32)


def _row_of_votes(row: dict[str, str]) -> list[float]:
    """Return the votes of a row. Raises ValueError for other values than numbers >= 0."""
    votes = [float(row[column]) for column in VOTES]
    if not all(0.0 <= vote < np.inf for vote in votes):   # false for NaN
        raise ValueError(f'the votes {votes} are not numbers of at least 0')
    return votes


def _label(text: str) -> int:
    if text.strip() not in map(str, range(len(EMOTIONS))):
        raise ValueError(f"emotion '{text}' does not exist")
    return int(text)


def _image(text: str) -> ImageArray:
    """Return the image of 2,304 numbers. Raises ValueError for other text."""
    pixels = [int(word) for word in text.split()]
    if len(pixels) != TILE * TILE:
        raise ValueError(f'{len(pixels)} pixels instead of {TILE * TILE}')
    if not 0 <= min(pixels) <= max(pixels) <= 255:
        raise ValueError(f'pixels from {min(pixels)} to {max(pixels)}, outside of 0 to 255')
    return np.array(pixels, np.uint8).reshape(TILE, TILE)


def _tile(sheet: ImageArray | None, number: int, tile: int) -> ImageArray:
    y, x = TILE * (tile // PER_ROW), TILE * (tile % PER_ROW)
    if sheet is None or tile < 0 or y + TILE > sheet.shape[0] or x + TILE > sheet.shape[1]:
        raise ValueError(f'sheet {number} has no tile {tile}')
    return sheet[y:y + TILE, x:x + TILE]
