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

"""
Why a classifier decided so: the pixels of a crop that its decision rests on.

As in section V of the paper by guided back-propagation (Springenberg et al. 2015), and beside it
by the plain gradient (Simonyan et al. 2014) and by Grad-CAM (Selvaraju et al. 2017). All three
come out of one TFLite graph beside the model, which `face_affect export --saliency` writes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
from face_affect_ros.affect import shared_weights
from face_affect_ros.affect.interpreter import open_interpreter
from face_affect_ros.affect.model_store import ModelCard, saliency_path
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray
import numpy as np

MODES = ('guided', 'gradient', 'gradcam')
#: Dimensions of the graph's outputs, by which they are told apart.
PROBABILITIES, GRADIENT, CAM = 2, 4, 3
#: A heat map is full where a gradient is as large as this percentile of its pixels.
FULL_AT = 99.0


@dataclass(frozen=True)
class Explanation:
    """
    What one run of the graph gives for one crop and one class.

    probabilities: (K,) float32 of the task, not calibrated. label: index of the task's class that
    was explained. gradient: (S, S, C) float32, of the class's logit with respect to the network's
    input. cam: (h, w) float32, >= 0, the Grad-CAM map.
    """

    probabilities: FloatArray
    label: int
    gradient: FloatArray
    cam: FloatArray


class Saliency:
    """The gradients of one model's decisions. For one thread at a time."""

    def __init__(self, card: ModelCard, *, num_threads: int = 1,
                 entry: Mapping[str, Any] | None = None) -> None:
        """
        Load the graph beside a classifier.

        entry: what the card says of the graph, for a card that does not say it yet. Raises
        AffectError where there is none, where its sha256 is not the card's, and where it does not
        fit the card.
        """
        path = saliency_path(card, entry)
        self.card = card
        self._interpreter = open_interpreter(path, num_threads=num_threads,
                                             content=shared_weights.read(path, card.path))
        spec = card.crop
        wanted = {'image': (1, spec.size, spec.size, spec.channels), 'label': (1,), 'guided': (1,)}
        inputs = {detail['name']: detail for detail in self._interpreter.get_input_details()}
        shapes = {name: tuple(detail['shape'].tolist()) for name, detail in inputs.items()}
        outputs = {len(detail['shape']): detail['index']
                   for detail in self._interpreter.get_output_details()}
        if shapes != wanted or set(outputs) != {PROBABILITIES, GRADIENT, CAM}:
            raise AffectError(f'{path}: is no saliency graph of this model: its inputs are '
                              f'{shapes}, expected {wanted}; export it again with --saliency')
        self._inputs = {name: detail['index'] for name, detail in inputs.items()}
        self._outputs = outputs
        # the graph numbers the classes of all tasks one after the other
        stops = np.cumsum([len(head.labels) for head in card.heads]).tolist()
        self._parts = {head.task: slice(stop - len(head.labels), stop)
                       for head, stop in zip(card.heads, stops)}

    def __call__(self, crop: ImageArray, label: int | None = None, *, task: str = '',
                 guided: bool = True) -> Explanation:
        """
        Explain one class of one crop.

        crop: (S, S, C) uint8, as extract_crops returns it. label: index of the class, None for
        the most probable one. task: one of the model's, the first by default. guided: guided or
        plain gradient; the Grad-CAM map is of either.
        """
        part = self._parts[task or self.card.heads[0].task]
        if label is None and part.start > 0:   # the graph finds the best class of the first task
            label = int(self._run(crop, part.start, guided)[0][part].argmax())
        probabilities, gradient, cam = self._run(
            crop, -1 if label is None else part.start + label, guided)
        chosen = int(probabilities[part].argmax()) if label is None else label
        return Explanation(probabilities[part], chosen, gradient, cam)

    def heat(self, crop: ImageArray, label: int | None = None, *, task: str = '',
             mode: str = 'guided') -> FloatArray:
        """Return where the decision comes from, (S, S) float32 in [0, 1]. mode: one of MODES."""
        explanation = self(crop, label, task=task, guided=mode == 'guided')
        if mode == 'gradcam':
            return heat_of_cam(explanation.cam, crop.shape[0])
        return heat_of_gradient(explanation.gradient)

    def _run(self, crop: ImageArray, label: int,
             guided: bool) -> tuple[FloatArray, FloatArray, FloatArray]:
        values = {'image': self.card.scaled(crop)[np.newaxis],
                  'label': np.array([label], np.int32),
                  'guided': np.array([float(guided)], np.float32)}
        for name, value in values.items():
            self._interpreter.set_tensor(self._inputs[name], value)
        self._interpreter.invoke()
        probabilities, gradient, cam = (
            np.asarray(self._interpreter.get_tensor(self._outputs[key])[0], np.float32)
            for key in (PROBABILITIES, GRADIENT, CAM))
        return probabilities, gradient, cam


def heat_of_gradient(gradient: FloatArray) -> FloatArray:
    """Return the strength of a gradient (S, S, C) as (S, S) float32 in [0, 1]; nowhere: zeros."""
    strength = np.abs(gradient).max(axis=2)
    full = float(np.percentile(strength, FULL_AT))
    return np.asarray(np.minimum(strength / full, 1.0) if full > 0.0 else strength * 0.0,
                      np.float32)


def heat_of_cam(cam: FloatArray, size: int) -> FloatArray:
    """Return a Grad-CAM map (h, w) enlarged to (size, size) float32 in [0, 1]."""
    full = float(cam.max())
    shares = cam / full if full > 0.0 else cam * 0.0
    enlarged = cv2.resize(shares, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged, np.float32)
