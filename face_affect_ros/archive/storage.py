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

"""Storage of results: a local folder, or one at a URL, by fsspec."""

from collections.abc import Iterator
import contextlib
import os
from pathlib import Path
from typing import Protocol

from face_affect_ros.affect.types import AffectError
from face_affect_ros.paths import expanded, is_url

#: First character of the names of files that are being written. Readers of a folder of tables,
#: such as pyarrow, pandas and Dask, skip them.
HIDDEN = '.'


class StorageError(AffectError):
    """Results cannot be read or written: an error for all sources."""


class Storage(Protocol):
    """A folder whose files are complete or absent, even if the writing process is killed."""

    def names(self, folder: str = '') -> set[str]:
        """Return the names in a folder, without hidden ones; none if the folder is missing."""

    def read(self, name: str) -> str | None:
        """Return the text of a file, None if it does not exist."""

    def write(self, name: str, text: str) -> None:
        """Write a file."""

    def new_file(self, name: str) -> contextlib.AbstractContextManager[Path]:
        """Yield a local path to write to; it becomes the file when the with statement ends."""

    def local(self, name: str) -> contextlib.AbstractContextManager[Path]:
        """Yield a local path of a file, valid during the with statement."""

    def clean(self, folder: str) -> None:
        """Remove the files that interrupted runs have left in a folder."""


def open_storage(folder: str) -> Storage:
    """Return the storage of a path or URL; AffectError if a package is missing."""
    if is_url(folder) and not folder.startswith('file://'):
        from face_affect_ros.archive.remote import RemoteStorage
        return RemoteStorage(folder)
    return LocalStorage(folder.removeprefix('file://'))


class LocalStorage:
    """A folder on a local or shared disk."""

    def __init__(self, folder: str) -> None:
        """Select a folder; it is created when the first file is written."""
        self._folder = expanded(folder)

    def names(self, folder: str = '') -> set[str]:
        """Return the names in a folder, without hidden ones; none if the folder is missing."""
        with self._named(folder, 'read'), contextlib.suppress(FileNotFoundError):
            return {name for name in os.listdir(self._folder / folder)
                    if not name.startswith(HIDDEN)}
        return set()

    def read(self, name: str) -> str | None:
        """Return the text of a file, None if it does not exist."""
        with self._named(name, 'read'), contextlib.suppress(FileNotFoundError):
            return (self._folder / name).read_text(encoding='utf-8')
        return None

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        with self.new_file(name) as path, self._named(name, 'written'):
            path.write_text(text, encoding='utf-8')

    @contextlib.contextmanager
    def new_file(self, name: str) -> Iterator[Path]:
        """Yield a local path to write to; it becomes the file when the with statement ends."""
        path = self._folder / name
        new = path.with_name(f'{HIDDEN}{path.name}.{os.uname().nodename}.{os.getpid()}')
        with self._named(name, 'written'):
            path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield new
            with self._named(name, 'written'):
                with new.open('rb') as file:
                    os.fsync(file.fileno())   # complete, even after a power failure
                os.replace(new, path)
        finally:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)

    @contextlib.contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """Yield the path of a file."""
        yield self._folder / name

    def clean(self, folder: str) -> None:
        """Remove the files that interrupted runs on this machine have left in a folder."""
        for path in (self._folder / folder).glob(f'{HIDDEN}*.{os.uname().nodename}.*'):
            with contextlib.suppress(OSError, ValueError):
                if not _is_running(int(path.suffix[1:])):
                    path.unlink()

    @contextlib.contextmanager
    def _named(self, name: str, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f'{self._folder / name}: cannot be {what}: '
                               f'{error.strerror or error}; choose another folder') from error


def _is_running(process: int) -> bool:
    """Return whether another process is running."""
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return process != os.getpid()
