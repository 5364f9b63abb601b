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

"""The least that deserves the name of a convolutional network, for others to be held against."""

from face_affect_training.networks.head import close
from face_affect_training.networks.plain import penalty
import keras
from keras import layers


def baseline(*, input_shape: tuple[int, int, int], classes: int, dropout: float = 0.0,
             regularisation: float = 0.0) -> keras.Model:
    """
    Build one convolution and a softmax on its pooled features, 129,351 parameters.

    The paper's table names a baseline; the layers are our choice. dropout: share of features
    dropped before the classes. regularisation: factor of the L2 penalty on kernels. The count
    holds for (48, 48, 1) and seven classes.
    """
    inputs = keras.Input(input_shape, name='image')
    x = layers.Conv2D(32, 3, padding='same', kernel_regularizer=penalty(regularisation),
                      name='conv1')(inputs)
    x = layers.Activation('relu', name='conv1_relu')(x)
    x = layers.MaxPooling2D(2, name='pool1')(x)
    x = layers.Flatten(name='features')(x)
    if dropout > 0.0:
        x = layers.Dropout(dropout, name='dropout')(x)
    x = layers.Dense(classes, kernel_regularizer=penalty(regularisation), name='classes')(x)
    return close(inputs, x, 'baseline')
