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
    """
    One face over several images.

    Attributes:
        face: The face when it was last seen, with the estimates of the mean probabilities.
        images: Number of images with the face.
        classified: By task, the number of images in which the face could be classified.
        sums: By task, the sum of the probabilities in these images, (K,) float32.
    """

    face: Face
    images: int = 0
    classified: Counter[str] = field(default_factory=Counter)
    sums: dict[str, FloatArray] = field(default_factory=dict)


class Observation:
    """
    Averages each track's probabilities over the images in which it could be classified.

    The labels and thresholds are those of the heads, by task.
    """

    def __init__(self, heads: Mapping[str, Head]) -> None:
        self._heads = heads
        self._faces: dict[str, Observed] = {}
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
                    entry.sums[task] = entry.sums.get(task, 0.0) + estimate.probabilities

    def faces(self) -> list[Observed]:
        """Return the faces so far, those of the most images first."""
        found = sorted(self._faces.values(), key=lambda entry: (-entry.images, entry.face.id))
        return [replace(entry, classified=entry.classified.copy(), sums=entry.sums.copy(),
                        face=replace(entry.face, estimates={
                            task: self._mean(task, estimate, entry)
                            for task, estimate in entry.face.estimates.items()}))
                for entry in found]

    def _mean(self, task: str, last: Estimate, entry: Observed) -> Estimate:
        if task not in entry.sums:
            return last
        head = self._heads[task]
        mean = np.asarray(entry.sums[task] / entry.classified[task], np.float32)
        best = int(np.argmax(mean))
        known = bool(mean[best] >= head.threshold)
        return Estimate(head.labels[best] if known else UNKNOWN, float(mean[best]), mean,
                        '' if known else UNSURE)
