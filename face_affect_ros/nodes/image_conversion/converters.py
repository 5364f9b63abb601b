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

"""The two converters: cv_bridge where it works, and our own of the same results."""

from __future__ import annotations

import array
import functools
import importlib.util
import logging
from typing import Any, Protocol, TYPE_CHECKING

import cv2
from face_affect_ros.affect.sandbox import run_isolated, signal_of
from face_affect_ros.affect.types import ImageArray
from face_affect_ros.nodes.image_conversion.layouts import Layout
import numpy as np

if TYPE_CHECKING:   # bags are read where there is no ROS
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header

_log = logging.getLogger(__name__)


class Converter(Protocol):
    """Reads and writes image messages that were checked."""

    name: str

    def to_array(self, message: Image, layout: Layout) -> ImageArray:
        """Return the pixels, uint8, (H, W, 3) BGR or (H, W) grey, C-contiguous."""

    def to_message(self, image: ImageArray, encoding: str, header: Header) -> Image:
        """Return a message with these pixels as they are."""


class NumpyConverter:
    """Reads and writes image messages with numpy and OpenCV alone."""

    name = 'own'

    def to_array(self, message: Image, layout: Layout) -> ImageArray:
        """Return the pixels; a view of the message's memory where they need no conversion."""
        shape = (layout.rows(message.height), message.width, layout.channels)
        strides = (message.step, layout.pixel, layout.size)
        axes = 2 if layout.channels == 1 else 3
        order = '>' if message.is_bigendian else '<'
        # the strides skip the padding at the end of the rows
        image: np.ndarray[Any, Any] = np.ascontiguousarray(np.ndarray(
            shape[:axes], f'{order}u{layout.size}', message.data, strides=strides[:axes]))
        if layout.code is not None:
            image = cv2.cvtColor(image, layout.code)
        elif layout.size == 2:
            image = cv2.convertScaleAbs(image.astype(np.uint16), alpha=255.0 / 65535.0)
        return np.asarray(image, np.uint8)

    def to_message(self, image: ImageArray, encoding: str, header: Header) -> Image:
        """Return a message with these pixels as they are."""
        from sensor_msgs.msg import Image
        height, width = image.shape[:2]
        # rclpy takes an array of bytes as it is; of other types it checks every single byte
        data = array.array('B')
        data.frombytes(np.ascontiguousarray(image).data.cast('B'))
        return Image(header=header, height=height, width=width, encoding=encoding,
                     is_bigendian=0, step=image.size // height, data=data)


class CvBridgeConverter:
    """
    Reads and writes image messages with cv_bridge, and with our own converter where it fails.

    It does not know nv12, nv21, uyvy and yuyv, and shears an image whose rows are padded by a
    part of a pixel (vision_opencv 4.1, core.py: the step is divided by the size of a pixel).
    """

    name = 'cv_bridge'

    def __init__(self) -> None:
        """Import cv_bridge; whatever that raises is raised."""
        from cv_bridge import CvBridge

        self._bridge = CvBridge()
        self._own = NumpyConverter()
        self._unknown: set[str] = set()

    def to_array(self, message: Image, layout: Layout) -> ImageArray:
        """Return the pixels; a view of the message's memory where they need no conversion."""
        if message.encoding not in self._unknown and message.step % layout.pixel == 0:
            try:
                return self.read(message, layout)
            except Exception as error:   # not CvBridgeError alone: numpy 2 lacks what it asks for
                _log.info('cv_bridge does not read %s (%s), our own converter does',
                          message.encoding, error)
                self._unknown.add(message.encoding)
        return self._own.to_array(message, layout)

    def read(self, message: Image, layout: Layout) -> ImageArray:
        """Return what cv_bridge makes of a message; raises whatever it raises."""
        wanted = 'bgr8' if layout.code is not None else 'passthrough'
        if layout.size == 2:
            wanted = 'mono8'
        return np.asarray(self._bridge.imgmsg_to_cv2(message, wanted), np.uint8)

    def to_message(self, image: ImageArray, encoding: str, header: Header) -> Image:
        """Return a message with these pixels as they are."""
        message: Image = self._bridge.cv2_to_imgmsg(image, encoding, header)
        return message


def probe() -> CvBridgeConverter:
    """Return a cv_bridge that works; raise whatever it raises, AssertionError for wrong pixels."""
    from std_msgs.msg import Header
    converter = CvBridgeConverter()
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    for encoding, expected in (('bgr8', image), ('rgb8', image[:, :, ::-1])):
        message = converter.to_message(image, encoding, Header())
        layout = Layout(3, code=None if encoding == 'bgr8' else cv2.COLOR_RGB2BGR)
        if not np.array_equal(converter.read(message, layout), expected):
            raise AssertionError(f'wrong pixels for {encoding}')
    return converter


@functools.cache
def converter() -> Converter:
    """Return the converter in use; the first call finds out which."""
    if importlib.util.find_spec('cv_bridge') is None:
        return NumpyConverter()
    try:
        if int(np.__version__.split('.')[0]) >= 2:
            _probe_apart()
        return probe()
    except Exception as error:  # cv_bridge breaks in many ways, which are not ours to list
        _log.warning('cv_bridge is installed but does not work (%s: %s), our own converter is '
                     'used', type(error).__name__, error)
        return NumpyConverter()


def _probe_apart() -> None:
    """
    Probe cv_bridge in a process of its own.

    A cv_bridge that was built for numpy 1 raises nothing under numpy 2: it crashes the process.
    """
    code = run_isolated('-c', f'import {__name__} as us; us.probe()').returncode
    if code != 0:
        name = signal_of(code)
        how = f'signal {name}' if name else f'exit code {code}'
        raise RuntimeError(f'a trial with numpy {np.__version__} ended with {how}')
