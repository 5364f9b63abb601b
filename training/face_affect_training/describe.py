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

"""Parameters, multiply-accumulates and TFLite size of a network."""

import math
from typing import Any

import keras


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
