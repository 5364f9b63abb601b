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

FairFace is a table of file, age, gender and race, and images in a zip archive or a folder beside
it. The file names of UTKFace, age_gender_race_date.jpg, contain the labels. UTKFace is for tests
only.
"""

from pathlib import Path
import re

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.faces import FaceData
from face_affect_training.data.files import (
    age_group,
    find_file,
    first_problem,
    iterate_table,
    open_place,
    picture_names,
    Place,
    read_chips,
)
import numpy as np

GENDER_OF = {'Female': 0, 'Male': 1}
RACES = ('White', 'Black', 'Asian', 'Indian', 'Others')
NAME = re.compile(r'(\d{1,3})_([01])_([0-4])_\d+\.(?:jpe?g|png|webp)(?:\.chip\.jpg)?', re.I)
OLDEST = 116
#: File, its name in messages, class, race and age group.
Row = tuple[str, str, int, str, str]


def read_fairface(path: Path, split: str) -> FaceData:
    """
    Return a split of FairFace; rows without an image or gender are skipped and reported.

    Args:
        path: folder of fairface_label_SPLIT.csv, fairface_SPLIT.csv or SPLIT.csv, with the images
            in the zip archive of the same name or in this folder.
        split: 'train', 'val', or another one with a table.

    Raises:
        AffectError: the table or all images are missing.
    """
    names = tuple(f'{start}{split}.csv' for start in ('fairface_', 'fairface_label_', ''))
    return _read_table(find_file(path, names), f'FairFace {split}')


def read_utkface(path: Path, split: str) -> FaceData:
    """
    Return UTKFace; unreadable files and other file names are skipped and reported.

    Args:
        path: for 'all', a folder or zip archive of images in any subfolders; a file name is read
            once. For 'test', the folder of utkface_test.csv (columns file, age, gender, race) and
            utkface_test.zip.
        split: 'all' or 'test'; there are no official splits.

    Raises:
        AffectError: there are no images.
    """
    if split == 'test':
        return _read_table(find_file(path, ('utkface_test.csv', 'test.csv')), 'UTKFace test')
    if split != 'all':
        raise AffectError(f"{path}: split '{split}' is not one of all, test")
    place = open_place(path)
    rows: list[Row] = []
    problems = []
    by_file = {name.split('/')[-1]: name for name in reversed(picture_names(place))}
    for file, name in sorted(by_file.items()):
        match = NAME.fullmatch(file)
        if match is None or int(match.group(1)) > OLDEST:
            problems.append(f'{name}: is not named AGE_GENDER_RACE_DATE.jpg')
            continue
        age, gender, race = (int(number) for number in match.groups())
        rows.append((name, name, 1 - gender, RACES[race], age_group(age)))   # 0 is male there
    return _faces(place, rows, 'UTKFace all', path, problems)


def _read_table(table: Path, source: str) -> FaceData:
    """Return the faces of a table with the columns file, gender and optionally race and age."""
    rows: list[Row] = []
    problems = []
    for line, row in enumerate(iterate_table(table, ('file', 'gender')), start=2):
        gender = GENDER_OF.get(row['gender'].strip().capitalize())
        if gender is None:
            problems.append(f"line {line}: gender '{row['gender']}' is neither Female nor Male")
            continue
        age = row.get('age', '').strip()
        rows.append((row['file'], f"line {line}: image '{row['file']}'", gender,
                     row.get('race', '').strip(),
                     age_group(int(age)) if age.isdecimal() else age))
    archive = table.with_suffix('.zip')
    place = open_place(archive if archive.is_file() else table.parent)
    return _faces(place, rows, source, table, problems)


def _faces(place: Place, rows: list[Row], source: str, path: Path,
           problems: list[str]) -> FaceData:
    """Return the faces of these rows. Raises AffectError if no image can be read."""
    images, readable = read_chips(place, [row[0] for row in rows])
    if not len(images):
        raise AffectError(f'{path}: none of {len(rows)} images can be read; those of FairFace are '
                          'in the zip archive with the name of the table or in its folder, '
                          'those of UTKFace are named AGE_GENDER_RACE_DATE.jpg'
                          f'{first_problem(problems)}')
    files, titles, labels, race, age = (np.array(column) for column in zip(*rows))
    unreadable = [f'{name} is missing or unreadable' for name in titles[~readable].tolist()]
    return FaceData(source=source, task='gender', images=images, labels=labels[readable],
                    names=files[readable], problems=(*problems, *unreadable),
                    groups={'race': race[readable], 'age': age[readable]})
