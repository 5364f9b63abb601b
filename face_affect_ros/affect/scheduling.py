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

import cv2
from face_affect_ros.affect.crop import CropSpec, extract_crops
from face_affect_ros.affect.rotated_search import RotatedSearch
from face_affect_ros.affect.types import Detections, FloatArray, ImageArray
import numpy as np

#: Side of a face's template, pixels: localizes a face at a hundredth of the detector's cost.
TEMPLATE = 20
#: Fraction of the box's sides in the template; its edge may show the background.
INNER = 0.9
#: Largest movement of a face between two images, in template sides, in each direction.
REACH = 0.5
#: Correlation below which the tracking of a face has failed.
MIN_CORRELATION = 0.6
#: Fraction of an interval by which an image may be early, because of jitter of the camera.
JITTER = 0.05
#: A deferred inference runs at the latest after this many intervals.
MAX_DEFERRAL = 1.5

FACE = CropSpec(size=TEMPLATE, margin=(INNER - 1.0) / 2.0, align=False)
AROUND = CropSpec(size=round(TEMPLATE * (1.0 + 2.0 * REACH)), align=False,
                  margin=(INNER * (1.0 + 2.0 * REACH) - 1.0) / 2.0)


class TemplateTracker:
    """
    Tracks faces from image to image by normalised cross-correlation.

    The template of a face is always that of its detection, so that errors do not accumulate.
    """

    def __init__(self, image: ImageArray, found: Detections) -> None:
        """Crop the templates of faces from an image."""
        self._found = found
        self._templates = extract_crops(image, found.boxes, found.landmarks, FACE)
        self._shifts = np.zeros((len(found), 2), np.float32)

    def __call__(self, image: ImageArray) -> Detections | None:
        """
        Track the faces in a later image.

        Returns:
            The detections with boxes and landmarks shifted; None if one face cannot be tracked.
        """
        found = self._found
        around = extract_crops(image, shifted(found.boxes, self._shifts), found.landmarks, AROUND)
        for index, (part, template) in enumerate(zip(around, self._templates)):
            fit = np.asarray(cv2.matchTemplate(part, template, cv2.TM_CCOEFF_NORMED), np.float32)
            _, correlation, _, (column, row) = cv2.minMaxLoc(fit)
            if not correlation >= MIN_CORRELATION:
                return None
            place = np.array([column + peak(fit[row], column), row + peak(fit[:, column], row)])
            pixel = max(found.boxes[index, 2:].max(), 1.0) * INNER / TEMPLATE
            self._shifts[index] += pixel * (place - (AROUND.size - TEMPLATE) / 2.0)
        return Detections(shifted(found.boxes, self._shifts), found.scores,
                          found.landmarks + self._shifts[:, np.newaxis])


def shifted(boxes: FloatArray, shifts: FloatArray) -> FloatArray:
    """Return boxes moved by shifts (N, 2), pixels."""
    return np.concatenate([boxes[:, :2] + shifts, boxes[:, 2:]], axis=1)


def peak(values: FloatArray, index: int) -> float:
    """
    Return the maximum of the parabola through the largest value and its neighbours.

    Args:
        values: (N,).
        index: Index of the largest value.

    Returns:
        Position relative to index, in [-0.5, 0.5]; 0 at an end of the values.
    """
    if not 0 < index < len(values) - 1:
        return 0.0
    before, top, after = (float(value) for value in values[index - 1:index + 2])
    bend = before - 2.0 * top + after
    return 0.5 * (before - after) / bend if bend < 0.0 else 0.0


def is_due(elapsed: float, interval: float) -> bool:
    """Return whether an interval in seconds has passed, or the time has stopped or jumped back."""
    return not 0.0 < elapsed < (1.0 - JITTER) * interval


@dataclass(frozen=True)
class Located:
    """
    The faces of one image, and whether the detector ran on it.

    defer: whether inferences should wait for the next image, on which, at the same frame rate, the
    detector will not run.
    """

    faces: Detections
    detected: bool
    defer: bool


class DetectOrTrack:
    """
    Finds the faces of each image: by the detector at an interval, by template matching in between.

    If a face cannot be tracked, or the size of the image changes, the detector runs at once.

    Attributes:
        templates: The pixels of the faces that are tracked, None if there are none.
    """

    def __init__(self, search: RotatedSearch) -> None:
        self.search = search
        self.templates: TemplateTracker | None = None
        self._shape: tuple[int, ...] = ()
        self._detected = self._stamp = -math.inf

    def __call__(self, image: ImageArray, stamp: float, interval: float) -> Located:
        """Return the faces of an image at a time; interval: of the detector, both in seconds."""
        elapsed, self._stamp = stamp - self._stamp, stamp
        if (self.templates is not None and image.shape == self._shape
                and not is_due(stamp - self._detected, interval)):
            tracked = self.templates(image)
            if tracked is not None:
                return Located(tracked, detected=False, defer=False)
        found = self.search(image, stamp)
        self._detected, self._shape = stamp, image.shape
        self.templates = TemplateTracker(image, found) if interval > 0.0 else None
        return Located(found, detected=True, defer=not is_due(elapsed, interval))

    def reset(self) -> None:
        """Drop the templates; the detector runs on the next image."""
        self.search.reset()
        self.templates = None
        self._detected = self._stamp = -math.inf


class InferenceScheduler:
    """
    Selects the tracks that a classifier runs on: each once in an interval, a new one at once.

    The inferences of an interval are distributed evenly over its images.
    """

    def __init__(self) -> None:
        self._last: dict[str, float] = {}
        self._stamp = -math.inf
        self._budget = 0.0   # inferences that are due and have not run yet, as a fraction

    def select(self, tracks: Sequence[str], stamp: float, interval: float, *,
               defer: bool = False) -> list[int]:
        """
        Return the indices of the tracks to run on.

        Args:
            tracks: Ids of the tracks in the image.
            stamp: Time of the image, seconds.
            interval: Seconds between two runs on a track, 0 for every image.
            defer: Wait for the next image, unless that would exceed MAX_DEFERRAL intervals.
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
        if not defer:   # with a larger rest, tracks due together would run together again
            self._budget = min(self._budget, 1.0) if share < 1.0 else self._budget % 1.0
        chosen = sorted(new + chosen)
        self._last.update({tracks[index]: stamp for index in chosen})
        return chosen

    def prune(self, alive: Container[str]) -> None:
        """Drop the tracks that have ended."""
        self._last = {track: stamp for track, stamp in self._last.items() if track in alive}
