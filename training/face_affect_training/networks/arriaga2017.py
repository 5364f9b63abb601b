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

"""The two networks of Arriaga, Valdenegro-Toro and Ploeger 2017 (section III)."""

from face_affect_training.networks.head import close, convolution
import keras
from keras import layers


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

    dropout: rate of spatial dropout before the last convolution. Numbers of parameters are for one
    input channel and seven classes.
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
