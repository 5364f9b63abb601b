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

"""sensor_msgs/CompressedImage to pixels and back."""

from __future__ import annotations

import array
import io
from typing import TYPE_CHECKING
import warnings

import cv2
from face_affect_ros.affect.types import ImageArray
from face_affect_ros.media import MAX_PIXELS
from face_affect_ros.media.opencv_logging import opencv_silenced
from face_affect_ros.media.png import SIGNATURE, without_metadata
from face_affect_ros.nodes.image_conversion.raw import (
    DEPTH_LAYOUTS,
    ImageConversionError,
    LAYOUTS,
    printable,
)
import numpy as np
from PIL import Image as PillowImage

if TYPE_CHECKING:   # bags are read where there is no ROS
    from sensor_msgs.msg import CompressedImage
    from std_msgs.msg import Header

#: The file formats that can be read, and the bytes at the end of a complete file.
_FORMATS = {'JPEG': b'\xff\xd9', 'PNG': b'IEND\xaeB`\x82', 'WEBP': b'', 'TIFF': b'', 'BMP': b''}
#: Largest number of pixels per byte of a file: deflate makes 1032 bytes of one (RFC 1951). A
#: picture of few pixels may come from any number of bytes.
_DENSEST, _SMALL = 1032, 4_000_000


#: Encodings of depth images, and of Bayer patterns in 8 and in 16 bits with OpenCV's conversion.
_DEPTHS = {name for name in DEPTH_LAYOUTS if name not in LAYOUTS}
_BAYER = {f'{name[:-1]}{bits}': layout.code for name, layout in LAYOUTS.items()
          if name.startswith('bayer_') and layout.code is not None for bits in (8, 16)}
_AS_IT_LIES = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION


def decode_compressed(message: CompressedImage) -> ImageArray:
    """
    Convert a compressed image to pixels.

    The pixels are those of the file, as image_transport reads them: camera_info describes those,
    and an EXIF orientation is ignored. 16 bits are scaled by 255 / 65535, alpha is dropped. Of
    the message's format only the encoding before the semicolon is used, and only for a grey file:
    a Bayer pattern is converted to colour.

    Args:
        message: JPEG, PNG, WebP, TIFF or BMP.

    Returns:
        (H, W, 3) BGR or (H, W) grey uint8, read-only.

    Raises:
        ImageConversionError: The data are no picture, truncated, larger than MAX_PIXELS, or a
            depth image.
    """
    kind = message.format.lower()
    encoding = message.format.partition(';')[0].strip()
    if encoding in _DEPTHS or 'compresseddepth' in kind or 'rvl' in kind:
        raise ImageConversionError(
            f"compressed image of format '{printable(message.format)}' is a depth image, not a "
            'picture; subscribe to the colour or infrared image of the camera', kind='depth image')
    data = bytes(message.data)
    _check_file(data, message.format)
    try:
        with opencv_silenced():   # prints a line for each damaged picture
            image = cv2.imdecode(np.frombuffer(data, np.uint8), _AS_IT_LIES)
    except cv2.error as error:
        raise _unreadable(message.format, len(data), f'OpenCV: {error.err}') from error
    if image is not None and image.dtype == np.uint16:
        image = cv2.convertScaleAbs(image, alpha=255.0 / 65535.0)
    if image is None or image.dtype != np.uint8:
        raise _unreadable(message.format, len(data), 'OpenCV cannot decode them')
    if image.ndim == 2 and encoding in _BAYER and min(image.shape) > 1:
        image = cv2.cvtColor(image, _BAYER[encoding])
    image.flags.writeable = False
    return np.asarray(image, np.uint8)


def to_compressed(image: ImageArray, header: Header, *, format: str = 'jpeg',  # noqa: A002
                  quality: int = 90) -> CompressedImage:
    """
    Convert pixels to a compressed image message.

    Args:
        image: uint8, (H, W, 3) BGR or (H, W) grey.
        header: Header of the message.
        format: 'jpeg' or 'png'; the message's format is spelt as by compressed_image_transport.
        quality: Of the JPEG, 1 to 100.

    Raises:
        ImageConversionError: OpenCV cannot encode the image.
    """
    if format not in ('jpeg', 'png'):
        raise ImageConversionError(f"images cannot be compressed as '{format}'; use jpeg or png",
                                   kind='not sent')
    from sensor_msgs.msg import CompressedImage
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if format == 'jpeg' else []
    try:
        done, encoded = cv2.imencode(f'.{format}', image, options)
    except cv2.error as error:
        raise ImageConversionError(f'an array of shape {image.shape} and type {image.dtype} '
                                   f'cannot be compressed: {error.err}',
                                   kind='not sent') from error
    if not done:
        raise ImageConversionError(f'OpenCV cannot compress as {format}; choose the other format',
                                   kind='not sent')
    data = array.array('B')
    data.frombytes(encoded.data.cast('B'))
    name = 'mono8' if image.ndim == 2 else 'bgr8'
    return CompressedImage(header=header, data=data,
                           format=f'{name}; {format} compressed {name if image.ndim == 3 else ""}')


def _check_file(data: bytes, kind: str) -> None:
    """Read the file's header alone, so that no memory is allocated for the claimed size."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')   # one line for each damaged file
            file = io.BytesIO(
                without_metadata(data) if data.startswith(SIGNATURE) else data)
            with PillowImage.open(file, formats=tuple(_FORMATS)) as picture:
                (width, height), name = picture.size, str(picture.format)
    except PillowImage.DecompressionBombError as error:
        raise _unreadable(kind, len(data), f'the picture is too large: {error}',
                          'too large') from error
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(kind, len(data), f"they are none of {', '.join(_FORMATS)}") from error
    if width * height > MAX_PIXELS:
        raise _unreadable(kind, len(data), f'{width}x{height} pixels are more than the '
                          f'{MAX_PIXELS // 1_000_000} megapixels that are read', 'too large')
    if width * height > max(_SMALL, _DENSEST * len(data)):
        raise _unreadable(kind, len(data), f'{width}x{height} pixels are more than they can hold',
                          'too large')
    if data.rfind(_FORMATS.get(name, b'')) < 0:
        raise _unreadable(kind, len(data), f'the {name} is cut off', 'cut off')


def _unreadable(format_: str, size: int, why: str, kind: str = 'not a picture'
                ) -> ImageConversionError:
    return ImageConversionError(
        f"compressed image of format '{printable(format_)}', {size} bytes of data: {why}; its "
        'publisher or the way from it is at fault', kind=kind)
