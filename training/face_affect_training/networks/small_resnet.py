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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import itertools
from typing import Any

from face_affect_training.networks.column_pairs import FoldColumns
from face_affect_training.networks.head import close
from face_affect_training.networks.mirroring import MirrorHere, MirrorPairs
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
                 first_stride: int = 2, fold: int = 1, mirror_pairs: Sequence[int] = (),
                 pair_columns: bool = False, dropout: float = 0.2,
                 branches: Sequence[Mapping[str, Any]] = ()) -> keras.Model:
    """
    Build stages that halve the picture, each with residual blocks (He et al. 2015); 670,359.

    widths: filters of each stage. blocks: residual blocks of each stage, as many as widths.
    first_stride: 1 for a first stage that sees the picture in full, at four times the price.
    fold: blocks of so many pixels along a side become the channels of one, see Fold. mirror_pairs:
    of each of the first stages; so many pairs of filters of each of its convolutions are each
    other's mirror images, and the others their own, which makes a look at the mirror image
    cheaper, see mirroring. pair_columns: for an export, the first stage takes two columns for one,
    see column_pairs. dropout: share of the last feature maps that is dropped. branches: of each
    task, where each has stages of its own behind those that all share: {classes: of the task,
    widths: and blocks: of these stages, look: filters of a convolution that sees the picture
    itself beside what the others found in it, 0 for none}. The count holds for one input channel
    and seven classes. Batch norm follows every convolution, so that it is folded into it on
    export. Raises ValueError where widths and blocks differ in length, where branches do not add
    up to classes, or where there cannot be so many mirror_pairs, or pairs of columns.
    """
    heads = [_Branch(**branch) for branch in branches] or [_Branch(classes)]
    if sum(head.classes for head in heads) != classes:
        raise ValueError(f'branches for {[head.classes for head in heads]} classes do not add up '
                         f'to {classes}')
    if mirror_pairs and (fold > 1 or len(mirror_pairs) >= len(widths) or any(
            not 0 < 2 * pairs <= width for pairs, width in zip(mirror_pairs, widths))):
        raise ValueError(f'mirror_pairs {list(mirror_pairs)}: 1 or more of each of the first '
                         f'stages, of {list(widths)} filters, not of the last, without fold')
    if pair_columns and (mirror_pairs or len(widths) < 2
                         or input_shape[1] % (2 * first_stride * fold)):
        raise ValueError(f'pair_columns: two stages or more, not {len(widths)}, an even number of '
                         f'columns of {input_shape} behind the first stride, and no mirror_pairs')
    inputs = keras.Input(input_shape, name='image')
    x = Fold(fold, name='fold')(inputs) if fold > 1 else inputs
    if pair_columns:
        x = FoldColumns(2 * first_stride, name='fold_columns')(x)
    x = _stages(x, widths, blocks, 1, stride=first_stride, mirror_pairs=mirror_pairs,
                pair_columns=pair_columns)
    logits = []
    for index, head in enumerate(heads, start=1):
        own = '' if index == 1 else f'_task{index}'
        y = _looked_again(x, inputs, head.look, own) if head.look else x
        y = _stages(y, head.widths, head.blocks, 1 + len(widths), own=own)
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
    look: int = 0


def _stages(x: keras.KerasTensor, widths: Sequence[int], blocks: Sequence[int], number: int, *,
            stride: int = 2, own: str = '', mirror_pairs: Sequence[int] = (),
            pair_columns: bool = False) -> keras.KerasTensor:
    """Build stages. number, stride: of the first one. own: what their names end with."""
    if len(widths) != len(blocks):
        raise ValueError(f'widths {list(widths)} and blocks {list(blocks)} differ in length')
    before = 0
    for index, (width, count, pairs) in enumerate(itertools.zip_longest(
            widths, blocks, mirror_pairs, fillvalue=0)):
        name = f'stage{number + index}{own}'
        if pair_columns and index == 0:
            width *= 2
        x = _convolution(x, width, 2 if index else stride, name, (before, pairs),
                         pair_columns=pair_columns and index < 2)
        x = layers.Activation('relu', name=f'{name}_relu')(x)
        for block in range(1, count + 1):
            x = _block(x, width, f'{name}_block{block}', pairs)
        if index == len(mirror_pairs) - 1:
            x = MirrorHere(pairs, name='mirror_here')(x)
        before = pairs
    return x


def _looked_again(x: keras.KerasTensor, image: keras.KerasTensor, filters: int,
                  own: str) -> keras.KerasTensor:
    """Return x with some filters more, of the picture as large blocks as x has pixels."""
    y = Fold(image.shape[1] // x.shape[1], name=f'fold{own}')(image)
    y = _convolution(y, filters, 1, f'look{own}')
    y = layers.Activation('relu', name=f'look{own}_relu')(y)
    return layers.Concatenate(name=f'look{own}_joined')([x, y])


def _block(x: keras.KerasTensor, width: int, name: str, pairs: int) -> keras.KerasTensor:
    y = _convolution(x, width, 1, f'{name}_a', (pairs, pairs))
    y = layers.Activation('relu', name=f'{name}_a_relu')(y)
    y = _convolution(y, width, 1, f'{name}_b', (pairs, pairs))
    y = layers.Add(name=f'{name}_add')([x, y])
    return layers.Activation('relu', name=f'{name}_relu')(y)


def _convolution(x: keras.KerasTensor, width: int, stride: int, name: str,
                 pairs: tuple[int, int] = (0, 0), *,
                 pair_columns: bool = False) -> keras.KerasTensor:
    """
    Build a convolution and its norm.

    pairs: mirror pairs that come in and go out. pair_columns: whether some of the columns that
    come in are one.
    """
    incoming, outgoing = pairs
    filters = MirrorPairs(outgoing, incoming) if outgoing else None
    norms = MirrorPairs(outgoing) if outgoing else None
    size, strides = (3, 3), (stride, stride)
    if pair_columns and stride == 2:   # such columns hold what the stride would skip
        size, strides = (3, 2), (2, 1)
    elif outgoing and stride == 2:
        # a filter of the mirror's own is as wide as to have its middle where its stride has it
        size = (3, 4)
    x = layers.Conv2D(width, size, strides=strides, padding='same', use_bias=False, name=name,
                      kernel_constraint=filters)(x)
    return layers.BatchNormalization(name=f'{name}_bn', beta_constraint=norms,
                                     gamma_constraint=norms)(x)
