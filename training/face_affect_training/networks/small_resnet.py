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
Residual networks of ordinary convolutions: a small one, and a teacher.

Depthwise convolutions need fewer multiply-accumulates, but a CPU computes fewer per second.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from face_affect_training.networks.head import close, convolution
import keras
from keras import layers


def small_resnet(*, input_shape: tuple[int, int, int], classes: int,
                 widths: Sequence[int] = (16, 48, 96, 128), blocks: Sequence[int] = (1, 1, 1, 1),
                 first_stride: int = 2, dropout: float = 0.2,
                 branches: Sequence[Mapping[str, Any]] = ()) -> keras.Model:
    """
    Build stages of residual blocks with stride 2 (He et al. 2015); 670,359 parameters.

    The number is for one input channel and seven classes. Batch norm after each convolution is
    folded into it on export.

    Args:
        input_shape: (S, S, C).
        classes: number of classes of all tasks.
        widths: filters of each stage.
        blocks: number of residual blocks of each stage.
        first_stride: 1 for a first stage at full resolution, with four times the operations.
        dropout: rate of spatial dropout before the last convolution.
        branches: further stages of each task, {classes: ..., widths: ..., blocks: ...}.

    Raises:
        ValueError: widths and blocks differ in length, or the classes of the branches do not add
            up to `classes`.
    """
    heads = [_Branch(**branch) for branch in branches] or [_Branch(classes)]
    if sum(head.classes for head in heads) != classes:
        raise ValueError(f'branches for {[head.classes for head in heads]} classes do not add up '
                         f'to {classes}')
    inputs = keras.Input(input_shape, name='image')
    x = _stages(inputs, widths, blocks, 1, stride=first_stride)
    logits = []
    for index, head in enumerate(heads, start=1):
        own = '' if index == 1 else f'_task{index}'
        y = _stages(x, head.widths, head.blocks, 1 + len(widths), own=own)
        if dropout > 0.0:
            y = layers.SpatialDropout2D(dropout, name=f'dropout{own}')(y)
        y = layers.Conv2D(head.classes, 1, name=f'classes{own}')(y)
        logits.append(layers.GlobalAveragePooling2D(name=f'average{own}')(y))
    joined = layers.Concatenate(name='tasks')(logits) if branches else logits[0]
    return close(inputs, joined, 'small_resnet')


@dataclass(frozen=True)
class _Branch:
    """Stages of one task, see small_resnet."""

    classes: int
    widths: Sequence[int] = ()
    blocks: Sequence[int] = ()


def _stages(x: keras.KerasTensor, widths: Sequence[int], blocks: Sequence[int], number: int, *,
            stride: int = 2, own: str = '') -> keras.KerasTensor:
    """Apply stages. number, stride: of the first one. own: suffix of their names."""
    for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        name = f'stage{number + index}{own}'
        x = convolution(x, width, name, strides=2 if index else stride)
        for block in range(1, count + 1):
            x = _block(x, width, f'{name}_block{block}')
    return x


def _block(x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
    y = convolution(x, width, f'{name}_a')
    y = convolution(y, width, f'{name}_b', relu=False)
    y = layers.Add(name=f'{name}_add')([x, y])
    return layers.Activation('relu', name=f'{name}_relu')(y)


def residual_cnn(*, input_shape: tuple[int, int, int], classes: int, width: int = 64,
                 blocks: int = 2, dropout: float = 0.4) -> keras.Model:
    """
    Build a pre-activation ResNet (He et al. 2016) with four stages; 11,177,287 parameters.

    width: filters of the first stage, doubled in each further stage. blocks: residual blocks in a
    stage. dropout: rate before the dense layer.
    """
    inputs = keras.Input(input_shape, name='image')
    x = layers.Conv2D(width, 3, padding='same', use_bias=False, name='stem')(inputs)
    for stage in range(4):
        for block in range(blocks):
            stride = 2 if stage > 0 and block == 0 else 1
            x = _preactivated(x, width * 2 ** stage, stride, f'stage{stage}_{block}')
    x = layers.BatchNormalization(name='last_bn')(x)
    x = layers.Activation('relu', name='last_relu')(x)
    x = layers.GlobalAveragePooling2D(name='average')(x)
    if dropout > 0.0:
        x = layers.Dropout(dropout, name='dropout')(x)
    return close(inputs, layers.Dense(classes, name='classes')(x), 'residual_cnn')


def _preactivated(x: keras.KerasTensor, filters: int, stride: int, name: str) -> keras.KerasTensor:
    activated = layers.BatchNormalization(name=f'{name}_bn1')(x)
    activated = layers.Activation('relu', name=f'{name}_relu1')(activated)
    if stride != 1 or x.shape[-1] != filters:
        x = layers.Conv2D(filters, 1, strides=stride, use_bias=False,
                          name=f'{name}_shortcut')(activated)
    y = layers.Conv2D(filters, 3, strides=stride, padding='same', use_bias=False,
                      name=f'{name}_conv1')(activated)
    y = layers.BatchNormalization(name=f'{name}_bn2')(y)
    y = layers.Activation('relu', name=f'{name}_relu2')(y)
    y = layers.Conv2D(filters, 3, padding='same', use_bias=False, name=f'{name}_conv2')(y)
    return layers.Add(name=f'{name}_add')([x, y])
