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
A first stage that takes two neighbouring columns for one with twice the channels.

It answers the same. About half of its new weights are zeros, but 8-bit matrix units (Intel's AMX)
take 64 channels at a time and as long over 16 of them, and there are half as many pixels left.
"""

from collections.abc import Callable, Iterator
from typing import Any

from face_affect_ros.affect.types import FloatArray
import keras
from keras import layers, ops
import numpy as np

Shape = tuple[int, ...]


@keras.saving.register_keras_serializable('face_affect')
class FoldColumns(layers.Layer):
    """Neighbouring columns as channels, (N, H, W / count, count * C) for (N, H, W, C)."""

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._count = count

    def call(self, inputs: Any) -> Any:
        """Return the folded pictures."""
        return ops.reshape(inputs, (-1, *self.compute_output_shape(inputs.shape)[1:]))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape."""
        count, height, width, channels = input_shape
        return (count, height, width // self._count, channels * self._count)

    def get_config(self) -> dict[str, Any]:
        """Return what from_config needs."""
        return {**super().get_config(), 'count': self._count}


def pair_weights(network: keras.Model, plain: keras.Model) -> None:
    """Give a network with pair_columns the weights of the one that differs in having none."""
    _take(network, plain, _paired)


def unpair_weights(network: keras.Model, paired: keras.Model) -> None:
    """Give a network without pair_columns the weights of the one that differs in having them."""
    _take(network, paired, _unpaired)


def _take(network: keras.Model, other: keras.Model,
          change: Callable[[FloatArray, Shape], FloatArray]) -> None:
    for layer in network.layers:
        if layer.weights:
            layer.set_weights([change(theirs, tuple(own.shape)) for theirs, own in zip(
                other.get_layer(layer.name).get_weights(), layer.weights)])


def _paired(weights: FloatArray, shape: Shape) -> FloatArray:
    """Return a kernel, or a vector of batch norm, for column pairs."""
    if weights.shape == shape:
        return weights
    if weights.ndim == 1:
        return np.tile(weights, shape[0] // len(weights))
    _, _, channels, filters = weights.shape
    paired = np.zeros(shape, np.float32)
    for tap, column, part, place in _taps(weights.shape, shape):
        paired[:, column, part * channels:(part + 1) * channels,
               place * filters:(place + 1) * filters] = weights[:, tap]
    return paired


def _unpaired(weights: FloatArray, shape: Shape) -> FloatArray:
    """Return the weights of this shape that stand in those for column pairs."""
    if weights.shape == shape:
        return weights
    if weights.ndim == 1:
        return weights[:shape[0]]
    _, _, channels, filters = shape
    plain = np.zeros(shape, np.float32)
    for tap, column, part, place in _taps(shape, weights.shape):
        if place == 0:
            plain[:, tap] = weights[:, column, part * channels:(part + 1) * channels, :filters]
    return plain


def _taps(plain: Shape, paired: Shape) -> Iterator[tuple[int, int, int, int]]:
    """
    Yield where each column of a kernel stands in the one of column pairs.

    plain, paired: their shapes. Columns of both, which of the columns that came in as one it is
    for, and which of those that go out.
    """
    together, out = paired[2] // plain[2], paired[3] // plain[3]
    stride = together // out
    # where the first column lies, by that of the output; TensorFlow pads strides at the far end
    first, first_paired = (-1 if stride == 1 else 0), (-1 if paired[1] == 3 else 0)
    for place in range(out):
        for tap in range(plain[1]):
            column, part = divmod(place * stride + first + tap, together)
            yield tap, column - first_paired, part, place
