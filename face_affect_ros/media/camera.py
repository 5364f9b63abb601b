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

"""Cameras, read by OpenCV."""

from collections.abc import Iterator
import math
import os
import time

import cv2
from face_affect_ros.affect.types import AffectError
from face_affect_ros.media.base import Frame, Media
from face_affect_ros.media.opencv_logging import opencv_silenced
import numpy as np

#: Consecutive failed reads, 0.05 s each, after which a camera counts as lost.
MAX_FAILURES = 10


class CameraMedia(Media):
    """A local camera. Stamps are seconds since it was opened."""

    live = True

    def __init__(self, source: str, *, rate: float | None, size: tuple[int, int] | None) -> None:
        """
        Open the camera and read a first frame.

        Args:
            source: '0', '/dev/video0' or a link to it.
            rate: Requested frames per second; the camera may select another rate.
            size: Requested width and height in pixels; the camera may select another size.

        Raises:
            AffectError: The camera cannot be opened or returns no image.
        """
        device = int(source) if source.isdigit() else os.path.realpath(source)
        with opencv_silenced():
            self._capture = cv2.VideoCapture(device, cv2.CAP_V4L2)
            for key, value in _requests(rate, size):
                self._capture.set(key, value)
            done, image = self._capture.read()
        if not done:
            self._capture.release()
            raise AffectError(f'camera {source}: cannot be opened or returns no images; check '
                              'that it exists (ls /dev/video*), that no other program uses it, '
                              'and that you are in the group video')
        self._index, self._opened_at = 0, time.monotonic()
        height, width = image.shape[:2]
        super().__init__(f'camera {source}', width=width, height=height, frame_count=None,
                         rate=_known(self._capture.get(cv2.CAP_PROP_FPS), 0.1, 1000.0))

    def _frames(self) -> Iterator[Frame]:
        failures = 0
        while self._capture.isOpened():
            done, image = self._capture.read()
            if done:
                failures = 0
                yield Frame(self._index, time.monotonic() - self._opened_at,
                            np.asarray(image, np.uint8))
                self._index += 1
                continue
            failures += 1
            self.skipped += 1
            if failures > MAX_FAILURES:
                raise AffectError(f'{self.name}: returns no more images; check its cable')
            time.sleep(0.05)

    def close(self) -> None:
        """Close the camera."""
        self._capture.release()


def _requests(rate: float | None, size: tuple[int, int] | None) -> Iterator[tuple[int, float]]:
    yield cv2.CAP_PROP_BUFFERSIZE, 1
    if size:
        yield cv2.CAP_PROP_FRAME_WIDTH, size[0]
        yield cv2.CAP_PROP_FRAME_HEIGHT, size[1]
    if rate:
        yield cv2.CAP_PROP_FPS, rate


def _known(value: float, low: float, high: float) -> float | None:
    """Return a property of a capture, None if it is outside of a plausible range."""
    return value if math.isfinite(value) and low <= value <= high else None
