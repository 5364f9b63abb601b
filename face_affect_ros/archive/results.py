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
A folder of results: one table and one summary for each source.

RESULTS/run.json contains the metadata of the run. faces/KEY.FORMAT is the table of one source,
complete or absent. sources/KEY.json is its summary; it is written last, when the source is
complete.
"""

from collections.abc import Iterator, Sequence
import contextlib
from dataclasses import asdict, dataclass, fields
import json
import os
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.archive.remote import reached
from face_affect_ros.archive.schema import problem_with_stamp, VERSION
from face_affect_ros.archive.sources import Source
from face_affect_ros.archive.storage import open_storage, StorageError
from face_affect_ros.archive.tables import FORMATS, open_table, read_table, Row, Table

RUN, FACES, SOURCES = 'run.json', 'faces', 'sources'
#: Maximum length of a value in an error message.
SHOWN = 200


@dataclass(frozen=True)
class Summary:
    """
    The summary of one complete source.

    Attributes:
        source: Path or URL.
        topic: Image topic of a bag, else ''.
        frames: Number of images.
        faces: Number of rows of the table.
        tracks: Number of track ids.
        skipped: Number of images that could not be read.
        first: Earliest stamp of an image in seconds.
        last: Latest stamp of an image in seconds.
    """

    source: str
    topic: str
    frames: int
    faces: int
    tracks: int
    skipped: int
    first: float
    last: float

    def __post_init__(self) -> None:
        """Raise TypeError for a value of another type or no stamp, as in a damaged file."""
        for each in fields(self):
            kind: Any = (int, float) if each.type is float else each.type
            if not isinstance(getattr(self, each.name), kind):
                raise TypeError(f'{each.name} is of another type')
        if problem_with_stamp(self.first) or problem_with_stamp(self.last):
            raise TypeError('first or last is not a stamp')


class Results:
    """A folder of results, local or at a URL; several processes may write to it at once."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        """Select a path or URL; nothing is created yet."""
        self.folder = os.fspath(folder)
        self._storage = open_storage(self.folder)

    def begin(self, metadata: dict[str, Any], *, resume: bool) -> None:
        """
        Prepare the folder for a run.

        Args:
            metadata: `metadata_of` the run.
            resume: Whether the folder may contain results of the same run.

        Raises:
            AffectError: The folder contains other files, results without `resume`, or results of a
                run with other models or settings.
        """
        names = self._storage.names()
        before = self.metadata() if names else {}
        if not names or (names == {RUN} and not resume):   # after a run that opened no source
            self._storage.write(RUN, json.dumps(metadata, indent=1) + '\n')
            return
        if not resume:
            raise AffectError(f'{self.folder}: already contains results; use --resume to '
                              'continue them, or choose another folder with --out')
        wrong = [name for name in metadata if metadata[name] != before.get(name)]
        if wrong:
            raise AffectError(
                f'{self.folder}: was started with other {", ".join(wrong)}: '
                f'{_short(before.get(wrong[0]))}, now {_short(metadata[wrong[0]])}; '
                'use the same options, or choose another folder with --out')
        self._storage.clean(FACES)

    def metadata(self) -> dict[str, Any]:
        """Return the metadata of the run; AffectError if the folder contains no results."""
        try:
            metadata = dict(json.loads(self._storage.read(RUN) or ''))
            version = metadata['schema_version']
            if metadata['format'] not in FORMATS:
                raise ValueError(metadata['format'])
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise AffectError(f'{self.folder}: is not a folder of results, {RUN} is missing or '
                              'invalid; choose another') from error
        if version != VERSION:
            raise AffectError(f'{self.folder}: has version {version} of the table of faces, not '
                              f'{VERSION}; read it with the package version that wrote it')
        return metadata

    def summary_of(self, source: Source) -> Summary | None:
        """Return the summary of a source, None if it is not complete."""
        return self._summary(f'{SOURCES}/{source.key}.json')

    def summaries(self) -> dict[str, Summary]:
        """Return the summaries of the complete sources by key."""
        names = sorted(name for name in self._storage.names(SOURCES) if name.endswith('.json'))
        found = {name.removesuffix('.json'): self._summary(f'{SOURCES}/{name}') for name in names}
        return {key: summary for key, summary in found.items() if summary is not None}

    def _summary(self, name: str) -> Summary | None:
        """Return the summary in a file, None if it does not exist; AffectError if it is broken."""
        try:
            text = self._storage.read(name)
            summary = None if text is None else Summary(**json.loads(text))
        except (ValueError, TypeError, RecursionError) as error:
            raise AffectError(f'{self.folder}/{name}: is not the summary of a source; remove it '
                              'and run `face_affect analyze --resume`') from error
        return summary

    @contextlib.contextmanager
    def table(self, source: Source, metadata: dict[str, Any]) -> Iterator[Table]:
        """Yield the table of a source to write; it exists once the with statement has ended."""
        name = f"{FACES}/{source.key}.{metadata['format']}"
        with self._storage.new_file(name) as path, _NamedTable(
                open_table(path, metadata['format'], metadata), self.folder) as table:
            yield table

    def finish(self, source: Source, summary: Summary) -> None:
        """Write the summary of a source, after its table."""
        self._storage.write(f'{SOURCES}/{source.key}.json',
                            json.dumps(asdict(summary), indent=1) + '\n')

    def rows(self, key: str) -> Iterator[Row]:
        """Yield the rows of a complete source by its key."""
        with reached(self.folder), self._storage.local(
                f"{FACES}/{key}.{self.metadata()['format']}") as path:
            yield from read_table(path)


class _NamedTable:
    """A table whose errors name the folder and differ from those of a source."""

    def __init__(self, opened: contextlib.AbstractContextManager[Table], folder: str) -> None:
        self._opened, self._folder = opened, folder

    def __enter__(self) -> '_NamedTable':
        with _named(self._folder):
            self._table = self._opened.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        with _named(self._folder):   # the rest of the rows is written here, also after an error
            self._opened.__exit__(*exception)

    def write(self, rows: Sequence[Row]) -> None:
        with _named(self._folder):
            self._table.write(rows)


@contextlib.contextmanager
def _named(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f'{folder}: cannot be written: {error.strerror or error}; choose '
                           'another folder with --out') from error


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) < SHOWN else f'{text[:SHOWN]}...'
