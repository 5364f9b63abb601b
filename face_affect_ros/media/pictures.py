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
Pictures, read by Pillow.

Pillow and not OpenCV, because it composites animations rightly and tells their durations, reads
GIFs beside every OpenCV, and complains about a file that is cut off.
"""

from collections.abc import Iterator
from pathlib import Path
import struct
import warnings
import zlib

import cv2
from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_ros.media.base import check_size, Frame, Media
import numpy as np
from PIL import Image, ImageOps

#: Files that are taken from a folder.
PICTURE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.webp', '.bmp', '.gif', '.tif', '.tiff', '.ppm',
                    '.pgm', '.avif')
#: What Pillow raises for broken files: its decoders agree on nothing.
BROKEN = (OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError,
          RuntimeError, MemoryError, struct.error, zlib.error)


def read_picture(path: Path) -> ImageArray:
    """Return a picture, upright, as (H, W, 3) uint8 BGR; AffectError where it cannot be read."""
    try:
        with opened(path) as picture:
            return to_bgr(ImageOps.exif_transpose(picture))
    except BROKEN as error:
        raise broken(path, error) from error


def to_bgr(picture: Image.Image) -> ImageArray:
    """
    Return a Pillow picture as (H, W, 3) uint8 BGR.

    Transparent pixels lie on white. 16 bits are scaled by 255 / 65535, floats are taken for
    0 to 1.
    """
    if picture.mode.startswith('I') or picture.mode == 'F':
        values = np.asarray(picture, np.float32)
        scale = 255.0 if picture.mode == 'F' else 255.0 / 65535.0
        grey = np.clip(np.rint(values * scale), 0, 255).astype(np.uint8)
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    if picture.mode in ('RGBA', 'LA', 'PA') or 'transparency' in picture.info:
        layered = picture.convert('RGBA')
        picture = Image.alpha_composite(Image.new('RGBA', layered.size, 'white'), layered)
    return np.asarray(cv2.cvtColor(np.asarray(picture.convert('RGB')), cv2.COLOR_RGB2BGR),
                      np.uint8)


class PictureMedia(Media):
    """A single picture: one frame at 0 s."""

    def __init__(self, path: Path) -> None:
        """Read the picture."""
        self._image = read_picture(path)
        height, width = self._image.shape[:2]
        super().__init__(str(path), width=width, height=height, rate=None, frame_count=1)

    def _frames(self) -> Iterator[Frame]:
        yield Frame(0, 0.0, self._image)


def opened(path: Path) -> Image.Image:
    """
    Open a picture and look at its head; its pixels are read later.

    Raises AffectError where it is too large, one of BROKEN where it is no picture.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore', Image.DecompressionBombWarning)
        try:
            picture = Image.open(path)
        except Image.DecompressionBombError as error:
            raise AffectError(f'{path}: the picture is too large: {error}; scale it '
                              'down') from error
    try:
        check_size(str(path), *picture.size)
    except AffectError:
        picture.close()
        raise
    return picture


def broken(path: Path, error: BaseException) -> AffectError:
    """Return the complaint about a picture that raised one of BROKEN."""
    why = getattr(error, 'strerror', None) or str(error) or type(error).__name__
    return AffectError(f'{path}: the picture cannot be read: {why}; it is corrupt or cut off, '
                       'choose another')
