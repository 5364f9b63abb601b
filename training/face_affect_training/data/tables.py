"""Reading CSV tables with errors that name the file and the remedy."""

import csv
from pathlib import Path

from face_affect_ros.affect.types import AffectError


def read_table(path: Path, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """Return the rows of a CSV file with a header line.

    needed: columns that must be there. Raises AffectError where the file or a column is missing.
    """
    try:
        with path.open(newline='', encoding='utf-8') as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            header = reader.fieldnames or []
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AffectError(f'{path}: cannot be read as a CSV table: {error}') from error
    missing = [column for column in needed if column not in header]
    if missing:
        raise AffectError(f"{path}: the column {', '.join(missing)} is missing from its header")
    return rows
