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

"""A TFLite classifier of face crops, and the average of its probabilities over a track."""

from collections.abc import Sequence
import math

from face_affect_ros.affect.interpreter import Network
from face_affect_ros.affect.model_store import Head, ModelCard
from face_affect_ros.affect.types import (
    AffectError,
    Estimate,
    FloatArray,
    ImageArray,
    UNKNOWN,
    UNSURE,
)
import numpy as np

#: Largest deviation from 1 of the sum of an 8-bit network's probabilities.
ROUNDING = 0.05


def calibrate(probabilities: FloatArray, temperature: float) -> FloatArray:
    """Divide the logits behind probabilities (N, K) by a temperature (Guo et al. 2017)."""
    if temperature == 1.0:
        return probabilities
    powered = np.power(np.maximum(probabilities, 1e-12), 1.0 / temperature)
    return np.asarray(powered / powered.sum(axis=1, keepdims=True), np.float32)


def normalize(probabilities: FloatArray) -> FloatArray:
    """Return probabilities (N, K) that sum to 1; those of an 8-bit network do so roughly."""
    total = probabilities.sum(axis=1, keepdims=True)
    return np.asarray(probabilities / np.maximum(total, 1e-6), np.float32)


class Classifier:
    """
    A card's network with one or more heads, run on all faces of a frame.

    Args:
        card: Card of a classifier.
        tasks: Tasks of the heads to run, all by default.
        num_threads: Number of threads of the network, >= 1.

    Raises:
        AffectError: The network does not match its card, or has no head for one of the tasks.
    """

    def __init__(self, card: ModelCard, *, tasks: Sequence[str] | None = None,
                 num_threads: int = 1) -> None:
        known = [head.task for head in card.heads]
        for task in tasks or ():
            if task not in known:
                raise AffectError(f"model '{card.name}' classifies {' and '.join(known)}, not "
                                  f"{task}; name another {task}_model, or '' for none")
        self.card, self.crop = card, card.crop
        self.heads = tuple(head for head in card.heads if tasks is None or head.task in tasks)
        self._network = Network(card.path, scale=card.scale, offset=card.offset,
                                num_threads=num_threads)
        blank = np.zeros((1, card.crop.size, card.crop.size, card.crop.channels), np.float32)
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
                raise AffectError(f'{card.path}: output {head.output} is not a probability '
                                  f"distribution for '{head.task}', its sum is "
                                  f'{answer.sum():g}; end the network with a softmax')

    def __call__(self, crops: ImageArray) -> dict[str, FloatArray]:
        """
        Run the network.

        Args:
            crops: (N, S, S, C) uint8, as extract_crops returns them.

        Returns:
            Calibrated probabilities by task, each (N, K) float32.
        """
        outputs = self._network(crops)
        return {head.task: calibrate(normalize(outputs[head.output]), head.temperature)
                for head in self.heads}


class Smoother:
    """
    Exponential average of one head's probabilities over one track.

    The time constant is in seconds, so that the result does not depend on the frame rate.

    Attributes:
        estimate: The newest estimate, None before the first.

    Args:
        head: Head with the labels and the threshold.
        hysteresis: Amount by which the probability of a new label must exceed that of the last
            one, or, for the first label and after UNKNOWN, the threshold.
    """

    def __init__(self, head: Head, *, hysteresis: float = 0.05) -> None:
        self._head, self._hysteresis = head, hysteresis
        self._mean: FloatArray = np.zeros(len(head.labels), np.float32)
        self._stamp = -math.inf   # of the last face that could be classified
        self._best = 0
        self._known = False
        self.estimate: Estimate | None = None

    def __call__(self, probabilities: FloatArray, stamp: float, reason: str = '', *,
                 time_constant: float) -> Estimate:
        """
        Add the probabilities of one image; return the smoothed estimate.

        Args:
            probabilities: (K,) float32.
            stamp: Time of the image, seconds.
            reason: Why the face cannot be classified in this image, '' if it can. Such an image
                is ignored, and the last label is kept for one time constant; before the first
                image that can be classified, the estimate is that of the newest one.
            time_constant: Seconds after which the weight of an image has fallen to 1/e; 0 for no
                smoothing.
        """
        if self._stamp == -math.inf:
            self._mean = probabilities.copy()
        elif not reason:
            elapsed = max(0.0, stamp - self._stamp)
            weight = 1.0 - math.exp(-elapsed / time_constant) if time_constant > 0.0 else 1.0
            self._mean += weight * (probabilities - self._mean)
        if not reason:
            self._stamp = stamp
        best = int(np.argmax(self._mean))
        if reason and (stamp - self._stamp > time_constant or time_constant <= 0.0):
            self._known = False
        else:
            if not self._known or self._mean[best] >= self._mean[self._best] + self._hysteresis:
                self._best = best
            lead = 0.0 if self._known or time_constant <= 0.0 else self._hysteresis
            self._known = float(self._mean[self._best]) >= self._head.threshold + lead
            reason = '' if self._known else UNSURE
        label = self._head.labels[self._best] if self._known else UNKNOWN
        confidence = float(self._mean[self._best if self._known else best])
        self.estimate = Estimate(label, confidence, self._mean.copy(), reason)
        return self.estimate
