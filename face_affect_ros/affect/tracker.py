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

"""Assign the faces of a frame to tracks."""

from dataclasses import dataclass
import itertools
import math
import secrets
import string

from face_affect_ros.affect.types import Detections, FloatArray
from lap import lapjv
import numpy as np

#: Largest cost of an assignment: distance of the centres in face sides plus |ln| of the scales.
MAX_COST = 1.0
#: Smallest area of a box in the cost.
TINY = 1e-9
#: A track is confirmed by one detection of this score, or by weaker ones, of the start score at
#: least, in this many runs of the detector, none of which misses it (as in SORT, Bewley et al.
#: 2016).
CONFIRM_SCORE, CONFIRM_RUNS = 0.6, 3
#: Time constant of the average velocity, seconds: a face that goes behind something seems to stop,
#: because the detector finds only its visible part.
VELOCITY_TIME_CONSTANT = 0.5
#: Longest time of a prediction, seconds.
MAX_COAST = 0.7


@dataclass
class Track:
    """One face over time; `first` and `last` are the stamps of detections, seconds."""

    id: str  # noqa: A003 - '' until the track is confirmed
    box: FloatArray   #: (4,), of the last detection
    velocity: FloatArray   #: (2,), average velocity of the centre, per second
    first: float
    last: float
    runs: int = 1   #: runs of the detector that found it with the start score, until confirmed

    def __post_init__(self) -> None:
        self._detected = self.box, self.last   # of the last run of the detector

    def predict(self, stamp: float) -> FloatArray:
        """Return the predicted box at a time in seconds."""
        box = self.box.copy()
        box[:2] += self.velocity * min(max(stamp - self.last, 0.0), MAX_COAST)
        return box

    def update(self, box: FloatArray, stamp: float, *, detected: bool) -> None:
        """
        Set the box at a time in seconds.

        The velocity is that of detections: a template may follow what hides the face.
        """
        if detected:
            before, elapsed = self._detected[0], stamp - self._detected[1]
            if elapsed > 0.0:
                moved = (box[:2] + box[2:] / 2) - (before[:2] + before[2:] / 2)
                weight = -math.expm1(-elapsed / VELOCITY_TIME_CONSTANT)
                change = weight * (moved / elapsed - self.velocity)
                self.velocity = (self.velocity + change).astype(np.float32)
            self._detected = box, stamp
        self.box, self.last = box, stamp


def random_prefix() -> str:
    """Return a random prefix, so that the ids of different runs differ."""
    return 'f' + ''.join(secrets.choice(string.ascii_lowercase) for _ in range(5))


class Tracker:
    """
    Assigns detections to tracks by position, size and motion; prefix: of every id.

    The unit of the boxes is the caller's, the same in all frames.
    """

    def __init__(self, *, prefix: str = '') -> None:
        self._prefix = prefix or random_prefix()
        self.restart()

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the confirmed tracks, seen in the last frame or not."""
        return frozenset(track.id for track in self._tracks if track.id)

    def reset(self) -> None:
        """End all tracks; their ids are not used again."""
        self._tracks: list[Track] = []
        self._now = -math.inf

    def restart(self) -> None:
        """End all tracks and number the next ones from 1 again."""
        self.reset()
        self._count = itertools.count(1)

    def update(self, detections: Detections, stamp: float, *, timeout: float, start_score: float,
               detected: bool = True) -> list[Track | None]:
        """
        Assign the detections of one frame.

        All tracks end if time jumps back by more than the timeout, as when a bag is played again.

        Args:
            detections: Detections of the frame.
            stamp: Time of the frame, seconds.
            timeout: Seconds without a detection after which a track ends.
            start_score: Score in [0, 1] that a detection needs to start a track; detections with a
                lower one only continue a track (as in ByteTrack, Zhang et al. 2022).
            detected: Whether the detector ran, or the faces were tracked. A new track is confirmed
                by runs of the detector, see CONFIRM_SCORE. In the first frame, and in the first
                one after a pause longer than the timeout, all new tracks are confirmed.

        Returns:
            The confirmed track of each detection, None for one without.
        """
        if stamp < self._now - timeout:
            self.reset()
        first = stamp - self._now > timeout   # so that weak faces are found at low frame rates
        self._now = stamp
        self._tracks = [t for t in self._tracks if stamp - t.last <= timeout]
        joined: list[Track | None] = [None] * len(detections)
        for track, index in self._assign(detections, stamp):
            track.update(detections.boxes[index], stamp, detected=detected)
            joined[index] = track
            if detected and not track.id:
                track.runs += int(detections.scores[index] >= start_score)
                if track.runs == CONFIRM_RUNS or detections.scores[index] >= CONFIRM_SCORE:
                    track.id = self._next_id()
        if detected:
            self._tracks = [t for t in self._tracks if t.id or t.last == stamp]
        for index, score in enumerate(detections.scores):
            if joined[index] is None and score >= start_score:
                track = Track(self._next_id() if first or score >= CONFIRM_SCORE else '',
                              detections.boxes[index], np.zeros(2, np.float32), stamp, stamp)
                self._tracks.append(track)
                joined[index] = track
        return [track if track and track.id else None for track in joined]

    def _assign(self, detections: Detections, stamp: float) -> list[tuple[Track, int]]:
        if not self._tracks or not len(detections):
            return []
        predicted = np.array([track.predict(stamp) for track in self._tracks])
        costs = join_costs(predicted, detections.boxes)
        _, columns, _ = lapjv(np.minimum(costs, 2 * MAX_COST), extend_cost=True)
        return [(track, int(column)) for track, column, cost in zip(self._tracks, columns, costs)
                if column >= 0 and cost[column] <= MAX_COST]

    def _next_id(self) -> str:
        return f'{self._prefix}{next(self._count):04d}'


def join_costs(tracks: FloatArray, boxes: FloatArray) -> FloatArray:
    """Return the costs of assigning boxes (M, 4) to tracks (N, 4), (N, M), 0 for equal boxes."""
    apart = ((tracks[:, np.newaxis, :2] + tracks[:, np.newaxis, 2:] / 2)
             - (boxes[np.newaxis, :, :2] + boxes[np.newaxis, :, 2:] / 2))
    sides = np.sqrt(np.maximum(tracks[:, 2:].prod(axis=1), TINY))[:, np.newaxis]
    other = np.sqrt(np.maximum(boxes[:, 2:].prod(axis=1), TINY))[np.newaxis]
    distance = np.linalg.norm(apart, axis=2) / np.maximum(sides, other)
    return np.asarray(distance + np.abs(np.log(sides / other)), np.float32)
