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
Filters that are each other's mirror images, so that an image and its mirror image share work.

What such filters find in the mirror image is the mirror image of what they found, with the two of
each pair exchanged (a group-equivariant convolution, Cohen and Welling 2016, for the group of the
mirror). The first P filters of a layer are the mirror images of the next P, in their order; each
of the others is its own.
"""

import itertools
from typing import Any

import keras
from keras import layers, ops
import numpy as np
import numpy.typing as npt

#: Pictures, and the seed that draws them, by which filters are paired.
PICTURES, SEED = 48, 0


@keras.saving.register_keras_serializable('face_affect')
class MirrorPairs(keras.constraints.Constraint):
    """
    Keeps a convolution's kernel (h, w, C, F), or a vector of batch norm (F,), as above.

    pairs: P, of the filters. inputs: pairs among the channels that come in.
    """

    def __init__(self, pairs: int, inputs: int = 0) -> None:
        self.pairs, self._inputs = pairs, inputs

    def __call__(self, w: Any) -> Any:
        """Return the nearest weights of this kind."""
        w = ops.convert_to_tensor(w)
        mirrored = w
        if len(w.shape) == 4:
            mirrored = _exchanged(ops.flip(w, axis=1), self._inputs, axis=2)
        return (w + _exchanged(mirrored, self.pairs)) / 2.0

    def get_config(self) -> dict[str, Any]:
        """Return what from_config needs."""
        return {'pairs': self.pairs, 'inputs': self._inputs}


@keras.saving.register_keras_serializable('face_affect')
class MirrorHere(layers.Layer):
    """Feature maps as they are, and the mark that they may be mirrored. pairs: among them."""

    def __init__(self, pairs: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.pairs = pairs

    def call(self, inputs: Any) -> Any:
        """Return the maps (N, H, W, C)."""
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Return what from_config needs."""
        return {**super().get_config(), 'pairs': self.pairs}


@keras.saving.register_keras_serializable('face_affect')
class AndMirrored(layers.Layer):
    """
    Feature maps (N, H, W, C), then those of the mirror images: (2 N, H, W, C).

    pairs: among the maps, 0 for an image.
    """

    def __init__(self, pairs: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._pairs = pairs

    def call(self, inputs: Any) -> Any:
        """Return both."""
        flipped = _exchanged(ops.flip(inputs, axis=2), self._pairs)
        return ops.concatenate([inputs, flipped], axis=0)

    def get_config(self) -> dict[str, Any]:
        """Return what from_config needs."""
        return {**super().get_config(), 'pairs': self._pairs}


def mirror_here(network: keras.Model) -> MirrorHere | None:
    """Return the layer behind which a network's filters are free, None where all are."""
    return next((layer for layer in network.layers if isinstance(layer, MirrorHere)), None)


def settle(network: keras.Model) -> None:
    """Let the filters of each pair share their batch statistics, which training does not tie."""
    for layer in network.layers:
        constraint = getattr(layer, 'gamma_constraint', None)
        if isinstance(constraint, MirrorPairs):
            for statistic in (layer.moving_mean, layer.moving_variance):
                statistic.assign(constraint(statistic.value))


def pair(network: keras.Model, other: keras.Model) -> None:
    """
    Put weights into a network with pairs, of one that differs from it in having none.

    network, other: of small_resnet. Filters of the other become pairs, or their own mirror images,
    as their answers to random pictures suggest, and lose what these lack for that. Raises
    ValueError where the rest of the two differs.
    """
    pictures = _pictures(network.input_shape[1:])
    views = pictures, np.ascontiguousarray(pictures[:, :, ::-1])

    def order(pairs: int, *names: str) -> npt.NDArray[np.int64]:
        tap = keras.Model(other.input, [other.get_layer(name).output for name in names])
        found, mirrored = ([np.asarray(maps) for maps in keras.tree.flatten(tap.predict(
            view, verbose=0))] for view in views)
        return _paired(np.concatenate(found), np.concatenate(mirrored)[:, :, ::-1], pairs)

    orders: dict[str, tuple[npt.NDArray[np.int64] | None, npt.NDArray[np.int64] | None]] = {}
    stream = None
    for number in itertools.count(1):
        first = network.get_layer(f'stage{number}')
        if first.kernel_constraint is None:
            orders[first.name] = (stream, None)
            break
        pairs = first.kernel_constraint.pairs
        blocks = [layer.name.removesuffix('_add') for layer in network.layers
                  if layer.name.startswith(f'{first.name}_') and layer.name.endswith('_add')]
        before = stream
        stream = order(pairs, f'{first.name}_relu', *(f'{block}_relu' for block in blocks))
        orders[first.name] = (before, stream)
        for block in blocks:
            middle = order(pairs, f'{block}_a_relu')
            orders |= {f'{block}_a': (stream, middle), f'{block}_b': (middle, stream)}
    for layer in network.layers:
        name = layer.name.removesuffix('_bn')
        if name not in orders and layer.weights:
            layer.set_weights(other.get_layer(layer.name).get_weights())
    for name, (incoming, outgoing) in orders.items():
        [kernel] = other.get_layer(name).get_weights()
        gamma, beta, mean, variance = other.get_layer(f'{name}_bn').get_weights()
        norm = network.get_layer(f'{name}_bn')
        if incoming is not None:
            kernel = kernel[:, :, incoming]
        if outgoing is not None:
            scale = gamma / np.sqrt(variance + norm.epsilon)   # what the filters are compared by
            mean, variance = mean * scale, variance * scale ** 2
            kernel, beta, mean, variance = (
                each[..., outgoing] for each in (kernel * scale, beta, mean, variance))
            wider = network.get_layer(name).kernel.shape[1] - kernel.shape[1]
            kernel = np.pad(kernel, ((0, 0), (wider, 0), (0, 0), (0, 0)))
            kernel = ops.convert_to_numpy(network.get_layer(name).kernel_constraint(kernel))
            beta, mean, variance = (ops.convert_to_numpy(norm.gamma_constraint(each))
                                    for each in (beta, mean, variance))
            gamma = np.sqrt(variance + norm.epsilon)
        network.get_layer(name).set_weights([kernel])
        norm.set_weights([gamma, beta, mean, variance])


def _pictures(shape: tuple[int, int, int]) -> npt.NDArray[np.float32]:
    """Return random pictures (N, S, S, C) of -1 to 1, about as smooth as photographs."""
    height, width, channels = shape
    random = np.random.default_rng(SEED)
    waves = np.fft.rfft2(random.normal(size=(PICTURES, channels, height, width)))
    lengths = np.hypot(np.fft.fftfreq(height)[:, np.newaxis], np.fft.rfftfreq(width))
    smooth = np.fft.irfft2(waves / np.maximum(lengths, 1.0 / width) ** 1.5, (height, width))
    smooth = smooth + 3.0 * smooth.mean(1, keepdims=True)   # mostly grey
    smooth -= smooth.mean((1, 2, 3), keepdims=True)
    smooth /= 2.0 * smooth.std((1, 2, 3), keepdims=True)
    return np.asarray(np.clip(smooth, -1.0, 1.0).transpose(0, 2, 3, 1), np.float32)


def _paired(found: npt.NDArray[np.float32], mirrored: npt.NDArray[np.float32],
            pairs: int) -> npt.NDArray[np.int64]:
    """
    Return filters in an order with pairs in their places.

    found, mirrored: answers (N, H, W, F), the latter to the mirror images and mirrored back.
    """
    count = found.shape[-1]
    together = np.concatenate([found.reshape(-1, count), mirrored.reshape(-1, count)], axis=1)
    deviations = together - together.mean(0)
    deviations /= np.maximum(np.linalg.norm(deviations, axis=0), 1e-9)   # a dead filter's is 0
    alike = deviations[:, :count].T @ deviations[:, count:]
    alike = alike + alike.T
    gain = alike - (np.diag(alike)[:, np.newaxis] + np.diag(alike)) / 2.0
    firsts: list[int] = []
    seconds: list[int] = []
    for place in np.argsort(-np.triu(gain, 1) + np.tril(np.full_like(gain, np.inf)), axis=None):
        first, second = divmod(int(place), count)
        if len(firsts) < pairs and not {first, second} & {*firsts, *seconds}:
            firsts.append(first)
            seconds.append(second)
    alone = [channel for channel in range(count) if channel not in {*firsts, *seconds}]
    return np.array([*firsts, *seconds, *alone])


def _exchanged(x: Any, pairs: int, axis: int = -1) -> Any:
    """Return x with the two of each pair exchanged: in parts, as TFLite gathers more slowly."""
    if pairs == 0:
        return x
    first, second, alone = ops.split(x, [pairs, 2 * pairs], axis=axis)
    return ops.concatenate([second, first, alone], axis=axis)
