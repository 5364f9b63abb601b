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

"""Networks with the 8-bit weights of a TFLite file, and bias correction."""

from pathlib import Path
import re
import tempfile
from typing import Any

from face_affect_ros.affect.interpreter import open_interpreter
from face_affect_ros.affect.types import AffectError
from face_affect_training import tflite
import keras
from keras import layers
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
#: Name of a kernel in the file: name of the layer, possibly with a number.
KERNEL = re.compile(r'(?:^|/)([^/;]+?)(?:_\d+)?/(?:convolution|depthwise|MatMul)\d*$')
#: Operators with kernels.
OPERATORS = ('CONV_2D', 'DEPTHWISE_CONV_2D', 'FULLY_CONNECTED')
#: Layers that can be read. The shape of kernels in the file is (filters, rows, columns, channels),
#: (1, rows, columns, channels) or (outputs, inputs). In Keras, the first axis is the last.
LAYERS = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)
#: Precisions with 8-bit weights.
ROUNDED = ('dynamic', 'int8')


def filled(network: keras.Model, file: Path) -> keras.Model:
    """
    Return a copy of a network with the weights of its TFLite file, dequantised.

    Raises:
        AffectError: the file is not of this network.
    """
    copy = keras.models.clone_model(network)
    kernels, biases = _constants(file)
    for layer in copy.layers:
        if not layer.weights or isinstance(layer, layers.BatchNormalization):
            continue
        if not isinstance(layer, LAYERS):
            raise AffectError(f"layer '{layer.name}' of {network.name}: only convolutions and "
                              'dense layers can be read from TFLite')
        kernel = kernels.get(layer.name)
        kernel = None if kernel is None else np.moveaxis(kernel, 0, -1)
        if kernel is None or kernel.shape != layer.kernel.shape:
            raise AffectError(f'{file}: has no kernel {tuple(layer.kernel.shape)} of the layer '
                              f"'{layer.name}' of {network.name}; it may be of another "
                              'experiment')
        norm = norm_after(layer)
        bias = biases.get(layer.name, np.zeros(kernel.shape[-1], np.float32))
        layer.set_weights([kernel, bias] if layer.use_bias else [kernel])
        if norm is not None:   # only adds the bias
            ones = np.ones_like(bias)
            norm.set_weights([ones * np.sqrt(1.0 + norm.epsilon), bias, 0.0 * ones, ones])
    return copy


def rounded(network: keras.Model, samples: Floats) -> keras.Model:
    """
    Return a copy with int8 weights and bias correction (Nagel et al. 2019, section 4.2).

    Rounded weights change the means of the features. From the first layer to the last, the biases
    are changed such that the means over the samples are those of the original network.

    Args:
        network: original network.
        samples: its inputs, (N, S, S, C) float32.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'model.tflite')
        file.write_bytes(tflite.convert(network, 'int8', samples))
        copy = filled(network, file)
    named = [name for layer in network.layers if (name := _biased(layer))]
    for name, mean in zip(named, _means(network, named, samples)):
        [changed] = _means(copy, [name], samples)
        layer = copy.get_layer(name)
        values = layer.get_weights()
        values[1] = values[1] + mean - changed   # bias of a convolution, or beta of a batch norm
        layer.set_weights(values)
    return copy


def _biased(layer: keras.layers.Layer) -> str:
    """Return the name of the layer with the bias after a kernel, '' if there is none."""
    if isinstance(layer, keras.layers.BatchNormalization) or not layer.weights:
        return ''
    norm = norm_after(layer)
    if norm is not None:
        return str(norm.name)
    return str(layer.name) if layer.use_bias else ''


def _means(network: keras.Model, names: list[str], samples: Floats) -> list[Floats]:
    """Return the mean features (C,) of layers over samples and positions."""
    outputs = [keras.ops.mean(output, tuple(range(1, len(output.shape) - 1))) if
               len(output.shape) > 2 else output
               for output in (network.get_layer(name).output for name in names)]
    features = keras.Model(network.input, outputs).predict(samples, batch_size=64, verbose=0)
    return [np.asarray(each, np.float32).mean(0)
            for each in (features if isinstance(features, list) else [features])]


def norm_after(layer: layers.Layer) -> layers.BatchNormalization | None:
    """Return the batch norm after a convolution if it has no other successor."""
    if not isinstance(layer, layers.Conv2D):   # not a depthwise one
        return None
    followers = [node.operation for node in layer._outbound_nodes]
    if len(followers) == 1 and isinstance(followers[0], layers.BatchNormalization):
        return followers[0]
    return None


def _constants(file: Path) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return the kernels and the biases of a TFLite file by the name of the layer."""
    interpreter = open_interpreter(file)
    tensors = {detail['index']: detail for detail in interpreter.get_tensor_details()}
    kernels: dict[str, Floats] = {}
    biases: dict[str, Floats] = {}
    for operation in interpreter._get_ops_details():
        if operation['op_name'] not in OPERATORS:
            continue
        kernel, bias = (tensors.get(index) for index in [*operation['inputs'], -1][1:3])
        match = KERNEL.search(kernel['name']) if kernel else None
        if kernel and match:
            kernels[match.group(1)] = _dequantised(interpreter.get_tensor(kernel['index']), kernel)
            if bias:
                biases[match.group(1)] = _dequantised(interpreter.get_tensor(bias['index']), bias)
    return kernels, biases


def _dequantised(tensor: Any, detail: dict[str, Any]) -> Floats:
    """Return a tensor as float32; integers have one scale, or one for each filter."""
    if tensor.dtype == np.float32:
        return np.array(tensor)
    quantization = detail['quantization_parameters']
    shape = [1] * tensor.ndim
    shape[quantization['quantized_dimension']] = -1
    scales, zeros = (np.reshape(quantization[key], shape) for key in ('scales', 'zero_points'))
    return np.asarray((tensor.astype(np.float32) - zeros) * scales, np.float32)
