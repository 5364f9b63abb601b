"""Depth images (REP-118) to metres."""

import sys

import numpy as np
from sensor_msgs.msg import Image

from face_affect_ros.affect.types import FloatArray
from face_affect_ros.nodes.image_conversion.layouts import DEPTH_LAYOUTS, check


def to_depth(message: Image) -> FloatArray:
    """Return the depths of an image message in metres, (H, W) float32, 0 or NaN where unknown.

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
