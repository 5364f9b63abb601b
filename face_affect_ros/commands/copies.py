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

"""Annotated copies of files: their names, and how each is written."""

from collections.abc import Sequence
import os
from pathlib import Path
from typing import Any
import unicodedata

from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_ros.commands.outputs import Inputs
from face_affect_ros.media import ImageOrVideoSink, Media, MEDIA_SUFFIXES
from face_affect_ros.paths import expanded

PICTURE, CLIP = '.png', '.mp4'
#: Suffixes of images that are usually not animated, for names before files are opened.
STILL_SUFFIXES = ('.png', '.jpg', '.jpeg', '.jfif', '.webp', '.bmp', '.tif', '.tiff', '.ppm',
                  '.pgm')
#: Pages per second of the copy of a document.
PAGES_RATE = 1.0
#: Bytes of a file name on most disks, minus those of a number and a suffix.
MAX_NAME = 255 - 12


class Copies:
    """The names of annotated copies: one file, or one for each source in a folder."""

    def __init__(self, out: str, sources: Sequence[str], *, folder: bool) -> None:
        """
        Check the target; nothing is created yet.

        Args:
            out: Path given by the user, '' for no copies. It is a folder if it exists as a folder,
                ends in a slash, or `folder` is true.
            sources: Names of the sources.
            folder: Whether there are several copies.

        Raises:
            AffectError: A folder is needed, and `out` is a file or has the name of a file.
        """
        self._sources = sources
        self._path = expanded(out) if out else None
        self._taken: set[str] = set()
        self._folder = self._path is not None and (
            folder or out.endswith(os.sep) or os.path.isdir(self._path))
        if self._path is None or not self._folder or os.path.isdir(self._path):
            return
        a_file = not out.endswith(os.sep) and self._path.suffix.lower() in MEDIA_SUFFIXES
        if a_file or os.path.lexists(self._path):
            raise AffectError(f'{out}: is not a folder, and there are several annotated copies; '
                              'choose a folder with --annotate')

    @property
    def file(self) -> Path | None:
        """Return the one target file, None for no copies and for a folder."""
        return None if self._folder else self._path

    def planned(self) -> list[Path]:
        """Return the files that will be written, as far as the names of the sources determine."""
        if self._path is None:
            return []
        if not self._folder:
            return [self._path]
        return list(dict.fromkeys(self._path / f'{_stem(source)}{_guess(source)}'
                                  for source in self._sources))

    def copy_of(self, source: str, media: Media, inputs: Inputs) -> 'Copy | None':
        """Return the copy of a source, an image or a clip, None without --annotate."""
        if self._path is None:
            return None
        if not self._folder:
            return Copy(self._path, media)
        still = media.rate is None and media.frame_count == 1
        stem, suffix = _stem(source), PICTURE if still else CLIP
        path, number = self._path / f'{stem}{suffix}', 2
        while _folded(path) in self._taken or inputs.file_at(path) is not None:
            path, number = self._path / f'{stem}_{number}{suffix}', number + 1
        self._taken.add(_folded(path))
        return Copy(path, media)


class Copy:
    """
    One annotated copy; an error in it does not end the analysis.

    Attributes:
        path: The file.
        problem: Why it is not complete, '' without an error.
    """

    def __init__(self, path: Path, media: Media) -> None:
        """Prepare a copy of a source."""
        self.path, self.problem = path, ''
        self._pages = media.pages
        self._sink = ImageOrVideoSink(path, rate=PAGES_RATE if media.pages else media.rate)

    def write(self, image: ImageArray, stamp: float) -> None:
        """
        Add an image.

        Args:
            image: (H, W, 3) uint8 BGR.
            stamp: Seconds since the start of the source, ignored for pages.
        """
        if not self.problem:
            try:
                self._sink.write(image, None if self._pages else stamp)
            except AffectError as error:
                self.problem = str(error)

    def __enter__(self) -> 'Copy':
        return self

    def __exit__(self, *exception: Any) -> None:
        try:
            self._sink.close()
        except AffectError as error:
            self.problem = self.problem or str(error)


def _guess(source: str) -> str:
    return PICTURE if Path(source).suffix.lower() in STILL_SUFFIXES else CLIP


def _folded(path: Path) -> str:
    """Return a path that is equal for names of one file on FAT, NTFS and APFS."""
    return unicodedata.normalize('NFC', str(path)).casefold()


def _stem(source: str) -> str:
    """Return the name of a copy without its suffix, within the limit of file systems."""
    path = expanded(source)
    stem = (path if path.stem.strip('.') else Path(os.path.realpath(path))).stem
    while len(os.fsencode(f'{stem}_annotated')) > MAX_NAME:
        stem = stem[:-1]
    return f'{stem}_annotated'
