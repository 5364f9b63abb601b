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

"""The sequential fully convolutional network of Arriaga et al. 2017 (section III)."""

from face_affect_training.networks.head import close
import keras
from keras import layers


def sequential_fully_cnn(*, input_shape: tuple[int, int, int], classes: int,
                         dropout: float = 0.2) -> keras.Model:
    """
    Build nine convolutions with batch norm and ReLU, then global average pooling; 591,783.

    dropout: share of the feature maps that is dropped after each pooling. No dense layer.
    """
    inputs = keras.Input(input_shape, name='image')
    x = inputs
    for index, filters in enumerate((32, 32, 64, 64, 128, 128, 128, 128), start=1):
        x = layers.Conv2D(filters, 3, padding='same', use_bias=False, name=f'conv{index}')(x)
        x = layers.BatchNormalization(name=f'conv{index}_bn')(x)
        x = layers.Activation('relu', name=f'conv{index}_relu')(x)
        if index in (2, 4, 6):
            x = layers.MaxPooling2D(2, name=f'pool{index}')(x)
        if index % 2 == 0 and dropout > 0.0:
            x = layers.SpatialDropout2D(dropout, name=f'dropout{index}')(x)
    x = layers.Conv2D(classes, 3, padding='same', name='classes')(x)
    x = layers.GlobalAveragePooling2D(name='average')(x)
    return close(inputs, x, 'sequential_fully_cnn')
