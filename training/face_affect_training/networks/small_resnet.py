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
A residual network of ordinary convolutions that a robot's CPU can afford.

Depth-wise convolutions save multiply-accumulates, but a CPU does fewer of them in a second than of
ordinary ones.
"""

from collections.abc import Sequence

from face_affect_training.networks.head import close
import keras
from keras import layers


def small_resnet(*, input_shape: tuple[int, int, int], classes: int,
                 widths: Sequence[int] = (16, 48, 96, 128), blocks: Sequence[int] = (1, 1, 1, 1),
                 first_stride: int = 2, dropout: float = 0.2) -> keras.Model:
    """
    Build stages that halve the picture, each with residual blocks (He et al. 2015); 670,359.

    widths: filters of each stage. blocks: residual blocks of each stage, as many as widths.
    first_stride: 1 for a first stage that sees the picture in full, at four times the price.
    dropout: share of the last feature maps that is dropped. The count holds for one input channel
    and seven classes. Batch norm follows every convolution, so that it is folded into it on
    export. Raises ValueError where widths and blocks differ in length.
    """
    if len(widths) != len(blocks):
        raise ValueError(f'widths {list(widths)} and blocks {list(blocks)} differ in length')
    inputs = keras.Input(input_shape, name='image')
    x = inputs
    for stage, (width, count) in enumerate(zip(widths, blocks), start=1):
        x = _convolution(x, width, first_stride if stage == 1 else 2, f'stage{stage}')
        x = layers.Activation('relu', name=f'stage{stage}_relu')(x)
        for block in range(1, count + 1):
            x = _block(x, width, f'stage{stage}_block{block}')
    if dropout > 0.0:
        x = layers.SpatialDropout2D(dropout, name='dropout')(x)
    x = layers.Conv2D(classes, 1, name='classes')(x)
    x = layers.GlobalAveragePooling2D(name='average')(x)
    return close(inputs, x, 'small_resnet')


def _block(x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
    y = _convolution(x, width, 1, f'{name}_a')
    y = layers.Activation('relu', name=f'{name}_a_relu')(y)
    y = _convolution(y, width, 1, f'{name}_b')
    y = layers.Add(name=f'{name}_add')([x, y])
    return layers.Activation('relu', name=f'{name}_relu')(y)


def _convolution(x: keras.KerasTensor, width: int, stride: int, name: str) -> keras.KerasTensor:
    x = layers.Conv2D(width, 3, strides=stride, padding='same', use_bias=False, name=name)(x)
    return layers.BatchNormalization(name=f'{name}_bn')(x)
