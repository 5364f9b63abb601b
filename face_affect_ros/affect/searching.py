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

"""The detector, run as often as it is needed."""

import math

from face_affect_ros.affect.detectors import Detector
from face_affect_ros.affect.following import Follower
from face_affect_ros.affect.turns import is_due
from face_affect_ros.affect.types import Detections, ImageArray


class Search:
    """
    Finds the faces of each image: detected now and then, followed in between.

    A face that cannot be followed is looked for by the detector at once. Somebody new is found at
    the next detection. detected: the time of the last one in seconds.
    """

    def __init__(self, detector: Detector, *, interval: float) -> None:
        """Start without faces. interval: seconds between two detections, 0 for every image."""
        self.detector = detector
        self.interval = interval
        self._follow = Follower()
        self._learnt = False   # whether it knows the faces of the last detection
        self.detected = self._stamp = -math.inf
        self._elapsed = math.inf
        self._shape: tuple[int, ...] = ()

    def __call__(self, image: ImageArray, stamp: float) -> Detections:
        """
        Return the faces of a (H, W) grey or (H, W, 3) BGR uint8 image, best first.

        stamp: time of the image in seconds.
        """
        self._elapsed, self._stamp = stamp - self._stamp, stamp
        interval = self.interval   # may change meanwhile
        if self._learnt and not self._due(image, stamp, interval):
            found = self._follow(image)
            if found is not None:
                return found
        found = self.detector(image)
        self.detected, self._shape = stamp, image.shape
        self._learnt = interval > 0.0
        if self._learnt:
            self._follow.learn(image, found)
        return found

    def forget(self) -> None:
        """Forget what the faces looked like; the next image is searched."""
        self._follow, self._learnt = Follower(), False

    @property
    def busy(self) -> bool:
        """Return whether the last image was searched, and one that follows as soon will not be."""
        return self.detected == self._stamp and not is_due(self._elapsed, self.interval)

    def _due(self, image: ImageArray, stamp: float, interval: float) -> bool:
        """Return whether the image is to be searched; always where its size changes."""
        return is_due(stamp - self.detected, interval) or image.shape != self._shape
