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

"""Eight convolutions and two dense layers: deeper, and as plain as the five-layer CNN."""

from collections.abc import Sequence

from face_affect_training.networks.head import close
from face_affect_training.networks.plain import convolution, dense_layers
import keras
from keras import layers


def deeper_cnn(*, input_shape: tuple[int, int, int], classes: int, dropout: float = 0.25,
               regularisation: float = 0.0, filters: Sequence[int] = (32, 64, 128, 256),
               hidden: int = 256) -> keras.Model:
    """
    Build four blocks of two convolutions and pooling, and two dense layers; 1,766,439.

    The paper's table names a deeper CNN; the layers are our choice: VGG's blocks with batch norm.
    dropout: share of feature maps dropped after each block but the last, and of features before
    each dense layer. regularisation: factor of the L2 penalty on kernels. filters: of the blocks.
    hidden: features of the first dense layer. The count of parameters holds for (48, 48, 1) and
    seven classes.
    """
    inputs = keras.Input(input_shape, name='image')
    x = inputs
    for block, width in enumerate(filters, start=1):
        for index in (1, 2):
            x = convolution(x, width, f'conv{block}_{index}', regularisation)
        x = layers.MaxPooling2D(2, name=f'pool{block}')(x)
        if dropout > 0.0 and block < len(filters):
            x = layers.SpatialDropout2D(dropout, name=f'dropout{block}')(x)
    x = layers.Flatten(name='features')(x)
    return close(inputs, dense_layers(x, hidden, classes, dropout, regularisation), 'deeper_cnn')
