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
Image messages to pixels and back.

Two converters of the same results: cv_bridge where it is installed and works, else our own.

mono16 is scaled by 255 / 65535, as cv_bridge scales it. 16UC1 and the float encodings are refused,
again as cv_bridge does: they carry measurements such as depth, which no fixed scale turns into a
picture. to_depth reads depth images.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from face_affect_ros.affect.types import ImageArray
from face_affect_ros.nodes.image_conversion.compressed import decode_compressed, to_compressed
from face_affect_ros.nodes.image_conversion.converters import converter
from face_affect_ros.nodes.image_conversion.depth import to_depth
from face_affect_ros.nodes.image_conversion.layouts import check, ENCODINGS, ImageConversionError
import numpy as np

if TYPE_CHECKING:   # bags are read where there is no ROS
    from sensor_msgs.msg import Image
    from std_msgs.msg import Header

__all__ = ['ENCODINGS', 'WRITABLE', 'ImageConversionError', 'backend', 'decode_compressed',
           'to_array', 'to_compressed', 'to_depth', 'to_message']

#: The encodings that to_message writes, with the channels of their arrays.
WRITABLE = {'bgr8': 3, 'rgb8': 3, 'mono8': 1}


def backend() -> str:
    """Return which converter is in use, 'cv_bridge' or 'own'; the first call finds out."""
    return converter().name


def to_array(message: Image) -> ImageArray:
    """
    Return the pixels of an image message, uint8, (H, W, 3) BGR or (H, W) where it is grey.

    The array is C-contiguous and marked read-only: for mono8 and bgr8 without padding it is a
    view of the message's own memory. Copy it before drawing (OpenCV 4.6 draws on read-only
    arrays without complaint). Alpha is dropped. Raises ImageConversionError where the encoding
    cannot be read or the sizes do not fit each other.
    """
    layout = check(message)
    image = converter().to_array(message, layout)
    image.flags.writeable = False
    return image


def to_message(image: ImageArray, encoding: str, header: Header) -> Image:
    """
    Return an image message with these pixels.

    image: uint8, (H, W, 3) for 'bgr8' and 'rgb8', (H, W) for 'mono8', its channels in the
    encoding's order already. Raises ImageConversionError where image and encoding do not fit.
    """
    channels = 1 if image.ndim == 2 else image.shape[-1]
    if (image.dtype != np.uint8 or image.size == 0 or image.ndim not in (2, 3)
            or WRITABLE.get(encoding) != channels):
        raise ImageConversionError(
            f'an array of shape {image.shape} and type {image.dtype} cannot be sent as '
            f"'{encoding}'; use uint8 pixels and one of {', '.join(WRITABLE)}", kind='not sent')
    return converter().to_message(image, encoding, header)
