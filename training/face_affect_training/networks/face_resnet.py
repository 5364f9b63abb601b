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
The lower part of dlib's network that tells faces apart, to be fine-tuned.

dlib's file of weights (dlib_face_recognition_resnet_model_v1.dat, in the public domain) saw three
million faces. It is a part of the Python package face_recognition_models, which need not be
imported; nothing is ever downloaded.
"""

from collections.abc import Sequence
from pathlib import Path
import re
from typing import Any

from face_affect_ros.affect.types import AffectError, FloatArray
from face_affect_training.networks.head import close
from face_affect_training.networks.packaged import packaged_file
import keras
from keras import layers
import numpy as np

#: Filters of dlib's levels, from the picture upwards.
WIDTHS = (32, 64, 128, 256, 256)
#: Residual blocks of each level, all that there are.
BLOCKS = (3, 4, 3, 3, 1)
#: What dlib takes off red, green and blue before it divides by SPREAD.
MEANS = (122.782, 117.001, 104.298)
SPREAD = 256.0
#: Where the file of weights is in the package that has it.
PACKAGE = 'face_recognition_models'
FILE = 'dlib_face_recognition_resnet_model_v1.dat'
#: A layer's name in the file, and the header of the numbers that follow.
_LAYER = re.compile(rb'(con_4|affine_)\x01\x02')


def face_resnet(*, input_shape: tuple[int, int, int], classes: int,
                blocks: Sequence[int] = (3, 4, 2), dropout: float = 0.2) -> keras.Model:
    """
    Build the stem and some levels of residual blocks without batch norm; 892,551 parameters.

    The input is in [-1, 1], grey or RGB. blocks: residual blocks of each level, at most (3, 4, 3,
    3, 1): their widths are 32, 64, 128, 256 and 256, and each level but the first begins with a
    block that halves the picture. dropout: share of the last feature maps that is dropped. The
    count holds for one input channel and seven classes. Where dlib fills up a shortcut with empty
    channels, here is a convolution that begins as just that. Raises ValueError where there are
    more blocks than dlib has, or none in a level.
    """
    if not 1 <= len(blocks) <= len(BLOCKS) or not all(
            1 <= count <= most for count, most in zip(blocks, BLOCKS)):
        raise ValueError(f'blocks are {list(blocks)}, at most {list(BLOCKS)}, each at least 1')
    inputs = keras.Input(input_shape, name='image')
    x = layers.Conv2D(WIDTHS[0], 7, strides=2, name='stem')(inputs)
    x = layers.Activation('relu', name='stem_relu')(x)
    x = layers.MaxPooling2D(3, 2, name='stem_pool')(x)
    for level, (width, count) in enumerate(zip(WIDTHS, blocks), start=1):
        for block in range(1, count + 1):
            x = _block(x, width, halved=level > 1 and block == 1, name=f'level{level}_{block}')
    if dropout > 0.0:
        x = layers.SpatialDropout2D(dropout, name='dropout')(x)
    x = layers.Conv2D(classes, 1, name='classes')(x)
    x = layers.GlobalAveragePooling2D(name='average')(x)
    return close(inputs, x, 'face_resnet')


def dlib_file() -> Path:
    """Return dlib's file of weights. Raises AffectError where the package is not installed."""
    return packaged_file(PACKAGE, FILE, "dlib's weights")


def take_dlib_weights(network: keras.Model, file: Path) -> None:
    """
    Put dlib's weights into a face_resnet; its head keeps its own.

    file: the convolutions and scales (dlib's affine layers) stand in it one after the other.
    Raises AffectError where the network is another one, or the file does not exist or is not of
    this form.
    """
    if network.name != 'face_resnet':
        raise AffectError(f"dlib's weights are for a face_resnet, not for a {network.name}")
    if not file.is_file():
        raise AffectError(f'{file}: does not exist')
    content = file.read_bytes()
    arrays = iter([_numbers(content, found.end()) for found in _LAYER.finditer(content)])
    names = [layer.name for layer in network.layers
             if layer.name == 'stem' or re.fullmatch(r'level\d_\d_[ab]', layer.name)]
    for layer in map(network.get_layer, names):
        shape = layer.kernel.shape
        rows, columns, channels, filters = shape
        first = layer.name == 'stem'
        size = filters * (3 if first else channels) * rows * columns
        values, scales = next(arrays, None), next(arrays, None)
        if (values is None or scales is None or len(values) != size + filters
                or len(scales) != 2 * filters):
            raise AffectError(f'{file}: does not hold the weights of {layer.name}; it must be '
                              f'{FILE}')
        kernel = values[:size].reshape(filters, -1, rows, columns).transpose(2, 3, 1, 0)
        kernel = kernel * scales[:filters]
        bias = values[size:] * scales[:filters] + scales[filters:]
        if first:
            kernel, bias = _for_our_pixels(kernel, bias, channels)
        layer.set_weights([kernel, bias])


def _for_our_pixels(kernel: FloatArray, bias: FloatArray,
                    channels: int) -> tuple[FloatArray, FloatArray]:
    """Return the stem for pixels in [-1, 1], of one channel for grey."""
    offsets = (127.5 - np.array(MEANS, np.float32)) / np.float32(SPREAD)
    bias = bias + np.einsum('hwcf,c->f', kernel, offsets)
    kernel = kernel * np.float32(127.5 / SPREAD)
    return (kernel.sum(2, keepdims=True) if channels == 1 else kernel), bias


def _numbers(content: bytes, at: int) -> FloatArray:
    """Return a tensor of dlib's as a vector: four sizes, then the values."""
    total = 1
    for _ in range(4):
        width = content[at] & 0x0f
        total *= int.from_bytes(content[at + 1:at + 1 + width], 'little')
        at += 1 + width
    total = min(total, (len(content) - at) // 4)
    return np.frombuffer(content, '<f4', total, at)


def _block(x: keras.KerasTensor, width: int, *, halved: bool, name: str) -> keras.KerasTensor:
    y = layers.Conv2D(width, 3, strides=2 if halved else 1, padding='valid' if halved else 'same',
                      name=f'{name}_a')(x)
    y = layers.Activation('relu', name=f'{name}_a_relu')(y)
    y = layers.Conv2D(width, 3, padding='same', name=f'{name}_b')(y)
    if halved:
        x = layers.Conv2D(width, 2, strides=2, use_bias=False, name=f'{name}_shortcut',
                          kernel_initializer=MeanOfFour())(x)
        lacking = [more - less for more, less in zip(x.shape[1:3], y.shape[1:3])]
        if any(lacking):
            y = layers.ZeroPadding2D(tuple((0, each) for each in lacking), name=f'{name}_pad')(y)
    y = layers.Add(name=f'{name}_add')([x, y])
    return layers.Activation('relu', name=f'{name}_relu')(y)


@keras.saving.register_keras_serializable('face_affect')
class MeanOfFour(keras.initializers.Initializer):
    """A kernel (2, 2, C, F) that halves the picture and adds empty channels."""

    def __call__(self, shape: tuple[int, ...], dtype: str | None = None) -> Any:
        """Return the kernel."""
        kernel = np.zeros(shape, np.float32)
        for channel in range(shape[2]):
            kernel[:, :, channel, channel] = 0.25
        return keras.ops.convert_to_tensor(kernel, dtype)
