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
From a shipped model back to a training run, to go on from where its training ended.

A TFLite file holds each layer with its batch norm folded into it, under the layer's name.
Unfolded, it is the same network again, ready to be trained on, explained or exported anew.
"""

from pathlib import Path
import re
from typing import Any

from face_affect_ros.affect.interpreter import Network, open_interpreter
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.types import AffectError, FloatArray
from face_affect_training.experiment import Experiment
from face_affect_training.export_parity import LIMITS
from face_affect_training.networks.mirror import with_mirror
from face_affect_training.runs import build_network, Run
import keras
from keras import layers
import numpy as np

#: A kernel's name in the file: that of the layer, as Keras or TensorFlow may have numbered it.
KERNEL = re.compile(r'(?:^|/)([^/;]+?)(?:_\d+)?/(?:convolution|depthwise|MatMul)\d*$')
#: The operators that have kernels.
OPERATORS = ('CONV_2D', 'DEPTHWISE_CONV_2D', 'FULLY_CONNECTED')
#: The layers that can be restored. Shapes in the file are (filters, rows, columns, channels), in
#: Keras (rows, columns, channels, filters); a depth-wise kernel is (1, rows, columns, channels),
#: in Keras (..., channels, 1); a dense one is (outputs, inputs), in Keras the other way round.
LAYERS = (layers.Conv2D, layers.DepthwiseConv2D, layers.Dense)
#: The precisions with weights in 8 bits.
ROUNDED = ('dynamic', 'int8')
#: The most that a probability may differ from the file's; others than float32 round activations.
TOLERANCE = {'float32': 1e-3, **{name: LIMITS[name].difference for name in ROUNDED}}


def restore(model: str, experiment: Experiment, inputs: FloatArray, folder: Path) -> float:
    """
    Write a run whose best.keras is a shipped model; return the largest difference between both.

    model: name or folder of a model, not of float16. experiment: what it was trained by.
    inputs: (N, S, S, C) float32 network inputs, on which the statistics of the batch norms are
    measured and both are compared. Raises AffectError where the file does not hold this network.
    """
    card = load_card(model)
    tolerance = TOLERANCE.get(str(card.metadata.get('precision')))
    if tolerance is None:
        raise AffectError(f'{card.path}: restore takes float32, dynamic and int8 files only')
    if card.metadata.get('pair_columns'):
        raise AffectError(f'{card.path}: its first stage was written for pairs of columns, which '
                          "only the repository's tag lab-2026-11 can restore")
    network = build_network(experiment)
    _fill(network, card.path)
    _spread(network, inputs)
    asked = with_mirror(network) if card.metadata.get('mirror') else network
    ours = np.concatenate([np.asarray(each) for each in keras.tree.flatten(
        asked.predict(inputs, verbose=0))], axis=-1)
    answers = Network(card.path)(inputs)
    theirs = np.concatenate([answers[head.output] for head in card.heads], axis=-1)
    difference = float(np.abs(ours - theirs).max())
    if not difference <= tolerance:
        raise AffectError(f'{card.path}: restored as {experiment.name}, its probabilities differ '
                          f'by {difference:.2g}; was it trained by this experiment?')
    run = Run(folder, experiment)
    run.save_best(network, {'restored_from': card.name, 'sha256': card.sha256,
                            'epoch': card.metadata.get('training', {}).get('chosen_epoch', 0)})
    return difference


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
                              'dense layers can be restored from TFLite')
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


def _spread(network: keras.Model, inputs: FloatArray) -> None:
    """Give the batch norms the statistics of these inputs, and keep what the network says."""
    pairs = [(layer.output, norm) for layer in network.layers
             if (norm := norm_after(layer)) is not None]
    if not pairs:
        return
    seen = keras.Model(network.input, [output for output, _ in pairs]).predict(inputs, verbose=0)
    for values, (_, norm) in zip(seen if len(pairs) > 1 else [seen], pairs):
        flat = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
        mean, variance = flat.mean(0), flat.var(0)
        _, bias, _, _ = norm.get_weights()
        norm.set_weights([np.sqrt(variance + norm.epsilon), bias + mean, mean, variance])


def norm_after(layer: layers.Layer) -> layers.BatchNormalization | None:
    """Return the batch norm that alone follows a convolution."""
    if not isinstance(layer, layers.Conv2D):   # a depth-wise one is folded into nothing here
        return None
    followers = [node.operation for node in layer._outbound_nodes]
    if len(followers) == 1 and isinstance(followers[0], layers.BatchNormalization):
        return followers[0]
    return None


def _constants(file: Path) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """Return the kernels and the biases of a TFLite file by their layers' names."""
    interpreter = open_interpreter(file)
    tensors = {detail['index']: detail for detail in interpreter.get_tensor_details()}
    kernels: dict[str, FloatArray] = {}
    biases: dict[str, FloatArray] = {}
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


def _real(tensor: Any, detail: dict[str, Any]) -> FloatArray:
    """Return the numbers that a tensor stands for; integers have a scale, or one a filter."""
    if tensor.dtype == np.float32:
        return np.array(tensor)
    facts = detail['quantization_parameters']
    shape = [1] * tensor.ndim
    shape[facts['quantized_dimension']] = -1
    scales, zeros = (np.reshape(facts[key], shape) for key in ('scales', 'zero_points'))
    return np.asarray((tensor.astype(np.float32) - zeros) * scales, np.float32)
