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

"""Biases that make up for weights that are rounded to 8 bits."""

from pathlib import Path
import tempfile

from face_affect_training import tflite
from face_affect_training.restore import filled, norm_after
import keras
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


def rounded(network: keras.Model, samples: Floats) -> keras.Model:
    """
    Return a network's copy with the weights of its int8 file and biases that make up for them.

    samples: (N, S, S, C) float32 network inputs. Each layer's rounded weights move the means of
    its features, and all faces' answers with them; over these samples the biases move them back,
    from the first layer to the last (Nagel et al. 2019, section 4.2). Raises AffectError where
    restore.filled does.
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
    answers = keras.Model(network.input, outputs).predict(samples, batch_size=64, verbose=0)
    return [np.asarray(each, np.float32).mean(0)
            for each in (answers if isinstance(answers, list) else [answers])]
