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

"""Folders of images and clips."""

from collections.abc import Callable, Iterator
import logging
from pathlib import Path
import re

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media.base import Frame, Media
from face_affect_ros.media.pictures import PICTURE_SUFFIXES
from face_affect_ros.paths import MAKE_READABLE, shown, suffix_of

_log = logging.getLogger('face_affect_ros.media')

#: Suffixes of the files of a folder that are read, whether they can be decoded or not.
MEDIA_SUFFIXES = PICTURE_SUFFIXES + (
    '.264', '.265', '.3g2', '.3gp', '.apng', '.asf', '.avi', '.dav', '.divx', '.dv', '.f4v',
    '.flv', '.h264', '.h265', '.heic', '.heif', '.hevc', '.hif', '.jfif', '.jp2', '.jxl', '.m1v',
    '.m2t', '.m2ts', '.m2v', '.m4v', '.mjpeg', '.mjpg', '.mkv', '.mov', '.mp4', '.mpe', '.mpeg',
    '.mpg', '.mpo', '.mts', '.mxf', '.ogv', '.qt', '.ts', '.vob', '.webm', '.wmv', '.y4m')
#: Suffixes of images that have mostly a single frame.
SINGLE_SUFFIXES = tuple(suffix for suffix in PICTURE_SUFFIXES if suffix not in (
    '.gif', '.webp', '.tif', '.tiff', '.avif'))

#: Ignored files of a folder whose names are listed; a data set has one beside each image.
LISTED = 10


def folder_files(folder: Path, *, needed: bool = True) -> tuple[list[Path], list[Path]]:
    """
    List the images and clips of a folder, selected by their suffixes.

    Args:
        folder: The folder.
        needed: Whether at least one image or clip is required.

    Returns:
        The images and clips in natural order, 2.png before 10.png, and the other files.

    Raises:
        AffectError: One is required and missing, or the folder cannot be read.
    """
    taken: list[Path] = []
    left: list[Path] = []
    try:
        for path in sorted(folder.iterdir(), key=_natural):
            known = suffix_of(path) in MEDIA_SUFFIXES
            (taken if known and not path.is_dir() else left).append(path)
    except OSError as error:
        raise AffectError(f'{folder}: {error.strerror}; {MAKE_READABLE}') from error
    if needed and not taken:
        raise AffectError(f'{folder}: no images and no clips in this folder; choose another, a '
                          "single file, or, with analyze, a pattern such as 'FOLDER/**/*.jpg'")
    return taken, left


class FolderMedia(Media):
    """The images and clips of a folder, one after the other, as one clip."""

    def __init__(self, folder: Path, *, rate: float, open_file: Callable[[Path], Media]) -> None:
        """
        List the folder.

        Args:
            folder: The folder.
            rate: Images per second, for the stamps.
            open_file: Function that opens one of its files.
        """
        self._paths, left = folder_files(folder)
        self._open, self._period = open_file, 1.0 / rate
        if left:
            _log.warning('%s: %s', shown(folder), left_out(left))
        width, height, count = self._first()
        single = count == 1 and all(path.suffix.lower() in SINGLE_SUFFIXES for path in self._paths)
        super().__init__(str(folder), width=width, height=height, rate=None, frame_count=(
            count if len(self._paths) == 1 else len(self._paths) if single else None))

    def _first(self) -> tuple[int, int, int | None]:
        """Return width, height and number of frames of the first file that can be opened."""
        for path in self._paths:
            try:
                with self._open(path) as media:
                    return media.width, media.height, media.frame_count
            except AffectError as error:   # reported again when the frames are read
                last = error
        raise last

    def _frames(self) -> Iterator[Frame]:
        index, start = 0, 0.0
        for path in self._paths:
            first, end = index, start + self._period
            try:
                with self._open(path) as media:
                    for frame in media:
                        index, end = first + frame.index, start + frame.stamp + self._period
                        yield Frame(index, start + frame.stamp, frame.image)
                    self.skipped += media.skipped
            except AffectError as error:
                self.skipped += 1
                _log.warning('skipped: %s', shown(error))
            index, start = index + 1, end


def left_out(paths: list[Path]) -> str:
    """Return a message about the files of a folder that are ignored."""
    more = f' and {len(paths) - LISTED} more' if len(paths) > LISTED else ''
    return ('ignored, because they are folders, hidden, or not named as images or clips: '
            + ', '.join(shown(path.name) for path in paths[:LISTED]) + more)


def _natural(path: Path) -> list[tuple[int, str]]:
    return [(int(part), '') if re.fullmatch('[0-9]+', part) else (-1, part.lower())
            for part in re.split('([0-9]+)', path.name)]
