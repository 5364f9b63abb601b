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

"""Depth images (REP-118) to metres."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from face_affect_ros.affect.types import FloatArray
from face_affect_ros.nodes.image_conversion.layouts import check, DEPTH_LAYOUTS
import numpy as np

if TYPE_CHECKING:   # bags are read where there is no ROS
    from sensor_msgs.msg import Image


def to_depth(message: Image) -> FloatArray:
    """
    Return the depths of an image message in metres, (H, W) float32, 0 or NaN where unknown.

    Row padding and byte order are honoured. Raises ImageConversionError where the encoding is
    not one of depth images or the sizes do not fit each other.
    """
    layout = check(message, DEPTH_LAYOUTS)
    kind = np.dtype(np.uint16 if layout.size == 2 else np.float32)
    if bool(message.is_bigendian) != (sys.byteorder == 'big'):
        kind = kind.newbyteorder()
    rows = np.frombuffer(message.data, np.uint8, message.step * message.height)
    rows = rows.reshape(message.height, message.step)[:, :message.width * layout.size]
    depth = np.ascontiguousarray(rows).view(kind).astype(np.float32)
    return depth * np.float32(0.001) if layout.size == 2 else depth
