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

"""What a network is made of and what it costs."""

from collections.abc import Callable
from dataclasses import dataclass
import inspect
import math

from face_affect_ros.affect.types import AffectError
from face_affect_training import networks
import keras
from keras import layers

Shape = tuple[int | None, ...]


@dataclass(frozen=True)
class Layer:
    """One layer: its output's shape without the batch, parameters, multiply-accumulates."""

    name: str
    kind: str
    shape: tuple[int, ...]
    parameters: int
    macs: int


@dataclass(frozen=True)
class Description:
    """
    A network's layers and totals.

    trainable: parameters that training changes. macs: multiply-accumulates for one face.
    """

    name: str
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    parameters: int
    trainable: int
    macs: int


def describe(network: keras.Model) -> Description:
    """Return what a network consists of. Raises AffectError for a layer that cannot be counted."""
    found = tuple(
        Layer(layer.name, type(layer).__name__, _fixed(layer.output.shape),
              layer.count_params(), multiply_accumulates(layer))
        for layer in network.layers)
    trainable = sum(_entries(weight) for weight in network.trainable_weights)
    return Description(network.name, _fixed(network.input_shape), found, network.count_params(),
                       trainable, sum(layer.macs for layer in found))


def multiply_accumulates(layer: layers.Layer) -> int:
    """
    Return how many products a layer sums up for one face.

    Those of convolutions and dense layers are counted. Additions of biases and maxima are not,
    nor is batch norm, which becomes part of a convolution in the exported model. Raises
    AffectError for other layers with weights.
    """
    for kind, count in COUNTS.items():
        if isinstance(layer, kind):
            return count(layer)
    if layer.weights:
        raise AffectError(f"layer '{layer.name}': how to count the multiply-accumulates of a "
                          f'{type(layer).__name__} is not known; add it to COUNTS in '
                          'face_affect_training/describe.py')
    return 0


def tflite_size(network: keras.Model) -> tuple[int | None, str]:
    """Return the bytes of the float32 TFLite file, or None and the reason why it is not known."""
    backend = keras.backend.backend()
    if backend != 'tensorflow':
        return None, f'only TensorFlow writes TFLite, and Keras runs on {backend}'
    from face_affect_training.export import convert
    return len(convert(network)), ''


def summary(name: str) -> str:
    """Return the first sentence of a builder's documentation."""
    text = inspect.getdoc(networks.NETWORKS[name]) or ''
    return text.partition('\n')[0].rstrip('.')


def _fixed(shape: Shape) -> tuple[int, ...]:
    return tuple(size for size in shape[1:] if size is not None)


def _positions(layer: layers.Layer) -> int:
    """Return rows times columns of the output."""
    return math.prod(_fixed(layer.output.shape)[:2])


def _kernel(layer: layers.Layer) -> int:
    """Count for kernels of (rows, columns, channels, filters): one use at each position."""
    return _positions(layer) * _entries(layer.kernel)


def _separable(layer: layers.SeparableConv2D) -> int:
    return _positions(layer) * (_entries(layer.depthwise_kernel)
                                + _entries(layer.pointwise_kernel))


def _dense(layer: layers.Dense) -> int:
    return math.prod(_fixed(layer.output.shape)[:-1]) * _entries(layer.kernel)


def _entries(weight: keras.Variable) -> int:
    return int(math.prod(weight.shape))


def _none(layer: layers.Layer) -> int:
    return 0


COUNTS: dict[type[layers.Layer], Callable[[layers.Layer], int]] = {
    layers.Conv2D: _kernel,
    layers.DepthwiseConv2D: _kernel,
    layers.SeparableConv2D: _separable,
    layers.Dense: _dense,
    layers.BatchNormalization: _none,
}
