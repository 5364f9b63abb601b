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

"""Geometry of boxes as pure functions on arrays; a box is x, y, width, height in pixels."""

from collections.abc import Sequence

import cv2
from face_affect_ros.affect.types import FloatArray, ImageArray
import numpy as np

#: Longer side of a detector's input, pixels: the image's up to WHOLE, then SHARE of it up to MOST.
WHOLE, SHARE, MOST = 800, 0.8, 1024


def iou(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return the intersection over union of each pair, (N, 4) x (M, 4) -> (N, M) in [0, 1]."""
    start = np.maximum(first[:, np.newaxis, :2], second[np.newaxis, :, :2])
    end = np.minimum((first[:, :2] + first[:, 2:])[:, np.newaxis],
                     (second[:, :2] + second[:, 2:])[np.newaxis])
    overlap = np.clip(end - start, 0.0, None).prod(axis=2)
    areas = first[:, 2:].prod(axis=1)[:, np.newaxis] + second[:, 2:].prod(axis=1)[np.newaxis]
    return np.asarray(overlap / np.maximum(areas - overlap, 1e-9), np.float32)


def clip(boxes: FloatArray, width: int, height: int) -> FloatArray:
    """Return the parts of boxes, (..., 4), that lie inside an image."""
    limit = np.array([width, height], np.float32)
    start = np.clip(boxes[..., :2], 0.0, limit)
    end = np.clip(boxes[..., :2] + boxes[..., 2:], 0.0, limit)
    return np.concatenate([start, end - start], axis=-1).astype(np.float32)


def whole_pixels(box: FloatArray) -> tuple[int, int, int, int]:
    """Return a box (4,) with its edges rounded to the nearest pixels, as integers."""
    left, top, right, bottom = np.floor(
        np.concatenate([box[:2], box[:2] + box[2:]]) + 0.5).astype(int).tolist()
    return left, top, right - left, bottom - top


def resized(boxes: FloatArray, factor: float) -> FloatArray:
    """Return boxes (N, 4) with sides times a factor about their centres."""
    sides = boxes[:, 2:] * factor
    return np.concatenate([boxes[:, :2] + (boxes[:, 2:] - sides) / 2, sides],
                          axis=1).astype(np.float32)


def weighted_nms(values: FloatArray, scores: FloatArray,
                 threshold: float) -> tuple[FloatArray, FloatArray]:
    """
    Replace overlapping candidates by their score-weighted mean.

    The boxes jitter less from frame to frame than with non-maximum suppression (Bazarevsky et al.
    2019, BlazeFace, section 3.3).

    Args:
        values: (N, 4 + 2 K) float32, each a box and its landmarks.
        scores: (N,) float32.
        threshold: IoU above which two candidates are the same face.

    Returns:
        Merged values (M, 4 + 2 K) and scores (M,), best first.
    """
    rest = np.argsort(-scores, kind='stable')
    merged, best = [], []
    while len(rest):
        same = iou(values[rest[:1], :4], values[rest, :4])[0] > threshold
        same[0] = True
        weights = scores[rest[same]]
        merged.append(weights @ values[rest[same]] / weights.sum())
        best.append(weights[0])
        rest = rest[~same]
    return (np.array(merged, np.float32).reshape(-1, values.shape[1]),
            np.array(best, np.float32))


def letterbox(image: ImageArray, size: int) -> tuple[ImageArray, FloatArray, FloatArray]:
    """
    Scale an image to fit into the middle of a black square of side `size`.

    Returns:
        The square, and the map of points of the image into it, as point * scale + shift, (2,)
        float32 each, x and y.
    """
    inner = scaled(image, size)
    height, width = inner.shape[:2]
    left, top = (size - width) // 2, (size - height) // 2
    square = np.zeros((size, size, *image.shape[2:]), np.uint8)
    square[top:top + height, left:left + width] = inner
    # The inner size was rounded, so that the two scales differ a little.
    return (square, np.divide(inner.shape[1::-1], image.shape[1::-1]).astype(np.float32),
            np.array([left, top], np.float32))


def halved(image: ImageArray, size: int) -> ImageArray:
    """
    Return an image, halved by averaging until its longer side has fewer than `size` pixels.

    Bilinear interpolation would skip pixels, and OpenCV's area interpolation is several times
    slower for other factors. The last one of an odd number of rows or columns is left out.
    """
    while max(image.shape[:2]) >= size:
        height, width = (max(1, side // 2) for side in image.shape[:2])
        image = np.asarray(cv2.resize(image[:2 * height, :2 * width], (width, height),
                                      interpolation=cv2.INTER_AREA), np.uint8)
    return image


def scaled(image: ImageArray, size: int) -> ImageArray:
    """Return an image whose longer side has `size` pixels."""
    height, width = image.shape[:2]
    scale = size / max(height, width)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(halved(image, 2 * max(inner)), inner), np.uint8)


def shrunk(image: ImageArray, size: int) -> ImageArray:
    """Return an image as BGR, its longer side at most `size`."""
    if max(image.shape[:2]) > size:
        image = scaled(image, size)
    if image.ndim == 2:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
    return image


def longer_side(shape: Sequence[int], size: int = 0) -> int:
    """
    Return the longer side of a detector's input, pixels; never more than the image's.

    Args:
        shape: Shape of the image, (H, W[, C]).
        size: Requested size, pixels; 0 for the image's longer side up to WHOLE, and for SHARE of
            a larger one, between WHOLE and MOST.
    """
    longer = max(shape[:2])
    wanted = size or min(max(WHOLE, round(SHARE * longer)), MOST)
    return min(longer, wanted)
