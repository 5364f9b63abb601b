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

"""Find the faces of people lying down, in the image rotated by 90 degrees."""

from dataclasses import replace
import itertools
import math

import cv2
from face_affect_ros.affect.boxes import iou
from face_affect_ros.affect.detectors import Detector
from face_affect_ros.affect.types import Detections, ImageArray
import numpy as np

#: Seconds between two searches, which alternate between the two directions.
INTERVAL = 2.0
#: Seconds for which a search is repeated in every run after it found a face, at least in one.
REPEAT = 1.0
#: Hands and letters are detected more often in the rotated image: scores are reduced by this, and
#: detections with fewer pixels on their longer side are dropped.
PENALTY, MIN_SIDE = 0.25, 24.0
#: IoU above which two detections are the same face.
SAME = 0.4
ROTATIONS = (cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_90_COUNTERCLOCKWISE)


class RotatedSearch:
    """
    Runs a detector on an image, and at an interval also on the rotated image.

    Args:
        detector: The detector.
        min_score: Minimum score of a detection in the rotated image, after the penalty.
        enabled: Whether to rotate the image at all.
    """

    def __init__(self, detector: Detector, *, min_score: float, enabled: bool = True) -> None:
        self.detector = detector
        self._min_score = min_score
        self._enabled = enabled
        self.reset()

    def reset(self) -> None:
        """Search in both directions in the next image."""
        # as if both had found a face in the last image
        self._found = dict.fromkeys(ROTATIONS, -math.inf)
        self._searched = self._last = -math.inf
        self._next = itertools.cycle(ROTATIONS)

    def __call__(self, image: ImageArray, stamp: float) -> Detections:
        """Return the faces of an image at a time in seconds, best first."""
        found = self.detector(image)
        for rotation in self._due(stamp) if self._enabled else ():
            more = self._rotated(image, rotation)
            same = iou(more.boxes, found.boxes) > SAME   # (N, M)
            worse = (same & (found.scores >= more.scores[:, np.newaxis])).any(axis=1)
            if worse.all():
                continue
            self._found[rotation] = stamp
            more, found = more[~worse], found[~same[~worse].any(axis=0)]
            both = Detections(np.concatenate([found.boxes, more.boxes]),
                              np.concatenate([found.scores, more.scores]),
                              np.concatenate([found.landmarks, more.landmarks]))
            found = both[np.argsort(-both.scores, kind='stable')]
        self._last = stamp
        return found

    def _due(self, stamp: float) -> set[int]:
        """Return the rotations to search in at a time in seconds."""
        due = {each for each, found in self._found.items()
               if found == self._last or 0.0 <= stamp - found < REPEAT}
        if not 0.0 <= stamp - self._searched < INTERVAL:
            self._searched = stamp
            due.add(next(self._next))
        return due

    def _rotated(self, image: ImageArray, rotation: int) -> Detections:
        """Return the faces of the rotated image, in pixels of the original one."""
        found = self.detector(np.asarray(cv2.rotate(image, rotation), np.uint8))
        scores = found.scores - np.float32(PENALTY)
        kept = ((scores >= self._min_score)
                & (found.boxes[:, 2:].max(axis=1, initial=0.0) >= MIN_SIDE))
        found = replace(found, scores=scores)[kept]
        height, width = image.shape[:2]
        points = np.concatenate([found.boxes[:, np.newaxis, :2],
                                 found.boxes[:, np.newaxis, :2] + found.boxes[:, np.newaxis, 2:],
                                 found.landmarks], axis=1)[..., ::-1].copy()
        if rotation == cv2.ROTATE_90_CLOCKWISE:
            points[..., 1] = height - points[..., 1]
        else:
            points[..., 0] = width - points[..., 0]
        corners = points[:, :2]
        boxes = np.concatenate([corners.min(axis=1), np.ptp(corners, axis=1)], axis=1)
        return Detections(boxes, found.scores, points[:, 2:])
