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
import json
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.archive.results import Results, Summary
from face_affect_ros.archive.schema import COLUMNS
from face_affect_ros.archive.sources import Source
from face_affect_ros.archive.tables import Row
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
    if not is_url(path) and expanded(path).is_file():
        parts = _parts_of_lines(expanded(path))
    else:
        results = Results(path)
        metadata = results.metadata()
        parts = [Part(summary, functools.partial(results.rows, key))
                 for key, summary in results.summaries().items()]
    if not parts:
        raise AffectError(f'{path}: contains no complete source; run `face_affect '
                          'analyze --resume`')
    return parts, metadata


def _parts_of_lines(path: Path) -> list[Part]:
    found: dict[tuple[str, str], Summary] = {}
    ids: dict[tuple[str, str], set[str]] = {}
    for record in _records(path):
        key = (record['source'], record.get('topic', ''))
        before = found.get(key) or Summary(
            *key, frames=0, faces=0, tracks=0, skipped=0, first=record['stamp'], last=0.0)
        seen = ids.setdefault(key, set())
        seen.update(face['id'] for face in record['faces'])
        found[key] = replace(before, frames=before.frames + 1, last=record['stamp'],
                             faces=before.faces + len(record['faces']), tracks=len(seen))
    return [Part(summary, functools.partial(_rows_of_lines, path, key))
            for key, summary in found.items()]


def _rows_of_lines(path: Path, key: tuple[str, str]) -> Iterator[Row]:
    chosen = (record for record in _records(path)
              if (record['source'], record.get('topic', '')) == key)
    return rows_of_records(chosen, [column.name for column in COLUMNS])


def _records(path: Path) -> Iterator[dict[str, Any]]:
    """Yield JSON lines; AffectError if they are not those of `analyze` or of the demo."""
    read = 0
    try:
        with path.open(encoding='utf-8') as file:
            for line in file:
                read += 1
                record = json.loads(line)
                if not {'source', 'stamp', 'width', 'height', 'faces'} <= record.keys():
                    raise ValueError('fields are missing')
                yield record
    except OSError as error:
        raise AffectError(f'{path}: cannot be read: {error.strerror}') from error
    except (ValueError, AttributeError) as error:
        raise AffectError(f'{path}: line {read} is not a JSON line of `face_affect analyze`: '
                          f'{error}; choose such a file, or a folder of `analyze --out`'
                          ) from error
