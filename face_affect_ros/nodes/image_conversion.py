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

"""Convert image messages to pixels and back with numpy and OpenCV, see docs/design.md."""

from __future__ import annotations

import array
from collections.abc import Mapping
from dataclasses import dataclass
import io
from typing import Any, TYPE_CHECKING
import warnings

import cv2
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray
from face_affect_ros.media import MAX_PIXELS
from face_affect_ros.media.opencv_logging import opencv_silenced
from face_affect_ros.media.png import SIGNATURE, without_metadata
from face_affect_ros.paths import shown
import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

if TYPE_CHECKING:   # bags are also read without ROS
    from sensor_msgs.msg import CompressedImage, Image
    from std_msgs.msg import Header

#: Largest number of characters of a message's text in an error.
SHOWN = 60


class ImageConversionError(AffectError):
    """
    An image message that cannot be converted.

    Attributes:
        kind: Category of the error in a few words; /diagnostics has a count of each.
    """

    def __init__(self, text: str, *, kind: str) -> None:
        super().__init__(text)
        self.kind = kind


@dataclass(frozen=True)
class Layout:
    """The memory layout of an encoding."""

    channels: int   #: values per pixel
    size: int = 1   #: bytes per value
    code: int | None = None   #: OpenCV's conversion to BGR, None if the pixels are grey or BGR
    #: Axes along which the number of pixels must be even: 'w', 'wh' or ''; with 'wh', the buffer
    #: has three rows for every two of the image.
    even: str = ''


#: By the names of sensor_msgs/image_encodings.hpp, and nv12, which some drivers send. OpenCV
#: names a Bayer pattern by the pixels of its second row and column, ROS by those of its first.
LAYOUTS = {
    'mono8': Layout(1), '8UC1': Layout(1), 'mono16': Layout(1, 2),
    'bgr8': Layout(3), '8UC3': Layout(3),
    'rgb8': Layout(3, code=cv2.COLOR_RGB2BGR),
    'bgra8': Layout(4, code=cv2.COLOR_BGRA2BGR),
    'rgba8': Layout(4, code=cv2.COLOR_RGBA2BGR),
    'yuv422': Layout(2, code=cv2.COLOR_YUV2BGR_UYVY, even='w'),
    'uyvy': Layout(2, code=cv2.COLOR_YUV2BGR_UYVY, even='w'),
    'yuv422_yuy2': Layout(2, code=cv2.COLOR_YUV2BGR_YUY2, even='w'),
    'yuyv': Layout(2, code=cv2.COLOR_YUV2BGR_YUY2, even='w'),
    'nv12': Layout(1, code=cv2.COLOR_YUV2BGR_NV12, even='wh'),
    'nv21': Layout(1, code=cv2.COLOR_YUV2BGR_NV21, even='wh'),
    'bayer_rggb8': Layout(1, code=cv2.COLOR_BayerBG2BGR),
    'bayer_bggr8': Layout(1, code=cv2.COLOR_BayerRG2BGR),
    'bayer_gbrg8': Layout(1, code=cv2.COLOR_BayerGR2BGR),
    'bayer_grbg8': Layout(1, code=cv2.COLOR_BayerGB2BGR),
}
#: Encodings of depth images (REP-118): millimetres, metres.
DEPTH_LAYOUTS = {'16UC1': Layout(1, 2), 'mono16': Layout(1, 2), '32FC1': Layout(1, 4)}
#: The file formats that can be read, and the bytes at the end of a complete file.
_FORMATS = {'JPEG': b'\xff\xd9', 'PNG': b'IEND\xaeB`\x82', 'WEBP': b'', 'TIFF': b'', 'BMP': b''}
#: Largest number of pixels per byte of a file, from that of deflate (RFC 1951), and the number of
#: pixels up to which it is not checked.
_DENSEST, _SMALL = 1032, 4_000_000
#: Bayer patterns in 8 and in 16 bits with OpenCV's conversion.
_BAYER = {f'{name[:-1]}{bits}': layout.code for name, layout in LAYOUTS.items()
          if name.startswith('bayer_') and layout.code is not None for bits in (8, 16)}
_UNCHANGED = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH | cv2.IMREAD_IGNORE_ORIENTATION


def to_array(message: Image) -> ImageArray:
    """
    Convert an image message to pixels; row padding and byte order are honoured.

    mono16 is scaled by 255 / 65535, alpha is dropped. 16UC1 and the float encodings are refused:
    they hold measurements such as depth, which no fixed scale converts to grey values.

    Returns:
        (H, W, 3) BGR or (H, W) grey uint8, C-contiguous and read-only: without padding, mono8 and
        bgr8 are a view of the message's memory. Copy it before drawing (OpenCV 4.6 draws on
        read-only arrays without an error).

    Raises:
        ImageConversionError: The encoding is unknown, or the sizes contradict each other.
    """
    layout, image = _values(message, LAYOUTS)
    if layout.code is not None:
        image = cv2.cvtColor(image, layout.code)
    elif layout.size == 2:
        image = cv2.convertScaleAbs(image.astype(np.uint16), alpha=255.0 / 65535.0)
    image.flags.writeable = False
    return np.asarray(image, np.uint8)


def to_depth(message: Image) -> FloatArray:
    """
    Convert a depth image message to metres; row padding and byte order are honoured.

    Returns:
        (H, W) float32, metres; 0 or NaN where unknown.

    Raises:
        ImageConversionError: The encoding is not one of depth images, or the sizes contradict
            each other.
    """
    layout, values = _values(message, DEPTH_LAYOUTS)
    depth = values.astype(np.float32)
    return depth * np.float32(0.001) if layout.size == 2 else depth


def _values(message: Image, layouts: Mapping[str, Layout]
            ) -> tuple[Layout, np.ndarray[Any, Any]]:
    """Return the layout of a message, and its values, (rows, W[, channels]), C-contiguous."""
    layout = layouts.get(message.encoding)
    if layout is None:
        raise ImageConversionError(
            f"image encoding '{_excerpt(message.encoding)}' cannot be read; let the camera "
            f"driver send one of {', '.join(layouts)}", kind='unknown encoding')
    width, height, step = message.width, message.height, message.step
    rows = height * 3 // 2 if layout.even == 'wh' else height
    pixel = layout.channels * layout.size   # bytes
    problem = ''
    if width == 0 or height == 0:
        problem = 'it has no pixels'
    elif step < width * pixel:
        problem = f'a row needs a step of at least {width * pixel}'
    elif ('w' in layout.even and width % 2) or ('h' in layout.even and height % 2):
        problem = f"its {'width' if layout.even == 'w' else 'width and height'} must be even"
    elif len(message.data) < step * rows:
        problem = f'at least {step * rows} bytes of data are needed'
    if problem:
        raise ImageConversionError(
            f"image of encoding '{message.encoding}', {width}x{height}, step {step}, "
            f'{len(message.data)} bytes of data: {problem}; check the settings of its publisher, '
            'such as the camera driver', kind='inconsistent sizes')
    shape = (rows, width, layout.channels)
    strides = (step, pixel, layout.size)   # skips the padding of the rows
    axes = 2 if layout.channels == 1 else 3
    kind = f"{'>' if message.is_bigendian else '<'}{'f' if layout.size == 4 else 'u'}{layout.size}"
    return layout, np.ascontiguousarray(
        np.ndarray(shape[:axes], kind, message.data, strides=strides[:axes]))


def to_message(image: ImageArray, encoding: str, header: Header) -> Image:
    """
    Convert pixels to an image message.

    Args:
        image: uint8, (H, W, 3) for 'bgr8' and 'rgb8', (H, W) for 'mono8', with the channels in
            the encoding's order.
        encoding: 'bgr8', 'rgb8' or 'mono8'.
        header: Header of the message.
    """
    from sensor_msgs.msg import Image
    height, width = image.shape[:2]
    return Image(header=header, height=height, width=width, encoding=encoding,
                 is_bigendian=0, step=image.size // height, data=_bytes(image))


def _bytes(values: npt.NDArray[np.uint8]) -> array.array[int]:
    """Return an array of bytes, which rclpy accepts unchecked; it checks other types by byte."""
    data = array.array('B')
    data.frombytes(np.ascontiguousarray(values).data.cast('B'))
    return data


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
        ImageConversionError: The data are not an image, are truncated, have more than MAX_PIXELS
            pixels, or are a depth image.
    """
    kind = message.format.lower()
    encoding = message.format.partition(';')[0].strip()
    if encoding in ('16UC1', '32FC1') or 'compresseddepth' in kind or 'rvl' in kind:
        raise ImageConversionError(
            f"compressed image of format '{_excerpt(message.format)}' is a depth image; "
            'subscribe to the colour or infrared image of the camera', kind='depth image')
    data = bytes(message.data)
    _check_file(data, message.format)
    try:
        with opencv_silenced():   # prints a line for each damaged image
            image = cv2.imdecode(np.frombuffer(data, np.uint8), _UNCHANGED)
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


def to_compressed(image: ImageArray, header: Header, *, quality: int = 90) -> CompressedImage:
    """
    Convert pixels to a JPEG message, its format spelt as by compressed_image_transport.

    Args:
        image: uint8, (H, W, 3) BGR or (H, W) grey.
        header: Header of the message.
        quality: JPEG quality, 1 to 100.

    Raises:
        ImageConversionError: OpenCV cannot encode the image.
    """
    from sensor_msgs.msg import CompressedImage
    try:
        done, encoded = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, quality])
    except cv2.error:
        done = False
    if not done:
        raise ImageConversionError(f'an array of shape {image.shape} and type {image.dtype} '
                                   'cannot be compressed as JPEG', kind='unsupported array')
    kind = 'mono8; jpeg compressed ' if image.ndim == 2 else 'bgr8; jpeg compressed bgr8'
    return CompressedImage(header=header, format=kind, data=_bytes(encoded))


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
        raise _unreadable(kind, len(data), f'the image is too large: {error}',
                          'too large') from error
    except (OSError, SyntaxError, ValueError) as error:
        raise _unreadable(kind, len(data), f"they are not {' or '.join(_FORMATS)}") from error
    if width * height > MAX_PIXELS:
        raise _unreadable(kind, len(data), f'{width}x{height} pixels are more than the '
                          f'{MAX_PIXELS // 1_000_000} megapixels that are read', 'too large')
    if width * height > max(_SMALL, _DENSEST * len(data)):
        raise _unreadable(kind, len(data), f'{width}x{height} pixels are more than that can hold',
                          'too large')
    if data.rfind(_FORMATS.get(name, b'')) < 0:
        raise _unreadable(kind, len(data), f'the {name} is truncated', 'truncated')


def _excerpt(text: str) -> str:
    """Return the start of a text from a message, at most SHOWN printable characters."""
    return shown(text[:SHOWN])[:SHOWN]


def _unreadable(format_: str, size: int, why: str, kind: str = 'not an image'
                ) -> ImageConversionError:
    return ImageConversionError(
        f"compressed image of format '{_excerpt(format_)}', {size} bytes of data: {why}; "
        'check its publisher and the transport from it', kind=kind)
