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

"""A network that looks at each face and at its mirror image."""

import keras
from keras import ops


def with_mirror(network: keras.Model) -> keras.Model:
    """
    Return a network, sharing the weights, whose answer is the mean of those about both images.

    network: (N, S, S, C) to probabilities (N, K), or to a list of them; it is asked about twice as
    many images.
    """
    inputs = keras.Input(network.input_shape[1:], name='image')
    found = network(ops.concatenate([inputs, ops.flip(inputs, axis=2)], axis=0))
    means = [ops.mean(ops.reshape(each, (2, -1, each.shape[-1])), axis=0)
             for each in (found if isinstance(found, list) else [found])]
    return keras.Model(inputs, means if isinstance(found, list) else means[0], name=network.name)
