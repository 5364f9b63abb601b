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

"""Sources and results at URLs such as s3://bucket/folder or sftp://host/folder, by fsspec."""

from collections.abc import Iterator
import contextlib
import glob
import os
from pathlib import Path
import tempfile
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.archive.storage import HIDDEN
from face_affect_ros.extras import import_extra
from face_affect_ros.media import MEDIA_SUFFIXES
from face_affect_ros.paths import is_storage, is_url, SAVE_STREAM, suffix_of


def _file_system(url: str) -> tuple[Any, str]:
    """Return the fsspec file system of a URL, and the path in it."""
    import_extra('fsspec', 'cluster', url)
    from fsspec.core import url_to_fs
    try:
        system, path = url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise AffectError(f'{url}: {error}; install the driver of fsspec for this kind of URL, '
                          f'or use a local path; {SAVE_STREAM}') from error
    return system, str(path)


@contextlib.contextmanager
def reached(name: str) -> Iterator[None]:
    """Turn an error at a URL, of a type of its driver, into an AffectError with the URL."""
    try:
        yield
    except AffectError:
        raise
    except Exception as error:
        if not is_url(name):
            raise
        raise AffectError(f'{name}: cannot be reached: {type(error).__name__}: {error}; check '
                          'the address, the network and the credentials') from error


def expand(url: str) -> list[str]:
    """
    List the URLs that a pattern matches, or those of the files and bags in a folder.

    Args:
        url: A pattern, or the URL of a file or folder.

    Returns:
        The URLs, or the given one if there is none.

    Raises:
        AffectError: The URL cannot be reached.
    """
    with reached(url):
        return _expanded(url)


def _expanded(url: str) -> list[str]:
    system, path = _file_system(url)
    if glob.has_magic(path):
        return [system.unstrip_protocol(each) for each in sorted(system.glob(path))] or [url]
    if not system.isdir(path) or system.exists(f'{path}/metadata.yaml'):
        return [url]
    found = [each for each in sorted(system.ls(path, detail=False))
             if suffix_of(Path(each)) in MEDIA_SUFFIXES or is_storage(Path(each))
             or system.exists(f'{each}/metadata.yaml')]
    return [system.unstrip_protocol(each) for each in found] or [url]


@contextlib.contextmanager
def fetched(name: str) -> Iterator[str]:
    """
    Copy a source to this machine during a with statement.

    Args:
        name: URL, or path on this machine, which is not copied.

    Yields:
        The local path.

    Raises:
        OSError: The network fails.
        AffectError: There is no such file or folder.
    """
    if not is_url(name):
        yield name
        return
    system, path = _file_system(name)
    with tempfile.TemporaryDirectory(prefix='face_affect_') as folder:
        copy = os.path.join(folder, os.path.basename(path.rstrip('/')))
        try:
            system.get(path, copy, recursive=system.isdir(path))
        except FileNotFoundError as error:
            raise AffectError(f'{name}: no such file or folder') from error
        yield copy


class RemoteStorage:
    """
    A folder at a URL.

    A file is written locally, copied under a hidden name, and renamed when it is complete.
    """

    def __init__(self, url: str) -> None:
        """Open the file system of a URL; AffectError if a package for it is missing."""
        self._system, self._folder = _file_system(url)

    def names(self, folder: str = '') -> set[str]:
        """Return the names in a folder, without hidden ones."""
        return {name for name in self._listed(folder) if not name.startswith(HIDDEN)}

    def read(self, name: str) -> str | None:
        """Return the text of a file, None if it does not exist."""
        try:
            return bytes(self._system.cat_file(f'{self._folder}/{name}')).decode()
        except FileNotFoundError:
            return None

    def write(self, name: str, text: str) -> None:
        """Write a file."""
        with self.new_file(name) as path:
            path.write_text(text, encoding='utf-8')

    @contextlib.contextmanager
    def new_file(self, name: str) -> Iterator[Path]:
        """Yield a local path to write to; it becomes the file when the with statement ends."""
        target = f'{self._folder}/{name}'
        parent, _, last = target.rpartition('/')
        hidden = f'{parent}/{HIDDEN}{last}.{os.uname().nodename}.{os.getpid()}'
        with tempfile.TemporaryDirectory(prefix='face_affect_') as folder:
            path = Path(folder, 'new')
            yield path
            self._system.makedirs(parent, exist_ok=True)
            self._system.put_file(str(path), hidden)
        if self._system.exists(target):   # left by a run that was interrupted right after it
            self._system.rm_file(target)
        self._system.mv(hidden, target)

    @contextlib.contextmanager
    def local(self, name: str) -> Iterator[Path]:
        """Yield the path of a local copy of a file."""
        with tempfile.TemporaryDirectory(prefix='face_affect_') as folder:
            path = Path(folder, Path(name).name)
            self._system.get_file(f'{self._folder}/{name}', str(path))
            yield path

    def clean(self, folder: str) -> None:
        """Remove the files that interrupted runs have left in a folder."""
        for name in self._listed(folder):
            if name.startswith(HIDDEN):
                self._system.rm_file(f'{self._folder}/{folder}/{name}')

    def _listed(self, folder: str) -> list[str]:
        self._system.invalidate_cache()
        try:
            found = self._system.ls(f'{self._folder}/{folder}'.rstrip('/'), detail=False)
        except FileNotFoundError:
            return []
        return [str(path).rstrip('/').rpartition('/')[2] for path in found]
