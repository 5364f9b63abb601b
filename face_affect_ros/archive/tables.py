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

"""The formats of a table: JSON lines, CSV and Parquet, written and read row by row."""

from collections.abc import Callable, Iterator, Mapping, Sequence
import contextlib
import csv
import json
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from face_affect_ros.affect.types import AffectError
from face_affect_ros.archive.schema import COLUMNS, problem_with_row, VERSION
from face_affect_ros.extras import import_extra

Row: TypeAlias = dict[str, Any]
#: Rows of a row group of a Parquet file: held in memory while it is written, and by readers.
GROUP = 8192
#: Encoding for reading: programs such as Excel write UTF-8 with a byte order mark.
READ_AS = 'utf-8-sig'
#: The key of the run's metadata among the metadata of a Parquet file.
KEY = b'face_affect'


class Table(Protocol):
    """A table that is being written."""

    def write(self, rows: Sequence[Row]) -> None:
        """Append rows, each with a value or None for each column."""


@contextlib.contextmanager
def _json_lines(path: Path, metadata: Mapping[str, Any]) -> Iterator[Table]:
    with path.open('w', encoding='utf-8') as file:
        yield _JsonLines(file)


class _JsonLines:
    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, rows: Sequence[Row]) -> None:
        self._file.writelines(f'{json.dumps(row)}\n' for row in rows)


@contextlib.contextmanager
def _csv(path: Path, metadata: Mapping[str, Any]) -> Iterator[Table]:
    with path.open('w', encoding='utf-8', errors='surrogateescape', newline='') as file:
        writer = csv.DictWriter(_Lines(file), [column.name for column in COLUMNS])
        writer.writeheader()
        yield _Csv(writer)


class _Lines:
    """Ends the lines of a CSV file by LF; only with its CR LF, csv quotes a CR in a value."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def write(self, line: str) -> None:
        self._file.write(line.removesuffix('\r\n') + '\n')


class _Csv:
    def __init__(self, writer: 'csv.DictWriter[str]') -> None:
        self._writer = writer

    def write(self, rows: Sequence[Row]) -> None:
        self._writer.writerows(rows)


@contextlib.contextmanager
def _parquet(path: Path, metadata: Mapping[str, Any]) -> Iterator[Table]:
    arrow, parquet = _pyarrow()
    kinds = {'string': arrow.string(), 'integer': arrow.int64(), 'number': arrow.float64()}
    schema = arrow.schema(
        [arrow.field(each.name, kinds[each.kind], each.nullable,
                     {'unit': each.unit, 'description': each.description}) for each in COLUMNS],
        {KEY: json.dumps(metadata)})
    # pyarrow encodes a path as UTF-8, and takes a new one such as run-12:30 for a URI
    with path.open('wb') as file, parquet.ParquetWriter(
            file, schema, compression='zstd') as writer:
        table = _Parquet(arrow, writer, schema)
        yield table
        table.flush()


class _Parquet:
    def __init__(self, arrow: Any, writer: Any, schema: Any) -> None:
        self._arrow, self._writer, self._schema = arrow, writer, schema
        self._rows: list[Row] = []

    def write(self, rows: Sequence[Row]) -> None:
        self._rows += rows
        if len(self._rows) >= GROUP:
            self.flush()

    def flush(self) -> None:
        self._writer.write_batch(self._arrow.RecordBatch.from_pylist(self._rows, self._schema))
        self._rows.clear()


def _pyarrow() -> tuple[Any, Any]:
    what = '--format parquet'
    return import_extra('pyarrow', 'tables', what), import_extra('pyarrow.parquet', 'tables', what)


WRITERS: dict[str, Callable[[Path, Mapping[str, Any]],
                            contextlib.AbstractContextManager[Table]]] = {
    'jsonl': _json_lines, 'csv': _csv, 'parquet': _parquet}
FORMATS = tuple(WRITERS)


def check_format(form: str) -> None:
    """Raise AffectError if a package that a format needs is not installed."""
    if form == 'parquet':
        _pyarrow()


def open_table(path: Path, form: str, metadata: Mapping[str, Any]
               ) -> contextlib.AbstractContextManager[Table]:
    """
    Open a table for writing; it is complete when the with statement ends.

    Args:
        path: File to write.
        form: Format, one of FORMATS.
        metadata: Metadata of the run, stored in a Parquet file.

    Returns:
        A context manager that yields the table.

    Raises:
        OSError: The file cannot be written, as on a full disk.
        AffectError: A package is missing.
    """
    return WRITERS[form](path, metadata)


def read_table(path: Path) -> Iterator[Row]:
    """
    Read a table.

    Args:
        path: The file; its suffix is that of the format.

    Yields:
        The rows, with None for each missing value.

    Raises:
        AffectError: The file is not a table of faces.
    """
    try:
        rows = {'.jsonl': _read_json_lines, '.csv': _read_csv, '.parquet': _read_parquet}[
            path.suffix.lower()](path)
        for row in rows:
            if not isinstance(row, dict) or row.keys() != _NAMES:
                raise AffectError(f'{path}: the columns are not those of version {VERSION} of the '
                                  'table of faces; read it with the package version that wrote it')
            problem = problem_with_row(row)
            if problem:
                raise ValueError(problem)
            yield row
    except KeyError as error:
        raise AffectError(f'{path}: the suffix is not that of a table: .jsonl, .csv, .parquet'
                          ) from error
    except (OSError, ValueError, RecursionError, csv.Error) as error:   # also those of pyarrow
        raise AffectError(f'{path}: cannot be read as a table: {error}') from error


_NAMES = {column.name for column in COLUMNS}


def _read_json_lines(path: Path) -> Iterator[Row]:
    with path.open(encoding=READ_AS) as file:
        for line in file:
            yield json.loads(line)


def _read_csv(path: Path) -> Iterator[Row]:
    kinds = {'string': str, 'integer': int, 'number': float}
    types = {column.name: kinds[column.kind] for column in COLUMNS}
    with path.open(encoding=READ_AS, errors='surrogateescape', newline='') as file:
        for row in csv.DictReader(file):
            yield {name: types.get(name, str)(value) if value else None
                   for name, value in row.items()}


def _read_parquet(path: Path) -> Iterator[Row]:
    parquet = _pyarrow()[1]
    with path.open('rb') as file, parquet.ParquetFile(file) as table:
        for batch in table.iter_batches():
            yield from batch.to_pylist()
