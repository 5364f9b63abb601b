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

"""The mean estimates of each face over some time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from face_affect_ros.affect.model_store import Head
from face_affect_ros.affect.types import Estimate, Face, FloatArray, UNKNOWN, UNSURE
import numpy as np


@dataclass
class Observed:
    """One face over several images."""

    face: Face   #: when it was last seen, with the estimates of the mean probabilities
    images: int = 0   #: number of images with the face
    #: By task, the number of images in which the face could be classified.
    classified: Counter[str] = field(default_factory=Counter)


class Observation:
    """
    Averages each track's probabilities over the images in which it could be classified.

    The labels and thresholds are those of the heads, by task.
    """

    def __init__(self, heads: Mapping[str, Head]) -> None:
        self._heads = heads
        self._faces: dict[str, Observed] = {}
        self._sums: dict[tuple[str, str], FloatArray] = {}   # by track and task
        self.images = 0

    def add(self, faces: Sequence[Face]) -> None:
        """Add the faces of one image."""
        self.images += 1
        for face in faces:
            entry = self._faces.setdefault(face.id, Observed(face))
            entry.face = face
            entry.images += 1
            for task, estimate in face.estimates.items():
                if estimate.reason in ('', UNSURE):
                    entry.classified[task] += 1
                    key = face.id, task
                    self._sums[key] = self._sums.get(key, 0.0) + estimate.probabilities

    def faces(self) -> list[Observed]:
        """Return the faces so far, those of the most images first."""
        found = sorted(self._faces.values(), key=lambda entry: (-entry.images, entry.face.id))
        return [replace(entry, classified=entry.classified.copy(),
                        face=replace(entry.face, estimates=self._means(entry))) for entry in found]

    def _means(self, entry: Observed) -> dict[str, Estimate]:
        estimates = dict(entry.face.estimates)
        for task in estimates.keys() & entry.classified.keys():
            head = self._heads[task]
            mean = np.asarray(self._sums[entry.face.id, task] / entry.classified[task], np.float32)
            best = int(np.argmax(mean))
            known = bool(mean[best] >= head.threshold)
            estimates[task] = Estimate(head.labels[best] if known else UNKNOWN, float(mean[best]),
                                       mean, '' if known else UNSURE)
        return estimates
