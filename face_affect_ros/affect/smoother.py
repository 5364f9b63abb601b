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

"""Calm labels: probabilities averaged over a track's recent past."""

import math

from face_affect_ros.affect.model_store import Head
from face_affect_ros.affect.types import Estimate, FloatArray, UNKNOWN, UNSURE
import numpy as np


class Smoother:
    """
    Exponential average of one head's probabilities over one track.

    The time constant is in seconds, so that the behaviour does not depend on the frame rate.
    estimate: the last one, None before the first.
    """

    def __init__(self, head: Head, *, hysteresis: float = 0.05) -> None:
        """
        Start without a past.

        hysteresis: lead in probability that a new label needs over the old one; the same lead is
        needed to leave UNKNOWN.
        """
        self._head = head
        self._hysteresis = hysteresis
        self._mean: FloatArray | None = None
        self._stamp = 0.0
        self._good = -math.inf
        self._best = -1
        self._known = False
        self.estimate: Estimate | None = None

    def __call__(self, probabilities: FloatArray, stamp: float, reason: str = '', *,
                 time_constant: float) -> Estimate:
        """
        Add (K,) probabilities seen at a time in seconds; return the smoothed estimate.

        time_constant: seconds after which the weight of the past has fallen to 1/e; 0 switches
        smoothing off. reason: why the face cannot be judged at this time, '' where it can. Such a
        face does not count beside better ones of the past, whose label is kept for one time
        constant.
        """
        self.estimate = self._estimate(probabilities, stamp, reason, time_constant)
        return self.estimate

    def _estimate(self, probabilities: FloatArray, stamp: float, reason: str,
                  time_constant: float) -> Estimate:
        if self._mean is None or (not reason and self._good == -math.inf):
            self._mean = probabilities.copy()
        elif not reason:
            weight = _weight(max(0.0, stamp - self._stamp), time_constant)
            self._mean += weight * (probabilities - self._mean)
        if not reason:
            self._stamp = self._good = stamp
        elif stamp - self._good > time_constant or time_constant <= 0.0:
            self._known = False
            self._best = int(np.argmax(self._mean))
            return Estimate(UNKNOWN, float(self._mean[self._best]), self._mean.copy(), reason)
        return self._decide(self._mean, time_constant)

    def _decide(self, mean: FloatArray, time_constant: float) -> Estimate:
        best = int(np.argmax(mean))
        if self._best < 0 or mean[best] >= mean[self._best] + self._hysteresis:
            self._best = best
        confidence = float(mean[self._best])
        lead = 0.0 if self._known or time_constant <= 0.0 else self._hysteresis
        self._known = confidence >= self._head.threshold + lead
        label = self._head.labels[self._best] if self._known else UNKNOWN
        return Estimate(label, confidence, mean.copy(), '' if self._known else UNSURE)


def _weight(elapsed: float, time_constant: float) -> float:
    """Return the weight of a new value after so many seconds, in [0, 1]."""
    return 1.0 - math.exp(-elapsed / time_constant) if time_constant > 0.0 else 1.0
