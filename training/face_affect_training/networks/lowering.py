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
Networks with faster layers for training with PyTorch.

The weights and their order are the same. Checkpoints contain the original network.
"""

import keras
from keras import layers


def lowered(network: keras.Model) -> keras.Model:
    """
    Return a copy of a network with faster layers; on other backends, the network itself.

    The layers that are replaced must have channels last, no dilation and no groups.
    """
    if keras.backend.backend() != 'torch':
        return network
    from face_affect_training.networks.torch_layers import SWAPS

    def clone(layer: layers.Layer) -> layers.Layer:
        return SWAPS.get(type(layer), type(layer)).from_config(layer.get_config())

    copy = keras.models.clone_model(network, clone_function=clone)
    copy.set_weights(network.get_weights())
    return copy
