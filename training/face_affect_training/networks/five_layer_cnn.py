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
Three convolutions and two dense layers, with usual and with fractional max-pooling.

The paper's table names a five-layer CNN and the same with fractional max-pooling. Number and
width of the layers, batch norm and the ratio are our choice.
"""

from collections.abc import Callable, Sequence

from face_affect_training.networks.fractional_pooling import FractionalMaxPooling2D
from face_affect_training.networks.head import close
from face_affect_training.networks.plain import convolution, dense_layers
import keras
from keras import layers

FILTERS = (32, 64, 128)


def five_layer_cnn(*, input_shape: tuple[int, int, int], classes: int, dropout: float = 0.25,
                   regularisation: float = 0.0, filters: Sequence[int] = FILTERS,
                   hidden: int = 128) -> keras.Model:
    """
    Build convolutions, each with 2x2 pooling, and two dense layers; 684,199 parameters.

    dropout: share of features dropped before each dense layer. regularisation: factor of the L2
    penalty on kernels. filters: of the convolutions. hidden: features of the first dense layer.
    The count holds for (48, 48, 1) and seven classes, and so do 22.5 million
    multiply-accumulates.
    """
    def pool(name: str) -> layers.Layer:
        return layers.MaxPooling2D(2, name=name)

    return _build('five_layer_cnn', pool, input_shape=input_shape, classes=classes,
                  dropout=dropout, regularisation=regularisation, filters=filters, hidden=hidden)


def five_layer_cnn_fractional(*, input_shape: tuple[int, int, int], classes: int,
                              dropout: float = 0.25, regularisation: float = 0.0,
                              filters: Sequence[int] = FILTERS, hidden: int = 128,
                              ratio: float = 1.6, overlapping: bool = True,
                              regions: str = 'pseudo_random') -> keras.Model:
    """
    Build five_layer_cnn with fractional max-pooling; 2,076,839 parameters.

    ratio, overlapping, regions: see FractionalMaxPooling2D. The other options are those of
    five_layer_cnn. The count holds for (48, 48, 1) and seven classes. A ratio of 1.6 then leaves
    11 x 11 pixels where pooling by two leaves 6 x 6, and a larger dense layer on them.
    """
    def pool(name: str) -> layers.Layer:
        return FractionalMaxPooling2D(ratio, overlapping=overlapping, regions=regions, name=name)

    return _build('five_layer_cnn_fractional', pool, input_shape=input_shape, classes=classes,
                  dropout=dropout, regularisation=regularisation, filters=filters, hidden=hidden)


def _build(name: str, pool: Callable[[str], layers.Layer], *, input_shape: tuple[int, int, int],
           classes: int, dropout: float, regularisation: float, filters: Sequence[int],
           hidden: int) -> keras.Model:
    inputs = keras.Input(input_shape, name='image')
    x = inputs
    for index, width in enumerate(filters, start=1):
        x = convolution(x, width, f'conv{index}', regularisation)
        x = pool(f'pool{index}')(x)
    x = layers.Flatten(name='features')(x)
    return close(inputs, dense_layers(x, hidden, classes, dropout, regularisation), name)
