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

"""Networks whose opinion of each view another network learns from (Hinton et al. 2015)."""

from collections.abc import Sequence
import hashlib
from pathlib import Path

import cv2
from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_training.data.targets import Targets
from face_affect_training.experiment import Distillation, Experiment, load_experiment
from face_affect_training.networks.lowering import lowered
from face_affect_training.runs import build_network, from_pixels, take_weights
from face_affect_training.views import plain_views
import numpy as np

#: Views that a teacher is asked about at a time.
BATCH = 256


class Teachers:
    """
    The mean opinion of some trained networks.

    Each is a .keras file beside the experiment.yaml of its run. Raises AffectError where one is
    missing or has other classes.
    """

    def __init__(self, distillation: Distillation, experiment: Experiment, task: str) -> None:
        self._plan = distillation
        self._teachers = [_Teacher(Path(entry).expanduser(), experiment, task)
                          for entry in distillation.teachers]

    def blend(self, views: ImageArray, targets: Targets) -> Targets:
        """Return targets moved towards the teachers' opinion of these views, (N, K) float32."""
        return self._moved(targets, _mean([teacher.opinion(views, self._plan)
                                           for teacher in self._teachers]))

    def blend_once(self, images: ImageArray, zooms: Sequence[float], targets: Targets) -> Targets:
        """
        Return targets moved towards the opinion of the undisturbed chips at these zooms.

        images: (N, H, W) grey or (N, H, W, 3) BGR. Answers of an earlier run are taken.
        """
        return self._moved(targets, self.alone(images, zooms))

    def alone(self, images: ImageArray, zooms: Sequence[float] = (1.0,)) -> Targets:
        """Return the opinion that blend_once moves towards, (N, K) float32."""
        return _mean([teacher.kept_opinion(images, zooms, self._plan)
                      for teacher in self._teachers])

    def _moved(self, targets: Targets, opinion: Targets) -> Targets:
        weight = self._plan.weight
        return np.asarray((1.0 - weight) * targets + weight * opinion, np.float32)


class _Teacher:
    """One of them."""

    def __init__(self, path: Path, experiment: Experiment, task: str) -> None:
        own = load_experiment(path.with_name('experiment.yaml'))
        if (own.task, own.input.channels) != (task, experiment.input.channels):
            raise AffectError(f'{path}: a teacher must have the task and the channels of '
                              f'{experiment.name}')
        network = build_network(own, precision=experiment.training.precision)
        take_weights(network, path)
        self._network = from_pixels(lowered(network), own)
        self._spec, self._path = own.input.spec(), path

    def opinion(self, views: ImageArray, plan: Distillation) -> Targets:
        """Return probabilities (N, K) float32 of views (N, S, S, C) uint8 of any size."""
        sides = (views, views[:, :, ::-1]) if plan.mirror else (views,)
        found = []
        for side in sides:
            seen = side if side.shape[1] == self._spec.size else _resized(side, self._spec.size)
            logits = np.asarray(self._network.predict(seen, batch_size=BATCH, verbose=0))
            powers = np.exp((logits - logits.max(1, keepdims=True)) / plan.temperature)
            found.append(powers / powers.sum(1, keepdims=True))
        return _mean(found)

    def kept_opinion(self, images: ImageArray, zooms: Sequence[float],
                     plan: Distillation) -> Targets:
        """Return the mean probabilities of the chips, read from beside the teacher if known."""
        asked = hashlib.sha256(self._path.read_bytes())
        asked.update(repr((images.shape, tuple(zooms), plan.mirror, plan.temperature)).encode())
        asked.update(np.ascontiguousarray(images).data)
        file = self._path.with_name(f'{self._path.stem}.opinion-{asked.hexdigest()[:12]}.npy')
        if not file.is_file():
            parts = [self.opinion(plain_views(images, self._spec, zoom), plan) for zoom in zooms]
            part = file.with_suffix('.part')
            with part.open('wb') as stream:
                np.save(stream, np.mean(parts, axis=0))
            part.replace(file)
        return np.asarray(np.load(file), np.float32)


def _mean(opinions: list[Targets]) -> Targets:
    return np.asarray(np.mean(opinions, axis=0), np.float32)


def _resized(views: ImageArray, size: int) -> ImageArray:
    shape = (len(views), size, size, views.shape[3])
    return np.stack([cv2.resize(view, (size, size)) for view in views]).reshape(shape)
