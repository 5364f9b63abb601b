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

"""A TFLite classifier of face crops, run the way its card says."""

from collections.abc import Sequence

from face_affect_ros.affect.crop import CropSpec
from face_affect_ros.affect.interpreter import BATCH_SIZE, Network
from face_affect_ros.affect.model_store import ModelCard
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray
import numpy as np

#: How far from 1 the probabilities of an 8-bit network may add up.
ROUNDING = 0.05


def calibrate(probabilities: FloatArray, temperature: float) -> FloatArray:
    """Divide the logits behind probabilities (N, K) by a temperature (Guo et al. 2017)."""
    if temperature == 1.0:
        return probabilities
    powered = np.power(np.maximum(probabilities, 1e-12), 1.0 / temperature)
    return np.asarray(powered / powered.sum(axis=1, keepdims=True), np.float32)


def as_shares(probabilities: FloatArray) -> FloatArray:
    """Return probabilities (N, K) that sum to 1; those of an 8-bit network do so roughly."""
    total = probabilities.sum(axis=1, keepdims=True)
    return np.asarray(probabilities / np.maximum(total, 1e-6), np.float32)


class Classifier:
    """One network with one or more heads, for all faces of a frame."""

    def __init__(self, card: ModelCard, *, tasks: Sequence[str] | None = None,
                 num_threads: int = 1, batch_size: int = BATCH_SIZE) -> None:
        """
        Load a card's network; AffectError where it does not match its card.

        tasks: the heads to run, all by default. batch_size: largest number of faces of one run of
        the network.
        """
        answers = [head.task for head in card.heads]
        for task in tasks or ():
            if task not in answers:
                raise AffectError(f"model '{card.name}' answers {' and '.join(answers)}, not "
                                  f"{task}; name another {task}_model, or '' for none")
        self.card = card
        self.heads = tuple(head for head in card.heads if tasks is None or head.task in tasks)
        self._network = Network(card.path, num_threads=num_threads, batch_size=batch_size)
        spec = card.crop
        blank = np.zeros((1, spec.size, spec.size, spec.channels), np.float32)
        if self._network.input_shape != blank.shape:
            raise AffectError(f'{card.path}: input is {self._network.input_shape}, its card says '
                              f'{blank.shape}')
        outputs = self._network(blank)
        for head in self.heads:
            wanted = (1, len(head.labels))
            if head.output >= len(outputs) or outputs[head.output].shape != wanted:
                raise AffectError(f'{card.path}: output {head.output} must have the shape '
                                  f"{wanted} for '{head.task}'; it does not match its card")
            answer = outputs[head.output]
            # also catches NaN
            if not (answer.min() >= 0.0 and abs(float(answer.sum()) - 1.0) <= ROUNDING):
                raise AffectError(f'{card.path}: output {head.output} gives {answer.sum():g} in '
                                  f"all for '{head.task}', not probabilities; end the network "
                                  'in a softmax')

    @property
    def crop(self) -> CropSpec:
        """How this classifier wants its faces."""
        return self.card.crop

    def __call__(self, crops: ImageArray) -> dict[str, FloatArray]:
        """Return calibrated probabilities (N, K) by task, of crops (N, S, S, C) uint8."""
        outputs = self._network(self.card.scaled(crops))
        return {head.task: calibrate(as_shares(outputs[head.output]), head.temperature)
                for head in self.heads}
