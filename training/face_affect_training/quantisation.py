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

"""Networks with the 8-bit weights of their TFLite files, and biases that make up for these."""

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
#: A kernel's name in the file: that of the layer, as Keras or TensorFlow may have numbered it.
KERNEL = re.compile(r'(?:^|/)([^/;]+?)(?:_\d+)?/(?:convolution|depthwise|MatMul)\d*$')
#: The operators that have kernels.
OPERATORS = ('CONV_2D', 'DEPTHWISE_CONV_2D', 'FULLY_CONNECTED')
#: The layers that can be read. Shapes in the file are (filters, rows, columns, channels), in
#: Keras (rows, columns, channels, filters); a depth-wise kernel is (1, rows, columns, channels),
#: in Keras (..., channels, 1); a dense one is (outputs, inputs), in Keras the other way round.
LAYERS = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)
#: The precisions with weights in 8 bits.
ROUNDED = ('dynamic', 'int8')


def filled(network: keras.Model, file: Path) -> keras.Model:
    """
    Return a copy of a network with the weights of a TFLite file of it.

    Those of 8 bits become the numbers that they stand for. Raises AffectError where the file does
    not hold this network.
    """
    copy = keras.models.clone_model(network)
    _fill(copy, file)
    return copy


def _fill(network: keras.Model, file: Path) -> None:
    """Put the file's kernels and biases in, the batch norms doing nothing but add a bias."""
    kernels, biases = _constants(file)
    for layer in network.layers:
        if not layer.weights or isinstance(layer, layers.BatchNormalization):
            continue
        if not isinstance(layer, LAYERS):
            raise AffectError(f"layer '{layer.name}' of {network.name}: only convolutions and "
                              'dense layers can be read from TFLite')
        kernel = kernels.get(layer.name)
        kernel = None if kernel is None else np.moveaxis(kernel, 0, -1)
        if kernel is None or kernel.shape != layer.kernel.shape:
            raise AffectError(f'{file}: holds no kernel {tuple(layer.kernel.shape)} of the layer '
                              f"'{layer.name}' of {network.name}; was it trained by another "
                              'experiment?')
        norm = norm_after(layer)
        bias = biases.get(layer.name, np.zeros(kernel.shape[-1], np.float32))
        layer.set_weights([kernel, bias] if layer.use_bias else [kernel])
        if norm is not None:
            ones = np.ones_like(bias)
            norm.set_weights([ones * np.sqrt(1.0 + norm.epsilon), bias, 0.0 * ones, ones])


def rounded(network: keras.Model, samples: Floats) -> keras.Model:
    """
    Return a network's copy with the weights of its int8 file and biases that make up for them.

    samples: (N, S, S, C) float32 network inputs. Each layer's rounded weights move the means of
    its features, and the predictions of all faces; over these samples the biases move them back,
    from the first layer to the last (Nagel et al. 2019, section 4.2). Raises AffectError where
    filled does.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, 'model.tflite')
        file.write_bytes(tflite.convert(network, 'int8', samples))
        copy = filled(network, file)
    named = [name for layer in network.layers if (name := _biased(layer))]
    for name, mean in zip(named, _means(network, named, samples)):
        [moved] = _means(copy, [name], samples)
        layer = copy.get_layer(name)
        values = layer.get_weights()
        values[1] = values[1] + mean - moved   # the bias of a convolution, the beta of a norm
        layer.set_weights(values)
    return copy


def _biased(layer: keras.layers.Layer) -> str:
    """Return the name of the layer whose bias follows this one's kernel, '' where none does."""
    if isinstance(layer, keras.layers.BatchNormalization) or not layer.weights:
        return ''
    norm = norm_after(layer)
    if norm is not None:
        return str(norm.name)
    return str(layer.name) if layer.use_bias else ''


def _means(network: keras.Model, names: list[str], samples: Floats) -> list[Floats]:
    """Return the mean (C,) of each named layer's features over samples and places."""
    outputs = [keras.ops.mean(output, tuple(range(1, len(output.shape) - 1))) if
               len(output.shape) > 2 else output
               for output in (network.get_layer(name).output for name in names)]
    found = keras.Model(network.input, outputs).predict(samples, batch_size=64, verbose=0)
    return [np.asarray(each, np.float32).mean(0)
            for each in (found if isinstance(found, list) else [found])]


def norm_after(layer: layers.Layer) -> layers.BatchNormalization | None:
    """Return the batch norm that alone follows a convolution."""
    if not isinstance(layer, layers.Conv2D):   # a depth-wise one is folded into nothing here
        return None
    followers = [node.operation for node in layer._outbound_nodes]
    if len(followers) == 1 and isinstance(followers[0], layers.BatchNormalization):
        return followers[0]
    return None


def _constants(file: Path) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return the kernels and the biases of a TFLite file by their layers' names."""
    interpreter = open_interpreter(file)
    tensors = {detail['index']: detail for detail in interpreter.get_tensor_details()}
    kernels: dict[str, Floats] = {}
    biases: dict[str, Floats] = {}
    for operation in interpreter._get_ops_details():
        if operation['op_name'] not in OPERATORS:
            continue
        kernel, bias = (tensors.get(index) for index in [*operation['inputs'], -1][1:3])
        found = KERNEL.search(kernel['name']) if kernel else None
        if kernel and found:
            kernels[found.group(1)] = _real(interpreter.get_tensor(kernel['index']), kernel)
            if bias:
                biases[found.group(1)] = _real(interpreter.get_tensor(bias['index']), bias)
    return kernels, biases


def _real(tensor: Any, detail: dict[str, Any]) -> Floats:
    """Return the numbers that a tensor stands for; integers have a scale, or one a filter."""
    if tensor.dtype == np.float32:
        return np.array(tensor)
    facts = detail['quantization_parameters']
    shape = [1] * tensor.ndim
    shape[facts['quantized_dimension']] = -1
    scales, zeros = (np.reshape(facts[key], shape) for key in ('scales', 'zero_points'))
    return np.asarray((tensor.astype(np.float32) - zeros) * scales, np.float32)
