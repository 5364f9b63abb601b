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
FER-2013 as lossless sheets of 64 x 64 tiles beside labels.csv, with the FER+ votes.

FER-2013: Goodfellow et al. 2013. FER+: Barsoum et al. 2016, ten taggers a face.
"""

from pathlib import Path

import cv2
from face_affect_ros.affect.types import AffectError, EMOTIONS, ImageArray
from face_affect_training.data.ferplus_votes import VOTES
from face_affect_training.data.tables import read_table
from face_affect_training.data.types import FaceData, pack
import numpy as np

SPLITS = ('Training', 'PublicTest', 'PrivateTest')
TILE = 48
PER_ROW = 64


def read_fer2013_sheets(path: Path, split: str) -> FaceData:
    """
    Return one official split ('Training', 'PublicTest', 'PrivateTest').

    path: folder of labels.csv and sheet_NN.webp. Rows without a readable tile or with a label
    outside 0 to 6 are skipped and named. Raises AffectError for an unknown split, for a missing
    table, and where the split has no row at all.
    """
    check_split(path, split)
    table = path / 'labels.csv'
    rows, images, problems = [], [], []
    sheets: dict[int, ImageArray | None] = {}
    wanted = ('sheet', 'tile', 'row', 'usage', 'emotion', *VOTES)
    for line, row in enumerate(read_table(table, wanted), start=2):
        if row['usage'] not in SPLITS:
            problems.append(f"line {line}: usage '{row['usage']}' does not exist")
            continue
        if row['usage'] != split:
            continue
        try:
            number, tile, emotion = int(row['sheet']), int(row['tile']), int(row['emotion'])
            votes = [float(row[column]) for column in VOTES]
        except ValueError as error:
            problems.append(f'line {line}: {error}')
            continue
        if number not in sheets:
            sheet = cv2.imread(str(path / f'sheet_{number:02d}.webp'), cv2.IMREAD_GRAYSCALE)
            sheets[number] = None if sheet is None else np.asarray(sheet, np.uint8)
        picture = _tile(sheets[number], tile)
        if picture is None:
            problems.append(f'line {line}: sheet {number} has no tile {tile}')
        elif not 0 <= emotion < len(EMOTIONS):
            problems.append(f'line {line}: emotion {emotion} does not exist')
        else:
            images.append(picture)
            rows.append((emotion, row['row'], votes))
    if not rows:
        raise AffectError(f"{table}: no usable row of split '{split}'")
    labels, names, votes_array = pack(rows, (np.int64, np.str_, np.float32))
    return FaceData(source=f'FER-2013 {split}', task='emotion', images=np.stack(images),
                    labels=labels, names=names, votes=votes_array, problems=tuple(problems))


def check_split(path: Path, split: str) -> None:
    """Raise AffectError for a split that FER-2013 does not have."""
    if split not in SPLITS:
        raise AffectError(f"{path}: split '{split}' is not one of {', '.join(SPLITS)}")


def _tile(sheet: ImageArray | None, tile: int) -> ImageArray | None:
    if sheet is None or tile < 0:
        return None
    y, x = TILE * (tile // PER_ROW), TILE * (tile % PER_ROW)
    if y + TILE > sheet.shape[0] or x + TILE > sheet.shape[1]:
        return None
    return sheet[y:y + TILE, x:x + TILE]
