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

Pillow and not OpenCV or FFmpeg, because it composites animations rightly and tells their
durations, knows EXIF, and complains about a file that is cut off.
"""

from collections.abc import Iterator
import io
from pathlib import Path
import struct
import warnings
import zlib

import cv2
from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_ros.media.base import check_size, Frame, MAX_PIXELS, Media
from face_affect_ros.media.opencv_logging import opencv_silenced
from face_affect_ros.media.orientation import upright
from face_affect_ros.media.png import SIGNATURE, without_metadata
import numpy as np
from PIL import Image, TiffImagePlugin, UnidentifiedImageError

#: Files that are taken from a folder.
PICTURE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.webp', '.bmp', '.gif', '.tif', '.tiff', '.ppm',
                    '.pgm', '.avif')
#: What Pillow raises for broken files: its decoders agree on nothing.
BROKEN = (OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError,
          RuntimeError, MemoryError, struct.error, zlib.error)
#: What Pillow recognizes and cannot show; FFmpeg may.
NO_PICTURES = ('MPEG', 'BUFR', 'GRIB', 'HDF5', 'WMF')
BITMAPS = ('BMP', 'DIB', 'TGA')
#: Of a file that is read as a whole: as much as the largest picture takes without compression.
MAX_BYTES = 8 * MAX_PIXELS
#: Tags of TIFF and EXIF.
TIFF_WIDTH, TIFF_HEIGHT, PHOTOMETRIC, ORIENTATION = 256, 257, 262, 274
WHITE_IS_ZERO = 0
#: What white is in pictures of floats, and the most that 99 % of their values are.
FLOAT_WHITES = ((1.0, 16.0), (255.0, 4096.0))


def read_picture(path: Path) -> ImageArray:
    """Return a picture, upright, as (H, W, 3) uint8 BGR; AffectError where it cannot be read."""
    try:
        with opened(path) as picture:
            return to_bgr(picture)
    except UnidentifiedImageError as error:
        return read_float_tiff(path, error)
    except BROKEN as error:
        raise broken(path, error) from error


def to_bgr(picture: Image.Image) -> ImageArray:
    """
    Return a Pillow picture as (H, W, 3) uint8 BGR, upright as its EXIF says.

    Transparent pixels lie on white. 16 bits are scaled by 255 / 65535; for floats see `to_8_bit`.
    """
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')   # of damaged metadata
        picture.load()   # which turns a TIFF upright itself, whose EXIF then does not say so
    return upright(_pixels(picture), orientation_of(picture))


def _pixels(picture: Image.Image) -> ImageArray:
    if picture.mode.startswith('I') or picture.mode == 'F':
        if picture.mode == 'F':
            grey = to_8_bit(np.asarray(picture, np.float32))
        else:
            values = np.asarray(picture, np.float32)
            grey = np.clip(np.rint(values * (255.0 / 65535.0)), 0, 255).astype(np.uint8)
        if getattr(picture, 'tag_v2', {}).get(PHOTOMETRIC) == WHITE_IS_ZERO:
            grey = 255 - grey   # Pillow does so where a pixel has 8 bits or fewer
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    if picture.mode in ('RGBA', 'LA', 'PA') or 'transparency' in picture.info:
        layered = picture.convert('RGBA')
        # a bitmap's fourth byte is mostly not used, which is then no transparency
        if picture.format not in BITMAPS or layered.getchannel('A').getbbox():
            picture = Image.alpha_composite(Image.new('RGBA', layered.size, 'white'), layered)
    return np.asarray(cv2.cvtColor(np.asarray(picture.convert('RGB')), cv2.COLOR_RGB2BGR),
                      np.uint8)


def to_8_bit(values: np.ndarray) -> ImageArray:
    """
    Return floats as uint8 of the same shape.

    They are taken for 0 to 1, as files have them by convention, with lights above it; for 0 to
    255 or 0 to 65535 where one in a hundred lies far above. What is not finite becomes 0.
    """
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    some = values.reshape(-1)[::max(1, values.size // 1_000_000)]
    high = np.percentile(some, 99.0)
    white = next((white for white, limit in FLOAT_WHITES if high <= limit), 65535.0)
    return np.clip(np.rint(values * (255.0 / white)), 0, 255).astype(np.uint8)


def orientation_of(picture: Image.Image) -> int:
    """Return the orientation in a picture's EXIF, 1 to 8; 1 for EXIF that cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')   # of what is wrong in it
            value = int(picture.getexif().get(ORIENTATION, 1))
    except (*BROKEN, AttributeError):   # that of Pillow 9, of pages that it turned itself
        return 1
    return value if 1 <= value <= 8 else 1


def is_tiff(path: Path) -> bool:
    """Return whether a file begins as a TIFF."""
    with open(path, 'rb') as file:
        return file.read(4) in (b'II*\0', b'MM\0*')


def read_float_tiff(path: Path, error: UnidentifiedImageError) -> ImageArray:
    """
    Return a TIFF of float colours or doubles, which Pillow does not know, as `read_picture` does.

    error: Pillow's. Raises AffectError, for other files as well.
    """
    if not is_tiff(path):
        raise broken(path, error) from error
    data = _read(path)
    try:
        directory = TiffImagePlugin.ImageFileDirectory_v2(data[:8])
        stream = io.BytesIO(data)
        stream.seek(directory.next)
        directory.load(stream)
        check_size(str(path), directory[TIFF_WIDTH], directory[TIFF_HEIGHT])
    except BROKEN as problem:
        raise broken(path, problem) from problem
    if directory.next:
        raise AffectError(f'{path}: a TIFF of several pages in a form that cannot be read; save '
                          'each page as a file of its own')
    with opencv_silenced():
        values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype.kind != 'f':
        raise broken(path, ValueError('a form of TIFF that is not known')) from error
    image = to_8_bit(values.astype(np.float32))
    if image.ndim == 2:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    return np.ascontiguousarray(image[:, :, :3])


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
    Image.init()
    formats = [name for name in Image.ID if name not in NO_PICTURES]
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')   # of large pictures, and of metadata that are damaged
        try:
            picture = Image.open(_picture_file(path), formats=formats)
        except Image.DecompressionBombError as error:
            raise AffectError(f'{path}: the picture is too large: {error}; scale it '
                              'down') from error
    try:
        check_size(str(path), *picture.size)
    except AffectError:
        picture.close()
        raise
    return picture


def _picture_file(path: Path) -> Path | io.BytesIO:
    """Return what Pillow shall read: the file, or a PNG without its metadata."""
    with open(path, 'rb') as file:
        is_png = file.read(len(SIGNATURE)) == SIGNATURE
    return io.BytesIO(without_metadata(_read(path))) if is_png else path


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise AffectError(f'{path}: a picture of more than {MAX_BYTES // 1_000_000} MB is not '
                          'read; scale it down')
    return path.read_bytes()


def broken(path: Path, error: BaseException) -> AffectError:
    """Return the complaint about a picture that raised one of BROKEN."""
    why = getattr(error, 'strerror', None) or str(error) or type(error).__name__
    return AffectError(f'{path}: the picture cannot be read: {why}; it is corrupt or cut off, '
                       'choose another')
