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

"""Parts of a face in its crop, from the four landmarks that every detector gives."""

from face_affect_ros.affect.types import FloatArray, LEFT_EYE, MOUTH, RIGHT_EYE
import numpy as np
import numpy.typing as npt

REGIONS = ('eyes and brows', 'nose', 'mouth', 'rest of the face', 'outside')
EYES, NOSE_REGION, MOUTH_REGION, REST, OUTSIDE = range(5)
#: Eyes nearer to each other than this share of the crop belong to a profile, which has no such
#: parts.
MIN_EYE_DISTANCE = 0.12


def regions(landmarks: FloatArray, size: int) -> npt.NDArray[np.int64] | None:
    """
    Return the region of each pixel of a crop, (size, size) rows of REGIONS.

    landmarks: (4, 2) in pixels of the crop, rows as in types.LANDMARKS. None for a profile or
    where eyes or mouth are unknown. All parts are ellipses. Across they are measured by the
    distance of the eyes, down by the way from the eyes to the mouth; their sizes follow an adult's
    mean face (eyes 63 mm apart, face about 140 mm wide and 190 mm high).
    """
    right, left, mouth = landmarks[[RIGHT_EYE, LEFT_EYE, MOUTH]].astype(np.float64)
    between = (right + left) / 2.0
    across, down = left - right, mouth - between
    width, height = float(np.hypot(*across)), float(np.hypot(*down))
    if not (width >= MIN_EYE_DISTANCE * size and height > 0.0):   # fails for NaN as well
        return None
    height = max(height, 0.6 * width)
    axis = across / width
    normal = np.array([-axis[1], axis[0]])
    if normal @ down < 0.0:
        normal = -normal
    columns, rows = np.meshgrid(np.arange(size), np.arange(size))
    away = np.stack([columns, rows], 2) - between
    u, v = away @ axis / width, away @ normal / height

    def ellipse(x: float, y: float, wide: float, high: float) -> npt.NDArray[np.bool_]:
        return np.asarray(((u - x) / wide) ** 2 + ((v - y) / high) ** 2 <= 1.0)

    found = np.full((size, size), OUTSIDE)
    found[ellipse(0.0, 0.36, 1.15, 1.45)] = REST
    found[ellipse(0.0, 0.55, 0.3, 0.38)] = NOSE_REGION
    found[ellipse(0.0, 1.0, 0.55, 0.36)] = MOUTH_REGION
    found[ellipse(-0.5, -0.1, 0.42, 0.34) | ellipse(0.5, -0.1, 0.42, 0.34)] = EYES
    return found
