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
The networks of Arriaga, Valdenegro-Toro and Ploeger 2017, with the plain ones of its table.

The paper does not state number and width of the layers, batch norm and the pooling ratio of the
plain ones. Numbers of parameters are for the input (48, 48, 1) and seven classes. `regularisation`
is the factor of the L2 penalty of the kernels, `dropout` the rate before each dense layer unless
stated otherwise.
"""

from collections.abc import Callable
from functools import partial

from face_affect_training.networks.fractional_pooling import FractionalMaxPooling2D
from face_affect_training.networks.head import close, convolution
import keras
from keras import layers

#: Ratio of the fractional max-pooling: the last feature maps of 48 x 48 pixels have 11 x 11, and
#: with 2x2 pooling 6 x 6.
RATIO = 1.6


def sequential_fully_cnn(*, input_shape: tuple[int, int, int], classes: int,
                         dropout: float = 0.2) -> keras.Model:
    """
    Build nine convolutions and global average pooling; 591,783 parameters.

    dropout: rate of spatial dropout after every second convolution.
    """
    inputs = keras.Input(input_shape, name='image')
    x = inputs
    for index, filters in enumerate((32, 32, 64, 64, 128, 128, 128, 128), start=1):
        x = convolution(x, filters, f'conv{index}')
        if index in (2, 4, 6):
            x = layers.MaxPooling2D(2, name=f'pool{index}')(x)
        if index % 2 == 0 and dropout > 0.0:
            x = layers.SpatialDropout2D(dropout, name=f'dropout{index}')(x)
    x = layers.Conv2D(classes, 3, padding='same', name='classes')(x)
    x = layers.GlobalAveragePooling2D(name='average')(x)
    return close(inputs, x, 'sequential_fully_cnn')


def mini_xception(*, input_shape: tuple[int, int, int], classes: int,
                  dropout: float = 0.0) -> keras.Model:
    """
    Build four residual modules of depthwise separable convolutions; 58,423 parameters.

    dropout: rate of spatial dropout before the last convolution.
    """
    inputs = keras.Input(input_shape, name='image')
    x = inputs
    for index in (1, 2):
        x = convolution(x, 8, f'stem{index}', padding='valid')
    for filters in (16, 32, 64, 128):
        x = _module(x, filters)
    if dropout > 0.0:
        x = layers.SpatialDropout2D(dropout, name='dropout')(x)
    x = layers.Conv2D(classes, 3, padding='same', name='classes')(x)
    x = layers.GlobalAveragePooling2D(name='average')(x)
    return close(inputs, x, 'mini_xception')


def _module(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    name = f'module{filters}'
    shortcut = convolution(x, filters, f'{name}_shortcut', kernel=1, strides=2, relu=False)
    for index in (1, 2):
        x = layers.DepthwiseConv2D(3, padding='same', use_bias=False,
                                   name=f'{name}_depthwise{index}')(x)
        x = layers.Conv2D(filters, 1, use_bias=False, name=f'{name}_pointwise{index}')(x)
        x = layers.BatchNormalization(name=f'{name}_bn{index}')(x)
        if index == 1:
            x = layers.Activation('relu', name=f'{name}_relu')(x)
    x = layers.MaxPooling2D(3, strides=2, padding='same', name=f'{name}_pool')(x)
    return layers.Add(name=f'{name}_add')([x, shortcut])


def baseline(*, input_shape: tuple[int, int, int], classes: int,
             dropout: float = 0.0) -> keras.Model:
    """Build one convolution with max-pooling and a dense layer; 129,351 parameters."""
    inputs = keras.Input(input_shape, name='image')
    x = layers.Conv2D(32, 3, padding='same', name='conv1')(inputs)
    x = layers.Activation('relu', name='conv1_relu')(x)
    x = layers.MaxPooling2D(2, name='pool1')(x)
    return close(inputs, _dense(layers.Flatten(name='features')(x), classes, 'classes', dropout),
                 'baseline')


def five_layer_cnn(*, input_shape: tuple[int, int, int], classes: int, dropout: float = 0.25,
                   regularisation: float = 0.0) -> keras.Model:
    """Build convolutions, each with 2x2 pooling, and two dense layers; 684,199 parameters."""
    return _five_layers('five_layer_cnn', partial(layers.MaxPooling2D, 2), input_shape, classes,
                        dropout, regularisation)


def five_layer_cnn_fractional(*, input_shape: tuple[int, int, int], classes: int,
                              dropout: float = 0.25, regularisation: float = 0.0) -> keras.Model:
    """Build five_layer_cnn with fractional max-pooling; 2,076,839 parameters."""
    return _five_layers('five_layer_cnn_fractional', partial(FractionalMaxPooling2D, RATIO),
                        input_shape, classes, dropout, regularisation)


def deeper_cnn(*, input_shape: tuple[int, int, int], classes: int,
               dropout: float = 0.25) -> keras.Model:
    """
    Build four blocks of two convolutions and pooling, and two dense layers; 1,766,439.

    They are the blocks of VGG with batch norm. dropout also follows each block but the last.
    """
    inputs = keras.Input(input_shape, name='image')
    x = inputs
    for block, width in enumerate((32, 64, 128, 256), start=1):
        for index in (1, 2):
            x = convolution(x, width, f'conv{block}_{index}')
        x = layers.MaxPooling2D(2, name=f'pool{block}')(x)
        if dropout > 0.0 and block < 4:
            x = layers.SpatialDropout2D(dropout, name=f'dropout{block}')(x)
    return close(inputs, _two_dense(x, 256, classes, dropout), 'deeper_cnn')


def _five_layers(name: str, pool: Callable[..., layers.Layer],
                 input_shape: tuple[int, int, int], classes: int, dropout: float,
                 regularisation: float) -> keras.Model:
    penalty = keras.regularizers.L2(regularisation) if regularisation > 0.0 else None
    inputs = keras.Input(input_shape, name='image')
    x = inputs
    for index, width in enumerate((32, 64, 128), start=1):
        x = pool(name=f'pool{index}')(convolution(x, width, f'conv{index}', regularizer=penalty))
    return close(inputs, _two_dense(x, 128, classes, dropout, penalty), name)


def _two_dense(x: keras.KerasTensor, hidden: int, classes: int, dropout: float,
               penalty: keras.regularizers.Regularizer | None = None) -> keras.KerasTensor:
    """Apply two dense layers with a ReLU in between, and return the logits (N, classes)."""
    x = _dense(layers.Flatten(name='features')(x), hidden, 'hidden', dropout, penalty)
    x = layers.Activation('relu', name='hidden_relu')(x)
    return _dense(x, classes, 'classes', dropout, penalty)


def _dense(x: keras.KerasTensor, width: int, name: str, dropout: float,
           penalty: keras.regularizers.Regularizer | None = None) -> keras.KerasTensor:
    """Apply dropout and a dense layer."""
    if dropout > 0.0:
        x = layers.Dropout(dropout, name=f'{name}_dropout')(x)
    return layers.Dense(width, kernel_regularizer=penalty, name=name)(x)
