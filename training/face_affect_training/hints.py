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

"""Layers that learn to see what those of another network see (Romero et al. 2015)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.evaluate.checkpoints import experiment_of, load_network
from face_affect_training.experiment import Experiment
from face_affect_training.runs import from_pixels
import keras
from keras import ops


def hint_model(network: keras.Model, experiment: Experiment, file: Path,
               layer: str) -> keras.Model:
    """
    Return a model from uint8 pixels to how far a layer is from that of another network, (N,).

    network: shares its weights with the model. file: of the other network, which sees the pictures
    in the size of the experiment's; one that is convolutions up to that layer can. layer: its name
    in both. Raises AffectError where one of them has no such layer, or the two differ in shape.
    """
    own = experiment_of(file)
    own = replace(own, input=replace(own.input, size=experiment.input.size))
    other = load_network(file, own)
    other.trainable = False
    pixels = keras.Input(network.input_shape[1:], dtype='uint8', name='pixels')
    seen, wanted = (_features(pixels, each, plan, layer)
                    for each, plan in ((network, experiment), (other, own)))
    if seen.shape != wanted.shape:
        raise AffectError(f'training.hint: {layer} is {seen.shape[1:]} here and '
                          f'{wanted.shape[1:]} in {file}')
    distance = ops.mean(ops.square(seen - wanted), axis=(1, 2, 3))
    return keras.Model(pixels, distance, name=f'{network.name}_hint')


class Distance(keras.losses.Loss):
    """The answer of a hint_model; it needs no targets."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return y_pred, (N,)."""
        return y_pred


def _features(pixels: keras.KerasTensor, network: keras.Model, experiment: Experiment,
              layer: str) -> keras.KerasTensor:
    try:
        return from_pixels(network, experiment, layer=layer)(pixels)
    except ValueError as error:
        raise AffectError(f'training.hint: {network.name} of this form has no layer {layer}'
                          ) from error
