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

"""How the encodings of sensor_msgs/Image lay out their pixels, and the check of a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
from face_affect_ros.affect.types import AffectError

if TYPE_CHECKING:   # bags are read where there is no ROS
    from sensor_msgs.msg import Image

#: Characters of a message's own text that are shown; its sender may have written a book.
SHOWN = 60


class ImageConversionError(AffectError):
    """
    An image message that cannot be read: its encoding is unknown, or its sizes lie.

    kind: one of few words for it, by which such images are counted.
    """

    def __init__(self, text: str, *, kind: str) -> None:
        """Take a text for people and a word for counting."""
        super().__init__(text)
        self.kind = kind


def printable(text: str) -> str:
    """Return the beginning of a text that came from elsewhere, fit for one line of a log."""
    return ''.join(each if each.isprintable() else '?' for each in text[:SHOWN])


@dataclass(frozen=True)
class Layout:
    """
    How an encoding lays out its pixels.

    channels: values per pixel. size: bytes per value. code: OpenCV's conversion to BGR, None
    where the pixels are grey or BGR already. even: axes along which the number of pixels must be
    even, 'w', 'wh' or ''. planes: rows in the buffer for every two rows of the image.
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
        """Return the rows in the buffer of an image."""
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
#: The encodings that can be read.
ENCODINGS = tuple(LAYOUTS)
#: Those of depth images (REP-118): millimetres, metres.
DEPTH_LAYOUTS = {'16UC1': Layout(1, 2), 'mono16': Layout(1, 2), '32FC1': Layout(1, 4)}


def check(message: Image, layouts: Mapping[str, Layout] = LAYOUTS) -> Layout:
    """
    Return the layout of a message's encoding among these. Allocates nothing.

    Raises ImageConversionError where the encoding is unknown or the sizes do not fit each other.
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
            'fault, look at the settings of the camera driver', kind='sizes that do not fit')
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
