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
The crops of faces for classifiers, in training and on the robot.

A crop is a square around the face box, enlarged by a margin and rotated until the eyes are level.
Beyond the image, its border pixels are repeated, so that the face keeps its position and scale.
"""

from dataclasses import dataclass
import math

import cv2
from face_affect_ros.affect.types import Face, FloatArray, ImageArray, LEFT_EYE, RIGHT_EYE
import numpy as np

#: Smallest distance between the eyes, relative to the box, for a reliable angle (not of profiles).
MIN_EYE_DISTANCE = 0.15


@dataclass(frozen=True)
class CropSpec:
    """The geometry and the channels of a crop."""

    size: int   #: side of the square crop, pixels
    channels: int = 1   #: 1 (grey) or 3 (RGB)
    margin: float = 0.0   #: added on each side, as a fraction of the box's longer side, > -0.5
    align: bool = True   #: rotate the crop until the eyes are level, if the landmarks are reliable


def roll_of(landmarks: FloatArray, side: float) -> float:
    """
    Return the angle of the line through the eyes in radians, 0 if it is not reliable.

    Args:
        landmarks: (4, 2) in pixels, rows as in types.LANDMARKS.
        side: Longer side of the face box, pixels.
    """
    dx, dy = (landmarks[LEFT_EYE] - landmarks[RIGHT_EYE]).tolist()
    trusted = math.hypot(dx, dy) >= MIN_EYE_DISTANCE * side   # false for NaN
    return math.atan2(dy, dx) if trusted else 0.0


def crop_matrix(box: FloatArray, spec: CropSpec, roll: float = 0.0) -> FloatArray:
    """
    Return the (2, 3) affine map from image pixels to crop pixels, with centres at whole numbers.

    Args:
        box: (4,), x, y, width, height in pixels.
        spec: Geometry of the crop.
        roll: Angle to compensate, radians.
    """
    x, y, width, height = box.tolist()
    side = max(width, height, 1.0) * (1.0 + 2.0 * spec.margin)
    scale, middle = spec.size / side, (spec.size - 1) / 2.0
    cos, sin = scale * math.cos(roll), scale * math.sin(roll)
    across, down = x + width / 2.0 - 0.5, y + height / 2.0 - 0.5
    return np.array([[cos, sin, middle - cos * across - sin * down],
                     [-sin, cos, middle + sin * across - cos * down]], np.float32)


def warp(image: ImageArray, matrix: FloatArray, size: int) -> ImageArray:
    """
    Return the (size, size[, C]) uint8 crop of an image under a crop matrix.

    If the crop is much smaller than its face, the image is averaged first, against aliasing.
    """
    (a, b, _), (c, d, _) = matrix.tolist()
    scale = math.sqrt(abs(a * d - b * c))
    factor = int(1.0 / scale) if scale > 0.0 else 1
    if factor >= 2:
        image, matrix = _reduce(image, matrix, size, factor)
    return np.asarray(cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR,
                                     borderMode=cv2.BORDER_REPLICATE), np.uint8)


def extract_crops(image: ImageArray, boxes: FloatArray, landmarks: FloatArray,
                  spec: CropSpec) -> ImageArray:
    """
    Return the crops of all faces of an image.

    Args:
        image: (H, W) grey or (H, W, 3) BGR uint8.
        boxes: (N, 4), pixels.
        landmarks: (N, 4, 2), pixels, NaN where unknown.
        spec: Geometry of the crops.

    Returns:
        (N, size, size, channels) uint8, grey or RGB.
    """
    crops = np.empty((len(boxes), spec.size, spec.size, spec.channels), np.uint8)
    for crop, box, points in zip(crops, boxes, landmarks):
        crop[:] = to_channels(warp(image, aligned_matrix(box, points, spec), spec.size),
                              spec.channels)
    return crops


def aligned_matrix(box: FloatArray, landmarks: FloatArray, spec: CropSpec) -> FloatArray:
    """Return the crop_matrix of a box (4,), with level eyes if spec.align; landmarks (4, 2)."""
    roll = roll_of(landmarks, float(max(box[2], box[3]))) if spec.align else 0.0
    return crop_matrix(box, spec, roll)


def face_matrix(face: Face, spec: CropSpec) -> FloatArray:
    """Return the aligned_matrix of a face."""
    box = face.box if face.whole_box is None else face.whole_box
    return aligned_matrix(box, face.landmarks, spec)


def extract_crop(image: ImageArray, face: Face, spec: CropSpec) -> ImageArray:
    """Return the classifier's crop of one face, (size, size, channels) uint8."""
    return to_channels(warp(image, face_matrix(face, spec), spec.size), spec.channels)


def to_channels(crop: ImageArray, channels: int) -> ImageArray:
    """Return a (H, W) or (H, W, 3) BGR image as (H, W, 1) grey or (H, W, 3) RGB."""
    if channels == 1:
        grey = crop if crop.ndim == 2 else cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
        return np.asarray(grey, np.uint8)[:, :, np.newaxis]
    code = cv2.COLOR_GRAY2RGB if crop.ndim == 2 else cv2.COLOR_BGR2RGB
    return np.asarray(cv2.cvtColor(crop, code), np.uint8)


def box_of_chip(width: int, height: int, margin: float) -> FloatArray:
    """Return the face box whose crop with this margin is the whole image of a data set."""
    side = max(width, height) / (1.0 + 2.0 * margin)
    return np.array([(width - side) / 2.0, (height - side) / 2.0, side, side], np.float32)


def _reduce(image: ImageArray, matrix: FloatArray, size: int,
            factor: int) -> tuple[ImageArray, FloatArray]:
    """Return the part of the image in the crop, shrunk by an integer factor, and its matrix."""
    (a, b, c), (d, e, f) = matrix.tolist()   # faster than numpy for so few numbers
    corners = [(x - c, y - f) for x in (-1, size) for y in (-1, size)]
    area = a * e - b * d
    left, right, columns = _blocks([(e * x - b * y) / area for x, y in corners],
                                   image.shape[1], factor)
    top, bottom, rows = _blocks([(a * y - d * x) / area for x, y in corners],
                                image.shape[0], factor)
    small = np.asarray(cv2.resize(image[top:bottom, left:right], (columns, rows),
                                  interpolation=cv2.INTER_AREA), np.uint8)
    # image = small * wide + (wide - 1) / 2 + left, for pixel centres at whole numbers
    wide, high = (right - left) / columns, (bottom - top) / rows
    x, y = (wide - 1) / 2 + left, (high - 1) / 2 + top
    return small, np.array([[a * wide, b * high, a * x + b * y + c],
                            [d * wide, e * high, d * x + e * y + f]], np.float32)


def _blocks(places: list[float], length: int, factor: int) -> tuple[int, int, int]:
    """
    Return start, end and number of the blocks of pixels that contain places along one side.

    If possible all blocks are whole, which OpenCV averages several times faster.
    """
    start = min(max(math.floor(min(places)), 0), length - 1)
    end = min(max(math.ceil(max(places)) + 1, start + 1), length)
    count = -(-(end - start) // factor)
    start = min(start, max(length - count * factor, 0))
    return start, min(start + count * factor, length), count
