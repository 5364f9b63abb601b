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

"""Reading CSV tables with errors that name the file and the remedy, and groups of ages."""

from collections.abc import Iterator
import csv
from pathlib import Path

from face_affect_ros.affect.types import AffectError

#: First year of each age group of FairFace (Karkkainen and Joo 2021), for all data sets alike, and
#: its name; the last one is FairFace's own wording for 70 and above.
GROUPS = ((0, '0-2'), (3, '3-9'), (10, '10-19'), (20, '20-29'), (30, '30-39'), (40, '40-49'),
          (50, '50-59'), (60, '60-69'), (70, 'more than 70'))


def read_table(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header line, see iterate_table."""
    return list(iterate_table(path, needed))


def iterate_table(path: Path, needed: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """
    Yield the rows of a CSV file with a header line, one at a time.

    needed: columns that must be there; spaces around a column's name and in front of a value do
    not matter. A row that is too short has '' in the columns that it lacks. Raises AffectError
    where the file cannot be read or a column is missing.
    """
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            reader = csv.DictReader(file, restval='', skipinitialspace=True)
            reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
            missing = [column for column in needed if column not in reader.fieldnames]
            if missing:
                raise AffectError(f"{path}: the column {', '.join(missing)} is missing from its "
                                  'header')
            yield from reader
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AffectError(f'{path}: cannot be read as a CSV table: {error}') from error


def find_file(path: Path, names: tuple[str, ...]) -> Path:
    """
    Return the path itself where it is a file, else the first of these files in the folder.

    Raises AffectError where there is none.
    """
    if path.is_file():
        return path
    for name in names:
        if (path / name).is_file():
            return path / name
    raise AffectError(f"{path}: there is no {' and no '.join(names)}")


def age_group(years: int) -> str:
    """Return the group of an age in years, 'unknown' where it is negative or above 120."""
    if not 0 <= years <= 120:
        return 'unknown'
    return next(name for first, name in reversed(GROUPS) if years >= first)
