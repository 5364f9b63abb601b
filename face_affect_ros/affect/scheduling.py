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

"""When the networks run: the detector at an interval, the classifiers at an interval per track."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
import math

from face_affect_ros.affect.detectors import Detector
from face_affect_ros.affect.template_tracker import TemplateTracker
from face_affect_ros.affect.types import Detections, ImageArray

#: Share of an interval by which an image may come too early, because of jitter of the camera.
JITTER = 0.05
#: A deferred inference runs at the latest after this many intervals.
MAX_DEFERRAL = 1.5


def is_due(elapsed: float, interval: float) -> bool:
    """
    Return whether an interval has passed; True also where time stands still or jumps back.

    elapsed: seconds since the last run. interval: seconds between two runs, 0 for no limit.
    """
    return not 0.0 < elapsed < (1.0 - JITTER) * interval


@dataclass(frozen=True)
class Located:
    """
    The faces of one image.

    detected: whether the detector ran on this image. defer: whether other work should wait for
    the next image, because the detector will not run on that one if it comes after the same time.
    """

    faces: Detections
    detected: bool
    defer: bool


class DetectOrTrack:
    """
    Finds the faces of each image: by the detector at an interval, by template matching in between.

    If a face cannot be tracked, or the size of the image changes, the detector runs at once.
    """

    def __init__(self, detector: Detector) -> None:
        """Start without faces."""
        self.detector = detector
        self._templates: TemplateTracker | None = None
        self._shape: tuple[int, ...] = ()
        self._detected = self._stamp = -math.inf

    def __call__(self, image: ImageArray, stamp: float, interval: float) -> Located:
        """
        Return the faces of a (H, W) grey or (H, W, 3) BGR uint8 image, best first.

        stamp: time of the image in seconds. interval: seconds between two runs of the detector,
        0 for every image.
        """
        elapsed, self._stamp = stamp - self._stamp, stamp
        if (self._templates is not None and image.shape == self._shape
                and not is_due(stamp - self._detected, interval)):
            tracked = self._templates(image)
            if tracked is not None:
                return Located(tracked, detected=False, defer=False)
        found = self.detector(image)
        self._detected, self._shape = stamp, image.shape
        self._templates = TemplateTracker(image, found) if interval > 0.0 else None
        return Located(found, detected=True, defer=not is_due(elapsed, interval))

    @property
    def templates(self) -> int:
        """Return the number of faces whose pixels are kept for tracking."""
        return len(self._templates) if self._templates is not None else 0

    def reset(self) -> None:
        """Drop the templates; the detector runs on the next image."""
        self._templates = None
        self._detected = self._stamp = -math.inf


class InferenceScheduler:
    """
    Selects the tracks that a classifier runs on: each once in an interval, a new one at once.

    The inferences of an interval are distributed evenly over its images.
    """

    def __init__(self) -> None:
        """Start without tracks."""
        self._last: dict[str, float] = {}
        self._stamp = -math.inf
        self._budget = 0.0   # inferences that are due and have not run yet, as a fraction

    def select(self, tracks: Sequence[str], stamp: float, interval: float, *,
               defer: bool = False) -> list[int]:
        """
        Return the indices of the tracks to run on.

        stamp: of the image, seconds. interval: seconds between two runs on a track, 0 for every
        image. defer: wait for the next image, unless that would exceed MAX_DEFERRAL intervals.
        """
        elapsed, self._stamp = stamp - self._stamp, stamp
        share = len(tracks) * (1.0 if is_due(elapsed, interval) else elapsed / interval)
        waited = [stamp - self._last.get(track, -math.inf) for track in tracks]
        new = [index for index, time in enumerate(waited) if time == math.inf]
        due = sorted((index for index, time in enumerate(waited)
                      if time < math.inf and is_due(time, interval)
                      and not (defer and time + elapsed < (MAX_DEFERRAL + JITTER) * interval)),
                     key=lambda index: -waited[index])
        self._budget += share
        chosen = due[:math.floor(self._budget + JITTER)]
        self._budget = max(0.0, self._budget - len(chosen))
        if not defer:   # with more than one left, tracks due together would stay together
            self._budget = min(self._budget, 1.0) if share < 1.0 else self._budget % 1.0
        chosen = sorted(new + chosen)
        self._last.update({tracks[index]: stamp for index in chosen})
        return chosen

    def prune(self, alive: Container[str]) -> None:
        """Drop the tracks that have ended."""
        self._last = {track: stamp for track, stamp in self._last.items() if track in alive}
