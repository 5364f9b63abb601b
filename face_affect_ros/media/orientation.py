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

"""Orientation of images and clips."""

from collections.abc import Sequence

import cv2
from face_affect_ros.affect.types import ImageArray
import numpy as np

#: Flip of each EXIF orientation, after the transposition of 5 to 8, as in cv2.flip: 0 vertical,
#: 1 horizontal, -1 both.
_FLIPS = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}


def upright(image: ImageArray, orientation: int) -> ImageArray:
    """
    Return an image in upright orientation.

    Args:
        image: (H, W) or (H, W, 3) uint8.
        orientation: Orientation of EXIF, 1 to 8; 1 is upright.
    """
    if orientation >= 5:
        image = np.asarray(cv2.transpose(image), np.uint8)
    flip = _FLIPS.get(orientation)
    return image if flip is None else np.asarray(cv2.flip(image, flip), np.uint8)


def orientation_of_matrix(matrix: Sequence[int]) -> int:
    """
    Return the EXIF orientation for the display matrix of a clip, to the nearest quarter turn.

    Args:
        matrix: a, b, u, c, d, v, x, y, w of the QuickTime file format: a pixel at (p, q) is shown
            at (a * p + c * q, b * p + d * q).
    """
    a, b, _, c, d = matrix[:5]
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return {(False, False): 1, (True, False): 2, (True, True): 3, (False, True): 4}[
            a < 0, d < 0]
    return {(False, False): 5, (True, False): 6, (True, True): 7, (False, True): 8}[c < 0, b < 0]
