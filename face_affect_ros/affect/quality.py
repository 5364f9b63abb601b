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

"""Whether a face can be classified: it is large, frontal and sharp enough."""

from dataclasses import dataclass
from typing import Any

import cv2
from face_affect_ros.affect.types import (
    Detections,
    FloatArray,
    ImageArray,
    LEFT_EYE,
    NOSE,
    NOT_A_FACE,
    RIGHT_EYE,
    TOO_BLURRED,
    TOO_SMALL,
    TOO_TURNED,
)
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Limits:
    """The faces that a model can classify, see `face_affect input-limits`; all by default."""

    min_side: float = 0.0   #: minimum of the longer side of the face box, pixels
    max_turn: float = float('inf')   #: maximum of turn_of
    min_sharpness: float = 0.0   #: minimum of sharpness_of


def reasons(found: Detections, crops: ImageArray, limits: Limits,
            face_score: float = 0.0) -> list[str]:
    """
    Return for each face why it cannot be classified, '' if it can.

    Args:
        found: N detections.
        crops: (N, S, S, C) uint8, of the detections.
        limits: Limits of the model.
        face_score: Minimum score of a face, see Detector.
    """
    result = []
    for box, score, points, crop in zip(found.boxes, found.scores, found.landmarks, crops):
        if max(box[2:]) < limits.min_side:   # before the score, which is low for small faces
            result.append(TOO_SMALL)
        elif score < face_score:
            result.append(NOT_A_FACE)
        elif turn_of(points) > limits.max_turn:
            result.append(TOO_TURNED)
        elif limits.min_sharpness > 0.0 and sharpness_of(crop) < limits.min_sharpness:
            result.append(TOO_BLURRED)
        else:
            result.append('')
    return result


def turn_of(landmarks: FloatArray) -> float:
    """
    Return how far a head is turned to a side: 0 for a frontal face, >= 0.5 for a profile.

    This is the distance of the nose from the midpoint of the eyes, along the line through them,
    as a fraction of the distance between the eyes.

    Args:
        landmarks: (4, 2), rows as in types.LANDMARKS.

    Returns:
        0 if eyes or nose are unknown.
    """
    right, left, nose = landmarks[[RIGHT_EYE, LEFT_EYE, NOSE]].astype(np.float64)
    across = left - right
    distance = float(across @ across)
    if not np.isfinite(distance + nose.sum()):
        return 0.0
    aside = abs(float((nose - (left + right) / 2.0) @ across))
    return aside / distance if distance > 0.0 else float('inf')


def sharpness_of(crop: ImageArray) -> float:
    """
    Return the sharpness of a crop (S, S, C) uint8, independent of its contrast; 0 for none.

    This is the variance of the second derivative over that of the grey values, as the variance of
    the Laplacian (Pech-Pacheco et al. 2000), but in the one of four directions in which it is
    smallest: motion blurs in one direction only.
    """
    grey = crop[:, :, 0] if crop.shape[2] == 1 else cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY)
    spread = _deviation(grey)
    if spread == 0.0:
        return 0.0
    xx, yy, xy = (cv2.Sobel(grey, cv2.CV_16S, *order) for order in ((2, 0), (0, 2), (1, 1)))
    sums = xx + yy
    diagonals = (sums + 2 * xy, sums - 2 * xy)   # twice the second derivatives
    detail = min(_deviation(xx), _deviation(yy), *(_deviation(each) / 2.0 for each in diagonals))
    return (detail / spread)**2


def _deviation(values: npt.NDArray[np.integer[Any] | np.floating[Any]]) -> float:
    return float(cv2.meanStdDev(values)[1][0, 0])
