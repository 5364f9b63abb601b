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
Images, read by Pillow.

Pillow is used instead of OpenCV or FFmpeg, because it composites animations and reads their
durations, reads EXIF, and reports truncated files.
"""

from collections.abc import Iterator
import contextlib
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

#: Suffixes of the images of a folder that are read.
PICTURE_SUFFIXES = ('.png', '.jpg', '.jpeg', '.webp', '.bmp', '.gif', '.tif', '.tiff', '.ppm',
                    '.pgm', '.avif')
#: Exceptions of Pillow for broken files, which differ between its decoders.
BROKEN = (OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError,
          RuntimeError, MemoryError, Image.DecompressionBombError, struct.error, zlib.error)
#: Formats that Pillow recognises but cannot decode, of which FFmpeg decodes some, and documents,
#: for which it starts Ghostscript.
NO_PICTURES = ('MPEG', 'BUFR', 'GRIB', 'HDF5', 'WMF', 'EPS')
BITMAPS = ('BMP', 'DIB', 'TGA')
#: Maximum size of a file that is read as a whole: that of the largest image without compression.
MAX_BYTES = 8 * MAX_PIXELS
#: Tags of TIFF and EXIF.
SUBFILE_TYPE, TIFF_WIDTH, TIFF_HEIGHT, BITS = 254, 256, 257, 258
PHOTOMETRIC, ORIENTATION, SAMPLES, PLANES = 262, 274, 277, 284
SUB_IFDS, SAMPLE_FORMAT = 330, 339
WHITE_IS_ZERO = 0
#: Value of PLANES for an image whose colours are stored one after the other.
SEPARATE = 2
#: Value of SAMPLE_FORMAT, the default.
UNSIGNED = (1,)
#: First bytes of a BigTIFF, whose header is longer.
BIG_TIFFS = (b'II+\0', b'MM\0+')
#: Lowest bit of SUBFILE_TYPE, of a smaller copy of another image.
SMALLER_COPY = 1
#: Value of white in images of floats, with the largest 99th percentile for which it applies.
FLOAT_WHITES = ((1.0, 16.0), (255.0, 4096.0))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Suppress the warnings of Pillow about large images and damaged metadata."""
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        yield


def read_picture(path: Path) -> ImageArray:
    """Return an upright image as (H, W, 3) uint8 BGR; AffectError if it cannot be read."""
    try:
        with opened(path) as picture:
            return to_bgr(picture)
    except UnidentifiedImageError as error:
        return read_float_tiff(path, error)
    except BROKEN as error:
        raise broken(path, error) from error


def to_bgr(picture: Image.Image) -> ImageArray:
    """
    Return a Pillow image as (H, W, 3) uint8 BGR, upright according to its EXIF.

    The background of transparent pixels is white. 16 bits are scaled by 255 / 65535, 12 bits by
    255 / 4095, and 32 bits with values above 65535 by 255 / 4294967295; for floats see `to_8_bit`.
    """
    with quiet():
        picture.load()
    # Pillow has rotated a TIFF upright; older versions keep its EXIF
    orientation = 1 if picture.format == 'TIFF' else orientation_of(picture)
    return upright(_pixels(picture), orientation)


def _pixels(picture: Image.Image) -> ImageArray:
    if picture.mode.startswith('I') or picture.mode == 'F':
        tags = getattr(picture, 'tag_v2', {})
        if picture.mode == 'F':
            grey = to_8_bit(np.asarray(picture, np.float32))
        else:
            values, white = np.asarray(picture), 65535.0
            if tags.get(BITS) == (12,):
                white = 4095.0
            elif tags.get(BITS) == (32,) and tags.get(SAMPLE_FORMAT, UNSIGNED) == UNSIGNED:
                values = values.view(np.uint32)   # Pillow has only int32
                white = white if values.max() <= white else 2.0**32 - 1.0
            grey = np.clip(np.rint(values.astype(np.float32) * (255.0 / white)), 0, 255).astype(
                np.uint8)
        if tags.get(PHOTOMETRIC) == WHITE_IS_ZERO:
            grey = 255 - grey   # Pillow does this only for at most 8 bits per pixel
        return np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    if picture.mode == 'La':   # of some TIFFs: multiplied by alpha
        picture = picture.convert('LA')
    if picture.mode in ('RGBA', 'LA', 'PA') or 'transparency' in picture.info:
        layered = picture.convert('RGBA')
        # the fourth byte of bitmaps is mostly unused, and not transparency
        if picture.format not in BITMAPS or layered.getchannel('A').getbbox():
            picture = Image.alpha_composite(Image.new('RGBA', layered.size, 'white'), layered)
    return np.asarray(cv2.cvtColor(np.asarray(picture.convert('RGB')), cv2.COLOR_RGB2BGR),
                      np.uint8)


def to_8_bit(values: np.ndarray) -> ImageArray:
    """
    Return floats as uint8 of the same shape.

    By convention white is 1 and lights may exceed it. If 1 % of the values are far above, white is
    255 or 65535 (FLOAT_WHITES). Values that are not finite become 0.
    """
    values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    some = values.reshape(-1)[::max(1, values.size // 1_000_000)]
    high = np.percentile(some, 99.0)
    white = next((white for white, limit in FLOAT_WHITES if high <= limit), 65535.0)
    return np.asarray(np.rint(np.clip(values, 0.0, white) * (255.0 / white)), np.uint8)


def orientation_of(picture: Image.Image) -> int:
    """Return the orientation in the EXIF of an image, 1 to 8; 1 for unreadable EXIF."""
    try:
        with quiet():
            value = int(picture.getexif().get(ORIENTATION, 1))
    except BROKEN:
        return 1
    return value if 1 <= value <= 8 else 1


def is_tiff(path: Path) -> bool:
    """Return whether a file begins with the signature of a TIFF."""
    with open(path, 'rb') as file:
        return file.read(4) in (b'II*\0', b'MM\0*', *BIG_TIFFS)


def read_float_tiff(path: Path, error: UnidentifiedImageError) -> ImageArray:
    """
    Read a TIFF of float colours or doubles, which Pillow does not support.

    Args:
        path: The file.
        error: The error of Pillow.

    Returns:
        (H, W, 3) uint8 BGR.

    Raises:
        AffectError: The file is not such a TIFF.
    """
    if not is_tiff(path):
        raise broken(path, error) from error
    data = _read(path)
    try:
        header = data[:16 if data.startswith(BIG_TIFFS) else 8]
        directory = TiffImagePlugin.ImageFileDirectory_v2(header)
        stream = io.BytesIO(data)
        stream.seek(directory.next)
        with quiet():
            directory.load(stream)
        check_size(str(path), directory[TIFF_WIDTH], directory[TIFF_HEIGHT])
    except BROKEN as problem:
        raise broken(path, problem) from problem
    if directory.next:
        raise AffectError(f'{path}: a TIFF of several pages in an unsupported format; save each '
                          'page as a separate file')
    values = None
    if directory.get(PLANES) != SEPARATE or directory.get(SAMPLES) == 1:   # else OpenCV mixes them
        with opencv_silenced():
            values = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype.kind != 'f':
        raise unsupported_tiff(path) from error
    image = to_8_bit(values)
    if image.ndim == 2:
        return np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    return np.ascontiguousarray(image[:, :, :3])


class PictureMedia(Media):
    """A single image: one frame at 0 s."""

    def __init__(self, path: Path) -> None:
        """Read the image."""
        self._image = read_picture(path)
        height, width = self._image.shape[:2]
        super().__init__(str(path), width=width, height=height, rate=None, frame_count=1)

    def _frames(self) -> Iterator[Frame]:
        yield Frame(0, 0.0, self._image)


def opened(path: Path) -> Image.Image:
    """
    Open an image and read its header; the pixels are read later.

    Raises:
        AffectError: The image is too large, or is only the preview of a raw image.
        BROKEN: The file is not an image.
    """
    Image.init()
    formats = [name for name in Image.ID if name not in NO_PICTURES]
    with quiet():
        try:
            picture = Image.open(_picture_file(path), formats=formats)
        except Image.DecompressionBombError as error:
            raise AffectError(f'{path}: the image is too large: {error}; scale it '
                              'down') from error
    try:
        check_size(str(path), *picture.size)
        if isinstance(picture, TiffImagePlugin.TiffImageFile):
            picture.filename = ''   # Pillow 13 maps files by name, and those to rotate incorrectly
            _check_tiff(path, picture)
    except AffectError:
        picture.close()
        raise
    return picture


def _check_tiff(path: Path, picture: TiffImagePlugin.TiffImageFile) -> None:
    """Raise AffectError for a TIFF that Pillow opens but cannot read."""
    tags = picture.tag_v2
    if _is_cr2(path) or SUB_IFDS in tags and tags.get(SUBFILE_TYPE, 0) & SMALLER_COPY:
        raise AffectError(f'{path}: a raw image of a camera, such as DNG, of which only a preview '
                          f'of {picture.width}x{picture.height} pixels can be read; convert it to '
                          'JPEG or TIFF')
    if tags.get(PLANES) == SEPARATE and tags.get(BITS, (8,))[0] > 8 and (
            picture.tile[0][0] == 'raw'):   # Pillow reads them as planes of 8 bits
        raise unsupported_tiff(path)


def _is_cr2(path: Path) -> bool:
    """Return whether a file is a raw image of Canon, a TIFF of several previews and the image."""
    with open(path, 'rb') as file:
        return file.read(11) == b'II*\0\x10\0\0\0CR\x02'


def _picture_file(path: Path) -> Path | io.BytesIO:
    """Return the input of Pillow: the file, or a PNG without its metadata."""
    with open(path, 'rb') as file:
        is_png = file.read(len(SIGNATURE)) == SIGNATURE
    return io.BytesIO(without_metadata(_read(path))) if is_png else path


def _read(path: Path) -> bytes:
    if path.stat().st_size > MAX_BYTES:
        raise AffectError(f'{path}: larger than the limit of {MAX_BYTES // 1_000_000} MB for '
                          'an image; scale it down')
    return path.read_bytes()


def unsupported_tiff(path: Path) -> AffectError:
    """Return the error for a TIFF that cannot be read."""
    return AffectError(f'{path}: a truncated TIFF, or one in an unsupported format; convert it to '
                       'PNG')


def broken(path: Path, error: BaseException) -> AffectError:
    """Return the error for an image that raised one of BROKEN."""
    why = getattr(error, 'strerror', None) or str(error) or type(error).__name__
    return AffectError(f'{path}: the image cannot be read: {why}; it is corrupt, truncated or in '
                       'an unsupported format, choose another or convert it to PNG')
