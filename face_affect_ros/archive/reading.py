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

"""Reads results: a folder of tables, or one file of JSON lines."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
import functools
import itertools
import json
import os
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.archive.remote import reached
from face_affect_ros.archive.results import Results, Summary
from face_affect_ros.archive.schema import COLUMNS, problem_with_row, problem_with_stamp
from face_affect_ros.archive.sources import Source
from face_affect_ros.archive.tables import READ_AS, Row
from face_affect_ros.archive.timeline import rows_of_records
from face_affect_ros.paths import expanded, is_url


@dataclass(frozen=True)
class Part:
    """
    The results of one source and topic.

    Attributes:
        summary: Counts and stamps of the source.
        rows: Returns an iterator over the rows of its table, at each call.
    """

    summary: Summary
    rows: Callable[[], Iterator[Row]]

    @property
    def key(self) -> str:
        """Return the key of the source."""
        return Source(self.summary.source, self.summary.topic).key

    @property
    def title(self) -> str:
        """Return source and topic as text."""
        return ' '.join(filter(None, (self.summary.source, self.summary.topic)))


def parts_of(path: str) -> tuple[list[Part], dict[str, Any]]:
    """
    Read results.

    Args:
        path: A folder of `analyze --out`, or a file of JSON lines.

    Returns:
        The sources, and the metadata of the run, empty for JSON lines.

    Raises:
        AffectError: The path is neither, or contains no complete source.
    """
    metadata: dict[str, Any] = {}
    if not is_url(path) and os.path.isfile(expanded(path)):
        parts = _parts_of_lines(expanded(path))
    else:
        with reached(path):
            results = Results(path)
            metadata = results.metadata()
            parts = [Part(summary, functools.partial(results.rows, key))
                     for key, summary in results.summaries().items()]
        parts.sort(key=lambda part: part.title)   # keys of files of one name are in any order
    if not parts:
        raise AffectError(f'{path}: contains no complete source; run `face_affect analyze` '
                          'again, for a folder of results with --resume')
    return parts, metadata


def _parts_of_lines(path: Path) -> list[Part]:
    found: dict[tuple[str, str], Summary] = {}
    ids: dict[tuple[str, str], set[str]] = {}
    lines: dict[tuple[str, str], tuple[int, int]] = {}
    for number, (key, stamp, rows) in enumerate(_records(path)):
        lines[key] = lines.get(key, (number, 0))[0], number + 1
        before = found.get(key) or Summary(
            *key, frames=0, faces=0, tracks=0, skipped=0, first=stamp, last=stamp)
        seen = ids.setdefault(key, set())
        seen.update(row['id'] for row in rows)
        found[key] = replace(before, frames=before.frames + 1,
                             first=min(before.first, stamp), last=max(before.last, stamp),
                             faces=before.faces + len(rows), tracks=len(seen))
    return [Part(summary, functools.partial(_rows_of_lines, path, key, *lines[key]))
            for key, summary in found.items()]


def _rows_of_lines(path: Path, key: tuple[str, str], start: int, stop: int) -> Iterator[Row]:
    for each, _, rows in _records(path, start, stop):
        if each == key:
            yield from rows


def _records(path: Path, start: int = 0, stop: int | None = None
             ) -> Iterator[tuple[tuple[str, str], float, list[Row]]]:
    """
    Read JSON lines.

    Args:
        path: The file.
        start: Number of the first line, from 0.
        stop: Number after that of the last line, None for all lines.

    Yields:
        Of each line the source with its topic, the stamp in seconds, and a row for each face.

    Raises:
        AffectError: A line is not one of `analyze` or of the demo.
    """
    names = [column.name for column in COLUMNS]
    read, line = start, ''
    try:
        with path.open(encoding=READ_AS) as file:
            for line in itertools.islice(file, start, stop):
                read += 1
                record = json.loads(line)
                source, topic, stamp = record['source'], record.get('topic', ''), record['stamp']
                rows = list(rows_of_records([record], names))
                problem = problem_with_stamp(stamp) or next(filter(None, map(
                    problem_with_row, rows)), '')
                if problem or not isinstance(source, str) or not isinstance(topic, str):
                    raise ValueError(problem or 'the source is not a string')
                yield (source, topic), stamp, rows
    except OSError as error:
        raise AffectError(f'{path}: cannot be read: {error.strerror}') from error
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        why = f'no {error}' if isinstance(error, KeyError) else error
        remedy = ('it is the last one, and is incomplete, as after a power failure: remove it'
                  if isinstance(error, json.JSONDecodeError) and line.startswith('{')
                  and not line.endswith('\n')
                  else 'choose such a file, or a folder of `analyze --out`')
        raise AffectError(f'{path}: line {read} is not a JSON line of `face_affect analyze`: '
                          f'{why}; {remedy}') from error
