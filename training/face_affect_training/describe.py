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

"""What a network costs: parameters, multiply-accumulates, TFLite bytes."""

from collections.abc import Callable
import math
from typing import Any

from face_affect_ros.affect.types import AffectError
import keras
from keras import layers


def describe(network: keras.Model) -> dict[str, Any]:
    """
    Return what a network of float32 costs, as plain values.

    Returns:
        'network', 'input', 'parameters'; 'macs', multiply-accumulates of one face; 'tflite_bytes',
        None on a backend of Keras other than TensorFlow, which writes no TFLite.

    Raises:
        AffectError: a layer cannot be counted.
    """
    size = None
    if keras.backend.backend() == 'tensorflow':
        from face_affect_training.tflite import convert
        size = len(convert(network))
    return {'network': network.name, 'input': list(network.input_shape[1:]),
            'parameters': network.count_params(),
            'macs': sum(multiply_accumulates(layer) for layer in network.layers),
            'tflite_bytes': size}


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


def _convolution(layer: layers.Layer) -> int:
    """Count for kernels of (rows, columns, channels, filters): one use at each position."""
    return int(math.prod(layer.output.shape[1:3]) * math.prod(layer.kernel.shape))


COUNTS: dict[type[layers.Layer], Callable[[layers.Layer], int]] = {
    layers.Conv2D: _convolution,
    layers.DepthwiseConv2D: _convolution,
    layers.Dense: lambda layer: int(math.prod(layer.kernel.shape)),
    layers.BatchNormalization: lambda layer: 0,
}
