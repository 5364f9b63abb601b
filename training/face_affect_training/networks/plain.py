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
Plain convolutional networks: a baseline, three convolutions, and eight.

The paper's table names a baseline, a five-layer CNN with usual and with fractional max-pooling,
and a deeper CNN. Number and width of the layers, batch norm and the ratio are our choice. The
counts of parameters hold for (48, 48, 1) and seven classes. Common options: dropout, the share of
features dropped before each dense layer; regularisation, the factor of the L2 penalty on kernels;
filters, of the convolutions; hidden, features of the first dense layer.
"""

from collections.abc import Callable, Sequence

from face_affect_training.networks.fractional_pooling import FractionalMaxPooling2D
from face_affect_training.networks.head import close
import keras
from keras import layers

#: Of the convolutions of the five-layer networks.
FILTERS = (32, 64, 128)


def baseline(*, input_shape: tuple[int, int, int], classes: int, dropout: float = 0.0,
             regularisation: float = 0.0) -> keras.Model:
    """Build one convolution and a softmax on its pooled features, 129,351 parameters."""
    inputs = keras.Input(input_shape, name='image')
    x = layers.Conv2D(32, 3, padding='same', kernel_regularizer=penalty(regularisation),
                      name='conv1')(inputs)
    x = layers.Activation('relu', name='conv1_relu')(x)
    x = layers.MaxPooling2D(2, name='pool1')(x)
    return close(inputs, _dense(x, [], classes, dropout, regularisation), 'baseline')


def five_layer_cnn(*, input_shape: tuple[int, int, int], classes: int, dropout: float = 0.25,
                   regularisation: float = 0.0, filters: Sequence[int] = FILTERS,
                   hidden: int = 128) -> keras.Model:
    """Build convolutions, each with 2x2 pooling, and two dense layers; 684,199 parameters."""
    def pool(name: str) -> layers.Layer:
        return layers.MaxPooling2D(2, name=name)

    return _five_layers('five_layer_cnn', pool, input_shape, classes, dropout, regularisation,
                        filters, hidden)


def five_layer_cnn_fractional(*, input_shape: tuple[int, int, int], classes: int,
                              dropout: float = 0.25, regularisation: float = 0.0,
                              filters: Sequence[int] = FILTERS, hidden: int = 128,
                              ratio: float = 1.6) -> keras.Model:
    """
    Build five_layer_cnn with fractional max-pooling; 2,076,839 parameters.

    ratio: see FractionalMaxPooling2D. One of 1.6 leaves 11 x 11 pixels of 48 x 48 where pooling by
    two leaves 6 x 6, and a larger dense layer on them.
    """
    def pool(name: str) -> layers.Layer:
        return FractionalMaxPooling2D(ratio, name=name)

    return _five_layers('five_layer_cnn_fractional', pool, input_shape, classes, dropout,
                        regularisation, filters, hidden)


def deeper_cnn(*, input_shape: tuple[int, int, int], classes: int, dropout: float = 0.25,
               regularisation: float = 0.0, filters: Sequence[int] = (32, 64, 128, 256),
               hidden: int = 256) -> keras.Model:
    """
    Build four blocks of two convolutions and pooling, and two dense layers; 1,766,439.

    They are VGG's blocks with batch norm; dropout acts on the feature maps after each block but
    the last as well.
    """
    inputs = keras.Input(input_shape, name='image')
    x = inputs
    for block, width in enumerate(filters, start=1):
        for index in (1, 2):
            x = _convolution(x, width, f'conv{block}_{index}', regularisation)
        x = layers.MaxPooling2D(2, name=f'pool{block}')(x)
        if dropout > 0.0 and block < len(filters):
            x = layers.SpatialDropout2D(dropout, name=f'dropout{block}')(x)
    return close(inputs, _dense(x, [hidden], classes, dropout, regularisation), 'deeper_cnn')


def penalty(regularisation: float) -> keras.regularizers.Regularizer | None:
    """Return the L2 penalty: regularisation times the sum of a kernel's squares, None for 0."""
    return keras.regularizers.L2(regularisation) if regularisation > 0.0 else None


def _five_layers(name: str, pool: Callable[[str], layers.Layer],
                 input_shape: tuple[int, int, int], classes: int, dropout: float,
                 regularisation: float, filters: Sequence[int], hidden: int) -> keras.Model:
    inputs = keras.Input(input_shape, name='image')
    x = inputs
    for index, width in enumerate(filters, start=1):
        x = pool(f'pool{index}')(_convolution(x, width, f'conv{index}', regularisation))
    return close(inputs, _dense(x, [hidden], classes, dropout, regularisation), name)


def _convolution(x: keras.KerasTensor, filters: int, name: str,
                 regularisation: float) -> keras.KerasTensor:
    """Return a 3x3 convolution, batch norm and ReLU of x, (N, H, W, filters)."""
    x = layers.Conv2D(filters, 3, padding='same', use_bias=False,
                      kernel_regularizer=penalty(regularisation), name=name)(x)
    x = layers.BatchNormalization(name=f'{name}_bn')(x)
    return layers.Activation('relu', name=f'{name}_relu')(x)


def _dense(x: keras.KerasTensor, hidden: Sequence[int], classes: int, dropout: float,
           regularisation: float) -> keras.KerasTensor:
    """Return the logits (N, classes) of feature maps, behind hidden layers with ReLU."""
    x = layers.Flatten(name='features')(x)
    for width, name in (*((width, 'hidden') for width in hidden), (classes, 'classes')):
        if dropout > 0.0:
            x = layers.Dropout(dropout, name=f'{name}_dropout')(x)
        x = layers.Dense(width, kernel_regularizer=penalty(regularisation), name=name)(x)
        if name == 'hidden':
            x = layers.Activation('relu', name='hidden_relu')(x)
    return x
