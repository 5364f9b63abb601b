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
UTKFace (Zhang, Song and Qi 2017): age_gender_race_date.jpg says all of a face.

Here it is for tests across data sets only, never for training.
"""

from pathlib import Path
import re

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.fairface import read_faces
from face_affect_training.data.pictures import Pictures
from face_affect_training.data.tables import age_group, find_file
from face_affect_training.data.types import FaceData, pack
import numpy as np

RACES = ('White', 'Black', 'Asian', 'Indian', 'Others')
NAME = re.compile(r'(\d{1,3})_([01])_([0-4])_\d+\.(?:jpe?g|png|webp)(?:\.chip\.jpg)?', re.I)
OLDEST = 116


def read_utkface(path: Path, split: str, *, size: int = 112) -> FaceData:
    """
    Return UTKFace; there are no official splits: 'all', or 'test' for utkface_test.csv.

    path: for 'all' a folder of pictures at any depth, or a zip archive of them; a picture that
    lies there more than once is read once. For 'test' the folder of utkface_test.csv (columns
    file, age, gender, race) and utkface_test.zip. size: of the chips, pixels. Files with another
    name, and unreadable ones, are skipped and named. Gender 0 of the file name, male, is class 1
    here. Raises AffectError where there are no such pictures.
    """
    if split == 'test':
        table = find_file(path, ('utkface_test.csv', 'test.csv'))
        return read_faces(table, 'UTKFace test', size)
    if split != 'all':
        raise AffectError(f"{path}: split '{split}' is not one of all, test")
    with Pictures(path) as pictures:
        rows, problems, notes = _rows(pictures.names())
        if not rows:
            raise AffectError(f'{path}: no picture is named as in UTKFace, '
                              'AGE_GENDER_RACE_DATE.jpg; unpack the archive and name its folder')
        names, labels, race, age = pack(rows, (np.str_, np.int64, np.str_, np.str_))
        images, readable = pictures.chips(names.tolist(), size)
    if not len(images):
        raise AffectError(f'{path}: none of the {len(rows)} pictures can be read')
    problems += [f'{name}: is unreadable' for name in names[~readable]]
    return FaceData(source='UTKFace all', task='gender', images=images, labels=labels[readable],
                    names=names[readable], problems=tuple(problems), notes=tuple(notes),
                    groups={'race': race[readable], 'age': age[readable]})


def _rows(names: list[str]) -> tuple[list[tuple[str, int, str, str]], list[str], list[str]]:
    """Return file, gender, race and age group by picture; problems; notes."""
    rows, problems, seen = [], [], set()
    for name in names:
        file = name.split('/')[-1]
        if file in seen:
            continue
        seen.add(file)
        found = NAME.fullmatch(file)
        if found is None or int(found.group(1)) > OLDEST:
            problems.append(f'{name}: is not named AGE_GENDER_RACE_DATE.jpg')
            continue
        age, gender, race = (int(number) for number in found.groups())
        rows.append((name, 1 - gender, RACES[race], age_group(age)))
    again = len(names) - len(seen)
    notes = [f'note: {again} pictures lie there once more and were read once'] if again else []
    return rows, problems, notes
