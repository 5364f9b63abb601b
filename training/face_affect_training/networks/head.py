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

"""Parts of networks, and networks changed for several tasks, test-time flip or PyTorch."""

from collections.abc import Sequence

import keras
from keras import layers, ops
import numpy as np


def convolution(x: keras.KerasTensor, filters: int, name: str, *, kernel: int = 3,
                strides: int = 1, padding: str = 'same', relu: bool = True,
                regularizer: keras.regularizers.Regularizer | None = None) -> keras.KerasTensor:
    """Apply a convolution without bias, batch norm, and ReLU."""
    x = layers.Conv2D(filters, kernel, strides=strides, padding=padding, use_bias=False,
                      kernel_regularizer=regularizer, name=name)(x)
    x = layers.BatchNormalization(name=f'{name}_bn')(x)
    return layers.Activation('relu', name=f'{name}_relu')(x) if relu else x


def close(inputs: keras.KerasTensor, logits: keras.KerasTensor, name: str) -> keras.Model:
    """Return the model with softmax of the logits, (N, classes), both always float32."""
    logits = layers.Activation('linear', name='logits', dtype='float32')(logits)
    outputs = layers.Activation('softmax', name='probabilities', dtype='float32')(logits)
    return keras.Model(inputs, outputs, name=name)


def split(network: keras.Model, widths: Sequence[int]) -> keras.Model:
    """Return a network with one output for each task. widths: number of classes of each task."""
    logits = network.get_layer('logits').output
    stops = np.cumsum(widths).tolist()
    outputs = [layers.Softmax(name=f'probabilities{index}', dtype='float32')(
        logits[:, stop - width:stop]) for index, (width, stop) in enumerate(zip(widths, stops))]
    return keras.Model(network.input, outputs, name=network.name)


def with_mirror(network: keras.Model) -> keras.Model:
    """
    Return a network with test-time flip: the mean output of each image and its mirror image.

    network: from (N, S, S, C) to probabilities (N, K) or a list of them; its weights are shared.
    """
    inputs = keras.Input(network.input_shape[1:], name='image')
    outputs = network(ops.concatenate([inputs, ops.flip(inputs, axis=2)], axis=0))
    means = [ops.mean(ops.reshape(each, (2, -1, each.shape[-1])), axis=0)
             for each in (outputs if isinstance(outputs, list) else [outputs])]
    return keras.Model(inputs, means if isinstance(outputs, list) else means[0],
                       name=network.name)


def lowered(network: keras.Model) -> keras.Model:
    """
    Return a copy with faster layers for training with PyTorch; the network on other backends.

    The weights and their order are the same. The layers that are replaced must have channels last,
    no dilation and no groups.
    """
    if keras.backend.backend() != 'torch':
        return network
    from face_affect_training.networks.torch_layers import SWAPS

    def clone(layer: layers.Layer) -> layers.Layer:
        return SWAPS.get(type(layer), type(layer)).from_config(layer.get_config())

    copy = keras.models.clone_model(network, clone_function=clone)
    copy.set_weights(network.get_weights())
    return copy
