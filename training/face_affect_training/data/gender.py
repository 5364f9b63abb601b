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
FairFace (Karkkainen and Joo 2021) and UTKFace (Zhang, Song and Qi 2017).

FairFace is a table of file, age, gender and race, and the face chips in a zip archive or a folder
beside it. In UTKFace, the file name age_gender_race_date.jpg has the labels of a face; it is for
tests across data sets only, never for training.
"""

from dataclasses import replace
from pathlib import Path
import re

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.faces import FaceData, pack
from face_affect_training.data.files import age_group, find_file, iterate_table, Pictures
import numpy as np
import numpy.typing as npt

GENDER_OF = {'Female': 0, 'Male': 1}
RACES = ('White', 'Black', 'Asian', 'Indian', 'Others')
NAME = re.compile(r'(\d{1,3})_([01])_([0-4])_\d+\.(?:jpe?g|png|webp)(?:\.chip\.jpg)?', re.I)
OLDEST = 116


def read_fairface(path: Path, split: str, *, size: int = 112) -> FaceData:
    """
    Return one split of FairFace.

    Rows without a readable picture or with an unknown gender are skipped and named.

    Args:
        path: folder of fairface_label_SPLIT.csv, fairface_SPLIT.csv or SPLIT.csv. The pictures
            are in the zip archive of the same name, else in this folder, in a folder in it, or in
            a zip archive in it.
        split: 'train', 'val', or any other that has a table.
        size: of the chips, pixels.

    Raises:
        AffectError: the table or all pictures are missing.
    """
    names = tuple(f'{start}{split}.csv' for start in ('fairface_', 'fairface_label_', ''))
    return _read_faces(find_file(path, names), f'FairFace {split}', size)


def read_utkface(path: Path, split: str, *, size: int = 112) -> FaceData:
    """
    Return UTKFace.

    Files with another name, and unreadable ones, are skipped and named. Gender 0 of the file
    name, male, is class 1 here.

    Args:
        path: for 'all' a folder of pictures at any depth, or a zip archive of them; a picture
            that lies there more than once is read once. For 'test' the folder of utkface_test.csv
            (columns file, age, gender, race) and utkface_test.zip.
        split: 'all' or 'test'; there are no official splits.
        size: of the chips, pixels.

    Raises:
        AffectError: there are no such pictures.
    """
    if split == 'test':
        return _read_faces(find_file(path, ('utkface_test.csv', 'test.csv')), 'UTKFace test', size)
    if split != 'all':
        raise AffectError(f"{path}: split '{split}' is not one of all, test")
    rows, problems, seen = [], [], set()
    with Pictures(path) as pictures:
        names = pictures.names()
        for name in names:
            file = name.split('/')[-1]
            found = NAME.fullmatch(file)
            if file in seen:
                continue
            seen.add(file)
            if found is None or int(found.group(1)) > OLDEST:
                problems.append(f'{name}: is not named AGE_GENDER_RACE_DATE.jpg')
                continue
            age, gender, race = (int(number) for number in found.groups())
            rows.append((name, 1 - gender, RACES[race], age_group(age)))
        if not rows:
            raise AffectError(f'{path}: no picture is named as in UTKFace, '
                              'AGE_GENDER_RACE_DATE.jpg; unpack the archive and name its folder')
        data, readable = _faces(pictures, rows, 'UTKFace all', size)
    if not len(data):
        raise AffectError(f'{path}: none of the {len(rows)} pictures can be read')
    problems += [f'{rows[index][0]}: is unreadable' for index in np.flatnonzero(~readable)]
    again = len(names) - len(seen)
    notes = (f'note: {again} pictures lie there once more and were read once',) if again else ()
    return replace(data, problems=tuple(problems), notes=notes)


def _read_faces(table: Path, source: str, size: int) -> FaceData:
    """Return the faces of a table with the columns file and gender, optionally race and age."""
    rows: list[tuple[str, int, str, str]] = []
    lines, problems = [], []
    for line, row in enumerate(iterate_table(table, ('file', 'gender')), start=2):
        gender = GENDER_OF.get(row['gender'].strip().capitalize())
        if gender is None:
            problems.append(f"line {line}: gender '{row['gender']}' is neither Female nor Male")
            continue
        age = row.get('age', '').strip()
        rows.append((row['file'], gender, row.get('race', '').strip(),
                     age_group(int(age)) if age.isdecimal() else age))
        lines.append(line)
    with Pictures(_place(table, [row[0] for row in rows[:100]])) as pictures:
        data, readable = _faces(pictures, rows, source, size)
    if not len(data):
        raise AffectError(f'{table}: no row with a readable picture; are the pictures in '
                          f"{table.with_suffix('.zip').name} or in the folder beside it?")
    problems += [f"line {lines[index]}: picture '{rows[index][0]}' is missing or unreadable"
                 for index in np.flatnonzero(~readable)]
    return replace(data, problems=tuple(problems))


def _faces(pictures: Pictures, rows: list[tuple[str, int, str, str]], source: str,
           size: int) -> tuple[FaceData, npt.NDArray[np.bool_]]:
    """Return the faces of rows of file, class, race and age group, and which are readable."""
    names, labels, race, age = pack(rows, (np.str_, np.int64, np.str_, np.str_))
    images, readable = pictures.chips(names.tolist(), size)
    return FaceData(source=source, task='gender', images=images, labels=labels[readable],
                    names=names[readable],
                    groups={'race': race[readable], 'age': age[readable]}), readable


def _place(table: Path, some: list[str]) -> Path:
    """Return the archive or folder in which some of the files lie."""
    own, folder = table.with_suffix('.zip'), table.parent
    if own.is_file():
        return own
    for place in (folder, *sorted(child for child in folder.iterdir() if child.is_dir()),
                  *sorted(folder.glob('*.zip'))):
        with Pictures(place) as pictures:
            if any(pictures.holds(name) for name in some):
                return place
    return folder
