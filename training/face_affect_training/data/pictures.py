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

"""Picture files of a data set, in a folder or in a zip archive, decoded side by side."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
import zipfile
import zlib

import cv2
from face_affect_ros.affect.types import AffectError, ImageArray
import numpy as np
import numpy.typing as npt

DECODERS = 8
BATCH = 256
SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.webp')
#: What zipfile raises for a member that is missing, damaged, encrypted or oddly packed.
UNREADABLE = (KeyError, OSError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


class Pictures:
    """
    The pictures below a folder or inside a zip archive, by their names in it.

    Raises AffectError where the archive cannot be read.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._archive: zipfile.ZipFile | None = None
        if place.is_file():
            try:
                self._archive = zipfile.ZipFile(place)
            except (OSError, zipfile.BadZipFile) as error:
                raise AffectError(f'{place}: cannot be read as a zip archive: {error}') from error

    def __enter__(self) -> 'Pictures':
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._archive is not None:
            self._archive.close()

    def names(self) -> list[str]:
        """Return the names of all picture files, sorted; hidden files are left out."""
        if self._archive is not None:
            names = [Path(name) for name in self._archive.namelist() if not name.endswith('/')]
        else:
            names = [file.relative_to(self.place) for file in self.place.rglob('*')
                     if file.is_file()]
        return sorted(name.as_posix() for name in names if name.suffix.lower() in SUFFIXES
                      and not any(part.startswith(('.', '__MACOSX')) for part in name.parts))

    def holds(self, name: str) -> bool:
        """Return whether there is a file of this name."""
        if self._archive is None:
            return (self.place / name).is_file()
        return name in self._archive.NameToInfo

    def chips(self, names: Sequence[str], size: int, *, grey: bool = False,
              crop: Callable[[ImageArray, int], ImageArray | None] | None = None,
              ) -> tuple[ImageArray, npt.NDArray[np.bool_]]:
        """
        Return the readable ones of these pictures, and which ones they are.

        (M, size, size) uint8 grey or (M, size, size, 3) BGR, and (N,) bool. crop: takes a picture
        and its index in names and returns the face in it, or None; runs in several threads.
        """
        flags = cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR

        def chip(encoded: bytes, index: int) -> ImageArray | None:
            picture = decode(encoded, flags)
            if picture is not None and crop is not None:
                picture = crop(picture, index)
            return None if picture is None else resized(picture, size)

        images = np.empty((len(names), size, size, *(() if grey else (3,))), np.uint8)
        readable = np.zeros(len(names), np.bool_)
        count = 0
        with ThreadPoolExecutor(DECODERS) as pool:
            for start in range(0, len(names), BATCH):
                encoded = [self._bytes(name) for name in names[start:start + BATCH]]
                indices = range(start, start + len(encoded))
                for index, picture in zip(indices, pool.map(chip, encoded, indices)):
                    if picture is not None:
                        images[count] = picture
                        readable[index] = True
                        count += 1
        return images[:count], readable

    def _bytes(self, name: str) -> bytes:
        """Return a picture's file, empty where it is missing or damaged."""
        try:
            if self._archive is not None:
                return self._archive.read(name)
            return (self.place / name).read_bytes()
        except UNREADABLE:
            return b''


def decode(encoded: bytes, flags: int = cv2.IMREAD_COLOR) -> ImageArray | None:
    """
    Return a picture, None where it is damaged.

    OpenCV fills the missing part of a JPEG that ends too early with grey, so that the end is
    looked for here.
    """
    cut_off = (encoded[:2] == b'\xff\xd8'
               and encoded.find(b'\xff\xd9', len(encoded) // 2) < 0)
    if not encoded or cut_off:
        return None
    try:
        picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), flags)
    except cv2.error:   # such as a size that no picture has
        return None
    return None if picture is None else np.asarray(picture, np.uint8)


def resized(picture: ImageArray, size: int) -> ImageArray:
    """Return a picture at size x size pixels."""
    if picture.shape[:2] == (size, size):
        return picture
    shrinks = min(picture.shape[:2]) > size
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA if shrinks
                                 else cv2.INTER_LINEAR), np.uint8)
