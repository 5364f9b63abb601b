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
FairFace (Karkkainen and Joo 2021): a table of file, age, gender and race, and the face chips.

The chips lie in a zip archive or in a folder beside the table.
"""

from pathlib import Path

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.pictures import Pictures
from face_affect_training.data.tables import age_group, find_file, read_table
from face_affect_training.data.types import FaceData, pack
import numpy as np

GENDER_OF = {'Female': 0, 'Male': 1}


def read_fairface(path: Path, split: str, *, size: int = 112) -> FaceData:
    """
    Return one split ('train', 'val', or any NAME with NAME.csv there).

    path: folder of fairface_label_SPLIT.csv, fairface_SPLIT.csv or SPLIT.csv. The pictures are in
    the zip archive of the same name, else in this folder, in a folder in it, or in a zip archive
    in it. size: of the chips, pixels; larger ones take memory, size * size * 3 bytes each. Rows
    without a readable picture or with an unknown gender are skipped and named. Raises AffectError
    where the table or all pictures are missing.
    """
    names = tuple(f'{start}{split}.csv' for start in ('fairface_', 'fairface_label_', ''))
    return read_faces(find_file(path, names), f'FairFace {split}', size)


def read_faces(table: Path, source: str, size: int) -> FaceData:
    """Return the faces of a table with the columns file and gender, optionally race and age."""
    columns: list[tuple[str, int, str, str]] = []
    lines, problems = [], []
    for line, row in enumerate(read_table(table, ('file', 'gender')), start=2):
        gender = GENDER_OF.get(row['gender'].strip().capitalize())
        if gender is None:
            problems.append(f"line {line}: gender '{row['gender']}' is neither Female nor Male")
            continue
        age = row.get('age', '').strip()
        columns.append((row['file'], gender, row.get('race', '').strip(),
                        age_group(int(age)) if age.isdecimal() else age))
        lines.append(line)
    names, labels, race, age_groups = pack(columns, (np.str_, np.int64, np.str_, np.str_))
    with Pictures(_place(table, names[:100].tolist())) as pictures:
        images, readable = pictures.chips(names.tolist(), size)
    if not len(images):
        raise AffectError(f'{table}: no row with a readable picture; are the pictures in '
                          f"{table.with_suffix('.zip').name} or in the folder beside it?")
    problems += [f"line {lines[index]}: picture '{names[index]}' is missing or unreadable"
                 for index in np.flatnonzero(~readable)]
    return FaceData(source=source, task='gender', images=images, labels=labels[readable],
                    names=names[readable], problems=tuple(problems),
                    groups={'race': race[readable], 'age': age_groups[readable]})


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
