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

"""sensor_msgs/Image to pixels and back, depth images (REP-118) to metres."""

from __future__ import annotations

import array
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TYPE_CHECKING

import cv2
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray
import numpy as np

if TYPE_CHECKING:   # bags are read where there is no ROS
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header

#: Characters of a text of a message that are shown.
SHOWN = 60
#: The encodings that to_message writes, with the channels of their arrays.
WRITABLE = {'bgr8': 3, 'rgb8': 3, 'mono8': 1}


class ImageConversionError(AffectError):
    """
    An image message that cannot be converted.

    Attributes:
        kind: Category of the error, one of few words; /diagnostics counts by it.
    """

    def __init__(self, text: str, *, kind: str) -> None:
        super().__init__(text)
        self.kind = kind


def printable(text: str) -> str:
    """Return the first SHOWN characters of a text from a message, fit for one line of a log."""
    return ''.join(each if each.isprintable() else '?' for each in text[:SHOWN])


@dataclass(frozen=True)
class Layout:
    """
    The memory layout of an encoding.

    Attributes:
        channels: Values per pixel.
        size: Bytes per value.
        code: OpenCV's conversion to BGR, None where the pixels are grey or BGR already.
        even: Axes along which the number of pixels must be even: 'w', 'wh' or ''.
        planes: Rows in the buffer for every two rows of the image.
    """

    channels: int
    size: int = 1
    code: int | None = None
    even: str = ''
    planes: int = 2

    @property
    def pixel(self) -> int:
        """Bytes of a pixel in its row."""
        return self.channels * self.size

    def rows(self, height: int) -> int:
        """Return the rows in the buffer of an image of this height."""
        return height * self.planes // 2


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
    'nv12': Layout(1, code=cv2.COLOR_YUV2BGR_NV12, even='wh', planes=3),
    'nv21': Layout(1, code=cv2.COLOR_YUV2BGR_NV21, even='wh', planes=3),
    'bayer_rggb8': Layout(1, code=cv2.COLOR_BayerBG2BGR),
    'bayer_bggr8': Layout(1, code=cv2.COLOR_BayerRG2BGR),
    'bayer_gbrg8': Layout(1, code=cv2.COLOR_BayerGR2BGR),
    'bayer_grbg8': Layout(1, code=cv2.COLOR_BayerGB2BGR),
}
#: Encodings of depth images (REP-118): millimetres, metres.
DEPTH_LAYOUTS = {'16UC1': Layout(1, 2), 'mono16': Layout(1, 2), '32FC1': Layout(1, 4)}


def check(message: Image, layouts: Mapping[str, Layout] = LAYOUTS) -> Layout:
    """
    Validate the encoding and the sizes of a message, without allocating memory.

    Args:
        message: Image message.
        layouts: Encodings that are allowed.

    Returns:
        The layout of the message's encoding.

    Raises:
        ImageConversionError: The encoding is unknown, or the sizes contradict each other.
    """
    layout = layouts.get(message.encoding)
    if layout is None:
        raise ImageConversionError(
            f"image encoding '{printable(message.encoding)}' cannot be read; let the camera "
            f"driver send one of {', '.join(layouts)}", kind='unknown encoding')
    problem = _problem(message, layout)
    if problem:
        raise ImageConversionError(
            f"image of encoding '{message.encoding}', {message.width}x{message.height}, step "
            f'{message.step}, {len(message.data)} bytes of data: {problem}; its publisher is at '
            'fault, check the settings of the camera driver', kind='sizes that do not fit')
    return layout


def _problem(message: Image, layout: Layout) -> str:
    width, height, step = message.width, message.height, message.step
    if width == 0 or height == 0:
        return 'it has no pixels'
    if step < width * layout.pixel:
        return f'a row needs a step of at least {width * layout.pixel}'
    if ('w' in layout.even and width % 2) or ('h' in layout.even and height % 2):
        return f"its {'width' if layout.even == 'w' else 'width and height'} must be even"
    if len(message.data) < step * layout.rows(height):
        return f'at least {step * layout.rows(height)} bytes of data are needed'
    return ''


def to_array(message: Image) -> ImageArray:
    """
    Convert an image message to pixels.

    mono16 is scaled by 255 / 65535, alpha is dropped. 16UC1 and the float encodings are refused:
    they hold measurements such as depth, which no fixed scale makes a picture.

    Args:
        message: Image message; row padding and byte order are honoured.

    Returns:
        (H, W, 3) BGR or (H, W) grey uint8, C-contiguous and read-only: without padding, mono8 and
        bgr8 are a view of the message's memory. Copy it before drawing (OpenCV 4.6 draws on
        read-only arrays without an error).

    Raises:
        ImageConversionError: The encoding is unknown, or the sizes contradict each other.
    """
    layout = check(message)
    image = _values(message, layout)
    if layout.code is not None:
        image = cv2.cvtColor(image, layout.code)
    elif layout.size == 2:
        image = cv2.convertScaleAbs(image.astype(np.uint16), alpha=255.0 / 65535.0)
    image.flags.writeable = False
    return np.asarray(image, np.uint8)


def to_depth(message: Image) -> FloatArray:
    """
    Convert a depth image message to metres.

    Args:
        message: Image message; row padding and byte order are honoured.

    Returns:
        (H, W) float32, metres; 0 or NaN where unknown.

    Raises:
        ImageConversionError: The encoding is not one of depth images, or the sizes contradict
            each other.
    """
    layout = check(message, DEPTH_LAYOUTS)
    depth = _values(message, layout).astype(np.float32)
    return depth * np.float32(0.001) if layout.size == 2 else depth


def _values(message: Image, layout: Layout) -> np.ndarray[Any, Any]:
    """Return the values of a checked message, (rows, W[, channels]), C-contiguous."""
    shape = (layout.rows(message.height), message.width, layout.channels)
    strides = (message.step, layout.pixel, layout.size)   # skips the padding of the rows
    axes = 2 if layout.channels == 1 else 3
    kind = f"{'>' if message.is_bigendian else '<'}{'f' if layout.size == 4 else 'u'}{layout.size}"
    return np.ascontiguousarray(
        np.ndarray(shape[:axes], kind, message.data, strides=strides[:axes]))


def to_message(image: ImageArray, encoding: str, header: Header) -> Image:
    """
    Convert pixels to an image message.

    Args:
        image: uint8, (H, W, 3) for 'bgr8' and 'rgb8', (H, W) for 'mono8', with the channels in
            the encoding's order.
        encoding: One of WRITABLE.
        header: Header of the message.

    Raises:
        ImageConversionError: The array does not fit the encoding.
    """
    channels = 1 if image.ndim == 2 else image.shape[-1]
    if (image.dtype != np.uint8 or image.size == 0 or image.ndim not in (2, 3)
            or WRITABLE.get(encoding) != channels):
        raise ImageConversionError(
            f'an array of shape {image.shape} and type {image.dtype} cannot be sent as '
            f"'{encoding}'; use uint8 pixels and one of {', '.join(WRITABLE)}", kind='not sent')
    from sensor_msgs.msg import Image
    height, width = image.shape[:2]
    # rclpy takes an array of bytes as it is; of other types it checks every byte
    data = array.array('B')
    data.frombytes(np.ascontiguousarray(image).data.cast('B'))
    return Image(header=header, height=height, width=width, encoding=encoding,
                 is_bigendian=0, step=image.size // height, data=data)
