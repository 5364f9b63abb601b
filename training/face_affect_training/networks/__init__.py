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
Builder functions of networks by name, and the costs of a network.

The functions take `input_shape` (S, S, C), `classes` and further options, and return a Keras model
with the last two layers 'logits' and 'probabilities' (softmax).
"""

from collections.abc import Callable, Sequence
import math
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.networks.arriaga2017 import (
    baseline,
    deeper_cnn,
    five_layer_cnn,
    five_layer_cnn_fractional,
    mini_xception,
    sequential_fully_cnn,
)
from face_affect_training.networks.head import split
from face_affect_training.networks.mobilenet import mobilenet
from face_affect_training.networks.small_resnet import residual_cnn, small_resnet
import keras

NETWORKS: dict[str, Callable[..., keras.Model]] = {
    'baseline': baseline,
    'five_layer_cnn': five_layer_cnn,
    'five_layer_cnn_fractional': five_layer_cnn_fractional,
    'deeper_cnn': deeper_cnn,
    'sequential_fully_cnn': sequential_fully_cnn,
    'mini_xception': mini_xception,
    'residual_cnn': residual_cnn,
    'small_resnet': small_resnet,
    'mobilenet': mobilenet,
}


def build(name: str, *, input_shape: tuple[int, int, int], classes: int | Sequence[int],
          **options: Any) -> keras.Model:
    """
    Return an initialised network.

    Args:
        name: in NETWORKS.
        input_shape: (S, S, C).
        classes: number of classes; a sequence for a network with one output for each task.
        options: of the builder function.

    Raises:
        AffectError: the name or an option is unknown, or the value of an option is invalid.
    """
    if name not in NETWORKS:
        raise AffectError(f"network '{name}' does not exist; choose one of {', '.join(NETWORKS)}")
    try:
        if isinstance(classes, int):
            return NETWORKS[name](input_shape=input_shape, classes=classes, **options)
        whole = NETWORKS[name](input_shape=input_shape, classes=sum(classes), **options)
        return whole if len(classes) == 1 else split(whole, classes)
    except (TypeError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise AffectError(f"network '{name}' for {input_shape} with options {options}: {reason}"
                          ) from error


def describe(network: keras.Model) -> dict[str, Any]:
    """
    Return the costs of a float32 network.

    Returns:
        'network', 'input', 'parameters'; 'macs', multiply-accumulates per face; 'tflite_bytes',
        None without the TensorFlow backend.
    """
    size = None
    if keras.backend.backend() == 'tensorflow':
        from face_affect_training.tflite import convert
        size = len(convert(network))
    return {'network': network.name, 'input': list(network.input_shape[1:]),
            'parameters': network.count_params(), 'macs': multiply_accumulates(network),
            'tflite_bytes': size}


def multiply_accumulates(network: keras.Model) -> int:
    """Return the multiply-accumulates of the convolutions and dense layers per face."""
    # the kernel is applied once at each position of the output
    return sum(math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape)
               for layer in network.layers if hasattr(layer, 'kernel'))
