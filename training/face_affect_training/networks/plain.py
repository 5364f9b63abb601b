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

"""The parts of plain convolutional networks: a convolution with batch norm, two dense layers."""

import keras
from keras import layers


def penalty(regularisation: float) -> keras.regularizers.Regularizer | None:
    """Return the L2 penalty: regularisation times the sum of a kernel's squares, None for 0."""
    return keras.regularizers.L2(regularisation) if regularisation > 0.0 else None


def convolution(x: keras.KerasTensor, filters: int, name: str,
                regularisation: float) -> keras.KerasTensor:
    """Return a 3x3 convolution, batch norm and ReLU of x, (N, H, W, filters)."""
    x = layers.Conv2D(filters, 3, padding='same', use_bias=False,
                      kernel_regularizer=penalty(regularisation), name=name)(x)
    x = layers.BatchNormalization(name=f'{name}_bn')(x)
    return layers.Activation('relu', name=f'{name}_relu')(x)


def dense_layers(x: keras.KerasTensor, hidden: int, classes: int, dropout: float,
                 regularisation: float) -> keras.KerasTensor:
    """
    Return the logits of flat features: ReLU of a dense layer, then another, (N, classes).

    dropout: share of features dropped before each of the two.
    """
    for name, width in (('hidden', hidden), ('classes', classes)):
        if dropout > 0.0:
            x = layers.Dropout(dropout, name=f'{name}_dropout')(x)
        x = layers.Dense(width, kernel_regularizer=penalty(regularisation), name=name)(x)
        if name == 'hidden':
            x = layers.Activation('relu', name='hidden_relu')(x)
    return x
