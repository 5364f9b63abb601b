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

A TFLite file holds each convolution with its batch norm folded into it, under the layer's name.
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
from face_affect_training.networks.column_pairs import unpair_weights
from face_affect_training.networks.looks import with_looks
from face_affect_training.runs import build_network, Run
import keras
from keras import layers
import numpy as np

#: A kernel's name in the file: that of the layer, as Keras or TensorFlow may have numbered it.
KERNEL = re.compile(r'(?:^|/)([^/;]+?)(?:_\d+)?/(?:convolution|depthwise)$')
#: Shapes in the file are (filters, rows, columns, channels), in Keras (rows, columns, channels,
#: filters); a depth-wise kernel is (1, rows, columns, channels), in Keras (..., channels, 1).
TO_KERAS = (1, 2, 3, 0)
#: The most that a probability may differ from the file's; a dynamic file rounds activations, too.
TOLERANCE = {'float32': 1e-3, 'dynamic': LIMITS['dynamic'].difference}


def restore(model: str, experiment: Experiment, inputs: FloatArray, folder: Path) -> float:
    """
    Write a run whose best.keras is a shipped model; return the largest difference between both.

    model: name or folder of a float32 or dynamic model. experiment: what it was trained by.
    inputs: (N, S, S, C) float32 network inputs, on which the statistics of the batch norms are
    measured and both are compared. Raises AffectError where the file does not hold this network.
    """
    card = load_card(model)
    tolerance = TOLERANCE.get(str(card.facts.get('precision')))
    if tolerance is None:
        raise AffectError(f'{card.path}: restore takes float32 and dynamic files only')
    network = build_network(experiment)
    if card.facts.get('pair_columns'):
        paired = build_network(experiment, pair_columns=True)
        _fill(paired, card.path)
        unpair_weights(network, paired)
    else:
        _fill(network, card.path)
    _spread(network, inputs)
    asked = with_looks(network, mirror=bool(card.facts.get('mirror')),
                       zooms=card.facts.get('zooms', (1.0,)))
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
                            'epoch': card.facts.get('training', {}).get('chosen_epoch', 0)})
    return difference


def _fill(network: keras.Model, file: Path) -> None:
    """Put the file's kernels and biases in, the batch norms doing nothing but add a bias."""
    convolutions = [layer for layer in network.layers
                    if isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D))]
    for layer in network.layers:
        if (layer.weights and layer not in convolutions
                and not isinstance(layer, layers.BatchNormalization)):
            raise AffectError(f"layer '{layer.name}' of {network.name}: only convolutions can be "
                              'restored from TFLite')
    kernels, biases = _constants(file)
    for layer in convolutions:
        kernel = kernels.get(layer.name)
        kernel = None if kernel is None else np.transpose(kernel, TO_KERAS)
        if kernel is None or kernel.shape != layer.kernel.shape:
            raise AffectError(f'{file}: holds no kernel {tuple(layer.kernel.shape)} of the layer '
                              f"'{layer.name}' of {network.name}; was it trained by another "
                              'experiment?')
        norm = _norm_after(layer)
        bias = biases.get(layer.name, np.zeros(kernel.shape[-1], np.float32))
        layer.set_weights([kernel, bias] if layer.use_bias else [kernel])
        if norm is not None:
            ones = np.ones_like(bias)
            norm.set_weights([ones * np.sqrt(1.0 + norm.epsilon), bias, 0.0 * ones, ones])


def _spread(network: keras.Model, inputs: FloatArray) -> None:
    """Give the batch norms the statistics of these inputs, and keep what the network says."""
    pairs = [(layer.output, norm) for layer in network.layers
             if (norm := _norm_after(layer)) is not None]
    if not pairs:
        return
    seen = keras.Model(network.input, [output for output, _ in pairs]).predict(inputs, verbose=0)
    for values, (_, norm) in zip(seen if len(pairs) > 1 else [seen], pairs):
        flat = np.asarray(values, np.float64).reshape(-1, values.shape[-1])
        mean, variance = flat.mean(0), flat.var(0)
        _, bias, _, _ = norm.get_weights()
        norm.set_weights([np.sqrt(variance + norm.epsilon), bias + mean, mean, variance])


def _norm_after(layer: layers.Layer) -> layers.BatchNormalization | None:
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
    kernels: dict[str, FloatArray] = {}
    biases: dict[str, FloatArray] = {}
    for detail in interpreter.get_tensor_details():
        if detail['dtype'] not in (np.float32, np.int8):
            continue
        parts = [found.group(1) for part in detail['name'].split(';')
                 if (found := KERNEL.search(part))]
        shape = detail['shape']
        if len(shape) == 4 and len(parts) == 1 and KERNEL.search(detail['name']):
            kernels[parts[0]] = _real(interpreter.get_tensor(detail['index']), detail)
        elif len(shape) == 1 and parts:
            biases[parts[0]] = _real(interpreter.get_tensor(detail['index']), detail)
    return kernels, biases


def _real(tensor: Any, detail: dict[str, Any]) -> FloatArray:
    """Return the numbers that a tensor stands for; 8-bit kernels have a scale a filter."""
    if tensor.dtype == np.float32:
        return np.array(tensor)
    facts = detail['quantization_parameters']
    shape = [1] * tensor.ndim
    shape[facts['quantized_dimension']] = -1
    scales, zeros = (np.reshape(facts[key], shape) for key in ('scales', 'zero_points'))
    return np.asarray((tensor.astype(np.float32) - zeros) * scales, np.float32)
