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

"""The end that all networks share, and test-time flip."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops
import numpy as np


def close(inputs: keras.KerasTensor, logits: keras.KerasTensor, name: str) -> keras.Model:
    """
    Return the model from its input to the softmax of its logits, (N, classes) float32.

    Both layers are kept in float32 where the rest is trained in a shorter format.
    """
    logits = layers.Activation('linear', name='logits', dtype='float32')(logits)
    outputs = layers.Activation('softmax', name='probabilities', dtype='float32')(logits)
    return keras.Model(inputs, outputs, name=name)


@keras.saving.register_keras_serializable('face_affect')
class TaskSoftmax(layers.Layer):
    """The softmax of some of the logits, (N, stop - start) for (N, K)."""

    def __init__(self, start: int, stop: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._start, self._stop = start, stop

    def call(self, inputs: Any) -> Any:
        """Return probabilities that sum to 1."""
        return ops.softmax(inputs[:, self._start:self._stop], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Return what from_config needs."""
        return {**super().get_config(), 'start': self._start, 'stop': self._stop}


def split(network: keras.Model, widths: Sequence[int]) -> keras.Model:
    """
    Return a network with one output for each task, on the logits of all of them.

    network: made for the sum of the widths. widths: classes of each task.
    """
    logits = network.get_layer('logits').output
    stops = np.cumsum(widths).tolist()
    outputs = [TaskSoftmax(stop - width, stop, name=f'probabilities{index}',
                           dtype='float32')(logits)
               for index, (width, stop) in enumerate(zip(widths, stops))]
    return keras.Model(network.input, outputs, name=network.name)


def with_mirror(network: keras.Model) -> keras.Model:
    """
    Return a network, sharing the weights, with test-time flip: the mean over both images.

    network: (N, S, S, C) to probabilities (N, K), or to a list of them; it sees twice as many
    images.
    """
    inputs = keras.Input(network.input_shape[1:], name='image')
    found = network(ops.concatenate([inputs, ops.flip(inputs, axis=2)], axis=0))
    means = [ops.mean(ops.reshape(each, (2, -1, each.shape[-1])), axis=0)
             for each in (found if isinstance(found, list) else [found])]
    return keras.Model(inputs, means if isinstance(found, list) else means[0], name=network.name)
