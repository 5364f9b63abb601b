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

"""A network that looks at each face twice: as it is, and in the mirror."""

from typing import Any

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable('face_affect')
class WithMirrorImages(layers.Layer):
    """Images (N, S, S, C), followed by their mirror images: (2 N, S, S, C)."""

    def call(self, inputs: Any) -> Any:
        """Return both."""
        return ops.concatenate([inputs, ops.flip(inputs, axis=2)], axis=0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape, whose first side is not known."""
        return (None, *input_shape[1:])


@keras.saving.register_keras_serializable('face_affect')
class MeanOfBoth(layers.Layer):
    """The mean of the answers (2 N, K) about images and mirror images: (N, K)."""

    def call(self, inputs: Any) -> Any:
        """Return it."""
        return ops.mean(ops.reshape(inputs, (2, -1, inputs.shape[-1])), axis=0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape, whose first side is not known."""
        return (None, *input_shape[1:])


def double_look(network: keras.Model) -> keras.Model:
    """
    Return a network, sharing the weights, whose answer is the mean of two of the given one.

    network: (N, S, S, C) to probabilities (N, K), or to a list of them. It is asked about each
    image and about its mirror image, at twice the price.
    """
    inputs = keras.Input(network.input_shape[1:], name='image')
    both = network(WithMirrorImages(name='with_mirror_images')(inputs))
    answers = both if isinstance(both, list) else [both]
    means = [MeanOfBoth(name=f'mean{index}')(each) for index, each in enumerate(answers)]
    return keras.Model(inputs, means if isinstance(both, list) else means[0], name=network.name)
