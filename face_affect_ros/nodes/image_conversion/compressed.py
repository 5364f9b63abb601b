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

import array
import io
import warnings

import cv2
from face_affect_ros.affect.types import ImageArray
from face_affect_ros.media import MAX_PIXELS
from face_affect_ros.media.quiet import opencv_silenced
from face_affect_ros.nodes.image_conversion.layouts import ImageConversionError, printable
import numpy as np
from PIL import Image as PillowImage
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import Header

#: The file formats that can be read, and the bytes at the end of a complete file.
_FORMATS = {'JPEG': b'\xff\xd9', 'PNG': b'IEND\xaeB`\x82', 'WEBP': b'', 'TIFF': b'', 'BMP': b''}
#: Pixels that a byte of a file stands for at most: deflate makes 1032 bytes of one (RFC 1951). A
#: picture of few pixels may come from any number of bytes.
_DENSEST, _SMALL = 1032, 4_000_000


def decode_compressed(message: CompressedImage) -> ImageArray:
    """
    Return the pixels of a compressed image, uint8, (H, W, 3) BGR or (H, W) where it is grey.

    Colours need no look at the message's format: the file's own are right. 16 bits are scaled by
    255 / 65535, alpha is dropped. The array is read-only, as that of to_array. Raises
    ImageConversionError where the data are no picture, are cut off, hold more than MAX_PIXELS or
    a depth image.
    """
    kind = message.format.lower()
    if 'compresseddepth' in kind or 'rvl' in kind:
        raise ImageConversionError(
            f"compressed image of format '{printable(message.format)}' is a depth image, not a "
            'picture; subscribe to the colour or infrared image of the camera', kind='depth image')
    data = bytes(message.data)
    _check_file(data, message.format)
    try:
        with opencv_silenced():   # it prints a line for each broken picture
            image = cv2.imdecode(np.frombuffer(data, np.uint8),
                                 cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
    except cv2.error as error:
        raise _unreadable(message.format, len(data), f'OpenCV says {error.err}') from error
    if image is not None and image.dtype == np.uint16:
        image = cv2.convertScaleAbs(image, alpha=255.0 / 65535.0)
    if image is None or image.dtype != np.uint8:
        raise _unreadable(message.format, len(data), 'OpenCV cannot decode them')
    image.flags.writeable = False
    return np.asarray(image, np.uint8)


def to_compressed(image: ImageArray, header: Header, *, format: str = 'jpeg',  # noqa: A002
                  quality: int = 90) -> CompressedImage:
    """
    Return a compressed image message.

    image: uint8, (H, W, 3) BGR or (H, W) grey. format: 'jpeg' or 'png'. quality: of the JPEG, 1
    to 100. The message's format is spelt as compressed_image_transport spells it. Raises
    ImageConversionError where OpenCV cannot encode the image.
    """
    if format not in ('jpeg', 'png'):
        raise ImageConversionError(f"images cannot be compressed as '{format}'; use jpeg or png",
                                   kind='not sent')
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
    """Read the file's head: nothing is allocated for a picture that claims to be huge."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')   # of broken files, one line each
            with PillowImage.open(io.BytesIO(data), formats=tuple(_FORMATS)) as picture:
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
