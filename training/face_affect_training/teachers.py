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

from pathlib import Path

import cv2
from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_training import networks
from face_affect_training.data.targets import Targets
from face_affect_training.experiment import Distillation, Experiment, load_experiment
from face_affect_training.networks.lowering import lowered
from face_affect_training.runs import build_network, take_weights
import keras
import numpy as np

BATCH = 1024


class Teachers:
    """
    The mean opinion of some trained networks.

    Each is a .keras file beside the experiment.yaml of its run. Raises AffectError where one is
    missing or has other classes.
    """

    def __init__(self, distillation: Distillation, experiment: Experiment, task: str) -> None:
        self._weight, self._temperature = distillation.weight, distillation.temperature
        self._mirror = distillation.mirror
        self._networks = []
        for entry in distillation.teachers:
            path = Path(entry).expanduser()
            own = load_experiment(path.with_name('experiment.yaml'))
            if (own.task, own.input.channels) != (task, experiment.input.channels):
                raise AffectError(f'{path}: a teacher must have the task and the channels of '
                                  f'{experiment.name}')
            network = build_network(own)
            take_weights(network, path)
            self._networks.append((_from_pixels(lowered(network), own), own.input.size))

    def blend(self, views: ImageArray, targets: Targets) -> Targets:
        """Return targets moved towards the teachers' opinion of these views, (N, K) float32."""
        opinion = np.zeros_like(targets)
        sides = (views, views[:, :, ::-1]) if self._mirror else (views,)
        for network, size in self._networks:
            for side in sides:
                seen = side if side.shape[1] == size else _resized(side, size)
                logits = np.asarray(network.predict(seen, batch_size=BATCH, verbose=0), np.float32)
                powers = np.exp((logits - logits.max(1, keepdims=True)) / self._temperature)
                opinion += powers / powers.sum(1, keepdims=True)
        opinion /= len(self._networks) * len(sides)
        return np.asarray((1.0 - self._weight) * targets + self._weight * opinion, np.float32)


def _from_pixels(network: keras.Model, experiment: Experiment) -> keras.Model:
    return networks.from_pixels(network, scale=experiment.input.scale,
                                offset=experiment.input.offset)


def _resized(views: ImageArray, size: int) -> ImageArray:
    shape = (len(views), size, size, views.shape[3])
    return np.stack([cv2.resize(view, (size, size)) for view in views]).reshape(shape)
