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

"""A residual network for small faces: too large for the robot, good as a teacher."""

from face_affect_training.networks.head import close
import keras
from keras import layers


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
            x = _block(x, width * 2 ** stage, stride, f'stage{stage}_{block}')
    x = layers.BatchNormalization(name='last_bn')(x)
    x = layers.Activation('relu', name='last_relu')(x)
    x = layers.GlobalAveragePooling2D(name='average')(x)
    if dropout > 0.0:
        x = layers.Dropout(dropout, name='dropout')(x)
    return close(inputs, layers.Dense(classes, name='classes')(x), 'residual_cnn')


def _block(x: keras.KerasTensor, filters: int, stride: int, name: str) -> keras.KerasTensor:
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
