"""Reading CSV tables with errors that name the file and the remedy."""

import csv
from collections.abc import Iterator
from pathlib import Path

from face_affect_ros.affect.types import AffectError


def read_table(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header line, see iterate_table."""
    return list(iterate_table(path, needed))


def iterate_table(path: Path, needed: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """Yield the rows of a CSV file with a header line, one at a time.

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
    """Return the path itself where it is a file, else the first of these files in the folder.

    Raises AffectError where there is none.
    """
    if path.is_file():
        return path
    for name in names:
        if (path / name).is_file():
            return path / name
    raise AffectError(f"{path}: there is no {' and no '.join(names)}")
