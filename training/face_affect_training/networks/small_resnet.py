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
Residual networks of ordinary convolutions: one that a robot's CPU can afford, and a teacher.

Depth-wise convolutions save multiply-accumulates, but a CPU does fewer of them in a second than of
ordinary ones.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from face_affect_training.networks.head import close
import keras
from keras import layers


@keras.saving.register_keras_serializable('face_affect')
class Fold(layers.Layer):
    """
    Blocks of pixels as channels, (N, H / b, W / b, b * b * C) for (N, H, W, C).

    A convolution behind it is one of b times the size and of stride b before it, which costs a CPU
    half the time where the picture has few channels. The order is that of tf.nn.space_to_depth:
    rows of the block, then columns, then channels.
    """

    def __init__(self, block: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._block = block

    def call(self, inputs: Any) -> Any:
        """Return the folded pictures."""
        if keras.backend.backend() == 'tensorflow':   # one operator of TFLite
            import tensorflow as tf
            return tf.nn.space_to_depth(inputs, self._block)
        parts = [inputs[:, row::self._block, column::self._block]
                 for row in range(self._block) for column in range(self._block)]
        return keras.ops.concatenate(parts, axis=-1)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape."""
        count, *sides, channels = input_shape
        return (count, *(side and side // self._block for side in sides),
                channels * self._block ** 2)

    def get_config(self) -> dict[str, Any]:
        """Return what from_config needs."""
        return {**super().get_config(), 'block': self._block}


def small_resnet(*, input_shape: tuple[int, int, int], classes: int,
                 widths: Sequence[int] = (16, 48, 96, 128), blocks: Sequence[int] = (1, 1, 1, 1),
                 first_stride: int = 2, dropout: float = 0.2,
                 branches: Sequence[Mapping[str, Any]] = ()) -> keras.Model:
    """
    Build stages that halve the picture, each with residual blocks (He et al. 2015); 670,359.

    widths: filters of each stage. blocks: residual blocks of each stage, as many as widths.
    first_stride: 1 for a first stage that sees the picture in full, at four times the price.
    dropout: share of the last feature maps that is dropped. branches: of each task, where each
    has stages of its own behind those that all share: {classes: of the task, widths: and blocks:
    of these stages}. The count holds for one input channel and seven classes. Batch norm follows
    every convolution, so that it is folded into it on export. Raises ValueError where widths and
    blocks differ in length, and where branches do not add up to classes.
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
    """What belongs to one task, see small_resnet."""

    classes: int
    widths: Sequence[int] = ()
    blocks: Sequence[int] = ()


def _stages(x: keras.KerasTensor, widths: Sequence[int], blocks: Sequence[int], number: int, *,
            stride: int = 2, own: str = '') -> keras.KerasTensor:
    """Build stages. number, stride: of the first one. own: what their names end with."""
    for index, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        name = f'stage{number + index}{own}'
        x = _convolution(x, width, 2 if index else stride, name)
        x = layers.Activation('relu', name=f'{name}_relu')(x)
        for block in range(1, count + 1):
            x = _block(x, width, f'{name}_block{block}')
    return x


def _block(x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
    y = _convolution(x, width, 1, f'{name}_a')
    y = layers.Activation('relu', name=f'{name}_a_relu')(y)
    y = _convolution(y, width, 1, f'{name}_b')
    y = layers.Add(name=f'{name}_add')([x, y])
    return layers.Activation('relu', name=f'{name}_relu')(y)


def _convolution(x: keras.KerasTensor, width: int, stride: int, name: str) -> keras.KerasTensor:
    x = layers.Conv2D(width, 3, strides=stride, padding='same', use_bias=False, name=name)(x)
    return layers.BatchNormalization(name=f'{name}_bn')(x)


def residual_cnn(*, input_shape: tuple[int, int, int], classes: int, width: int = 64,
                 blocks: int = 2, dropout: float = 0.4) -> keras.Model:
    """
    Build a pre-activation ResNet (He et al. 2016) with four stages; 11,177,287 parameters.

    width: filters of the first stage, doubled at each further one. blocks: residual blocks a
    stage. dropout: share of features dropped before the classes. The count holds for one input
    channel and seven classes.
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
