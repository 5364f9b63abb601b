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
The built-in source: a portrait, slowly panned and zoomed, as seen by a moving robot.

The image is the public-domain portrait of the astronaut Eileen Collins (NASA) that comes with
scikit-image, 512x512. It is read from the installed package; nothing is downloaded.
"""

from collections.abc import Iterator
import importlib.util
import math
from pathlib import Path

import cv2
from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_ros.media.base import Frame, Media
from face_affect_ros.media.pictures import read_picture
import numpy as np

WIDTH, HEIGHT = 640, 480
#: Period of the movement in seconds.
PERIOD = 12.0
#: Smallest and largest number of view pixels per pixel of the image.
ZOOM = (1.3, 1.75)
#: The part of the image that stays in view, head and shoulders: x, y, width, height.
HEAD = (150.0, 30.0, 150.0, 170.0)


def portrait_path() -> Path:
    """Return the path of the image in scikit-image; AffectError if it is missing."""
    spec = importlib.util.find_spec('skimage')
    folders = list(spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        path = Path(folder) / 'data' / 'astronaut.png'
        if path.is_file():
            return path
    where = f'not among the data of {folders[0]}' if folders else 'scikit-image is not installed'
    raise AffectError(f'the built-in portrait is missing: {where}; install it with python3 -m pip '
                      'install scikit-image, or choose an image, a clip or a camera')


def view_matrix(phase: float, size: tuple[int, int]) -> np.ndarray:
    """
    Return the affine map from the image to the view.

    Args:
        phase: Phase of the movement, 0 to 1.
        size: Width and height of the image in pixels.

    Returns:
        (2, 3) float64. The view is inside of the image and contains HEAD.
    """
    turn = 2.0 * math.pi * phase
    low, high = ZOOM
    zoom = (low + high) / 2.0 - (high - low) / 2.0 * math.cos(turn)
    left = _between(HEAD[0], HEAD[2], WIDTH / zoom, size[0], math.sin(2.0 * turn + 0.5))
    top = _between(HEAD[1], HEAD[3], HEIGHT / zoom, size[1], math.sin(turn + 2.0))
    return np.array([[zoom, 0.0, -zoom * left], [0.0, zoom, -zoom * top]])


def _between(start: float, extent: float, view: float, whole: float, swing: float) -> float:
    """
    Return the start of the view along one axis, in pixels.

    Args:
        start: Start of HEAD.
        extent: Extent of HEAD.
        view: Extent of the view.
        whole: Extent of the image.
        swing: Position within the allowed range, -1 to 1.
    """
    first = max(0.0, start + extent - view)
    last = min(whole - view, start)
    return first + (last - first) * (swing + 1.0) / 2.0


class PortraitMedia(Media):
    """The moving portrait at 640x480; the last frame is continuous with the first."""

    def __init__(self, *, rate: float) -> None:
        """
        Read the image.

        Args:
            rate: Frames per second, rounded to a whole number per period.
        """
        self._picture = read_picture(portrait_path())
        self._period = 1.0 / rate
        super().__init__('portrait', width=WIDTH, height=HEIGHT, rate=rate,
                         frame_count=max(1, round(PERIOD * rate)))

    def image_at(self, index: int) -> ImageArray:
        """Return the view of one frame, (480, 640, 3) uint8 BGR."""
        height, width = self._picture.shape[:2]
        matrix = view_matrix(index / (self.frame_count or 1), (width, height))
        return np.asarray(cv2.warpAffine(
            self._picture, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE), np.uint8)

    def _frames(self) -> Iterator[Frame]:
        for index in range(self.frame_count or 1):
            yield Frame(index, index * self._period, self.image_at(index))
