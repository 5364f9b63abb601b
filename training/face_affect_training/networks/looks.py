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

"""A network that looks at each face several times: as it is, larger, and in the mirror."""

from collections.abc import Sequence
from typing import Any

from face_affect_training.networks.mirroring import AndMirrored, mirror_here
import keras
from keras import layers, ops


@keras.saving.register_keras_serializable('face_affect')
class Views(layers.Layer):
    """
    Views of images (N, S, S, C), one after the other: (V N, S, S, C).

    cuts: pixels that are cut off at each side for each view, which is enlarged to S again, 0 for
    the image as it is.
    """

    def __init__(self, cuts: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._cuts = tuple(cuts)

    def call(self, inputs: Any) -> Any:
        """Return the views."""
        size = inputs.shape[1]
        views = [inputs if cut == 0 else ops.image.resize(
            inputs[:, cut:size - cut, cut:size - cut], (size, size), data_format='channels_last')
                 for cut in self._cuts]
        return ops.concatenate(views, axis=0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape, whose first side is not known."""
        return (None, *input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """Return what from_config needs."""
        return {**super().get_config(), 'cuts': self._cuts}


@keras.saving.register_keras_serializable('face_affect')
class MeanOfViews(layers.Layer):
    """The mean of the answers (V N, K) about the views of images: (N, K)."""

    def __init__(self, views: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._views = views

    def call(self, inputs: Any) -> Any:
        """Return it."""
        return ops.mean(ops.reshape(inputs, (self._views, -1, inputs.shape[-1])), axis=0)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape, whose first side is not known."""
        return (None, *input_shape[1:])

    def get_config(self) -> dict[str, Any]:
        """Return what from_config needs."""
        return {**super().get_config(), 'views': self._views}


def cut_at(zooms: Sequence[float], size: int) -> list[int]:
    """Return the pixels to cut off at each side of (S, S) for zooms of 1 or more."""
    return [round(size * (1.0 - 1.0 / zoom) / 2.0) for zoom in zooms]


def with_looks(network: keras.Model, *, mirror: bool = False,
               zooms: Sequence[float] = (1.0,)) -> keras.Model:
    """
    Return a network, sharing the weights, whose answer is the mean of several of the given one.

    network: (N, S, S, C) to probabilities (N, K), or to a list of them. It is asked about each
    image at each zoom, 1 or more, to the nearest whole pixel, and with mirror about the mirror
    images of these, at so many times the price; what comes before the layer MirrorHere, where
    there is one, is asked about the images alone. With neither it is returned itself.
    """
    cuts = cut_at(zooms, network.input_shape[1])
    count = len(cuts) * (2 if mirror else 1)
    if not mirror and cuts == [0]:
        return network
    inputs = keras.Input(network.input_shape[1:], name='image')
    x = Views(cuts, name='views')(inputs)
    if mirror:
        pairs = 0
        if shared := mirror_here(network):
            x, pairs = keras.Model(network.input, shared.output)(x), shared.pairs
            network = keras.Model(shared.output, network.output, name=network.name)
        x = AndMirrored(pairs, name='and_mirrored')(x)
    found = network(x)
    answers = found if isinstance(found, list) else [found]
    means = [MeanOfViews(count, name=f'mean{index}')(each) for index, each in enumerate(answers)]
    return keras.Model(inputs, means if isinstance(found, list) else means[0], name=network.name)
