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
Pictures that excite a filter: gradient ascent on the input of a trained network.

Simonyan, Vedaldi and Zisserman 2014 climb the score of a class; Yosinski et al. 2015 any filter,
with decay and blur against the noise that excites a filter as well as a form does. A random shift
at each step asks for forms that need not lie on an exact pixel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
from face_affect_ros.affect.types import AffectError
import keras
from keras import ops
import numpy as np
import numpy.typing as npt

Pictures = npt.NDArray[np.float32]
Score = Callable[[Any], Any]


@dataclass(frozen=True)
class Climb:
    """
    How to climb. All lengths are shares of the input's range.

    rate: of a step. decay: share of the distance to grey that is lost at each step. blur: sigma
    in pixels, every blur_every steps. shift: largest random shift in pixels, either way.
    """

    steps: int = 120
    rate: float = 0.04
    decay: float = 0.01
    blur: float = 0.6
    blur_every: int = 4
    shift: int = 2
    seed: int = 0


CLIMB = Climb()


def ascend(network: keras.Model, layer: str, filters: list[int], *, low: float, high: float,
           climb: Climb = CLIMB) -> tuple[Pictures, list[float], list[float]]:
    """
    Return one picture for each filter, and its mean activation before and after.

    network: from pictures (N, S, S, C) to anything; batch norm and dropout as at inference.
    layer: one with a (N, H, W, F) output. filters: of 0 to F - 1. low, high: the input's range.
    The pictures are (len(filters), S, S, C). Raises AffectError for a layer or filter that is not
    there, and on a Keras backend without gradients.
    """
    activations = _activations(network, layer)
    depth = activations.output.shape[-1]
    if any(not 0 <= index < depth for index in filters):
        raise AffectError(f"layer '{layer}' has the filters 0 to {depth - 1}")
    chosen = ops.convert_to_tensor(np.eye(depth, dtype=np.float32)[filters])

    def each(images: Any) -> Any:
        means = ops.mean(ops.cast(activations(images, training=False), 'float32'), axis=(1, 2))
        return ops.sum(means * chosen, axis=1)

    random = np.random.Generator(np.random.Philox(key=[climb.seed, 0]))
    middle, span = (low + high) / 2.0, high - low
    shape = (len(filters), *network.input_shape[1:])
    images = (middle + 0.04 * span * random.standard_normal(shape)).astype(np.float32)
    before = _numbers(each(images))
    slope_at = slope_of(lambda pictures: ops.sum(each(pictures)))
    for step in range(climb.steps):
        dy, dx = random.integers(-climb.shift, climb.shift + 1, 2).tolist()
        moved = np.roll(images, (dy, dx), (1, 2))
        slope = np.roll(slope_at(moved), (-dy, -dx), (1, 2))
        slope = slope / np.maximum(slope.std(axis=(1, 2, 3), keepdims=True), 1e-12)
        images = middle + (1.0 - climb.decay) * (images - middle) + climb.rate * span * slope
        if climb.blur > 0.0 and (step + 1) % climb.blur_every == 0:
            images = _blurred(images, climb.blur)
        images = images.clip(low, high).astype(np.float32)
    return images, before, _numbers(each(images))


def slope_of(score: Score) -> Callable[[Pictures], Pictures]:
    """
    Return the gradient of a scalar score of pictures, on any Keras backend that has one.

    score: of backend tensors (N, S, S, C). Raises AffectError on a backend without gradients.
    """
    backend = keras.backend.backend()
    if backend not in SLOPES:
        raise AffectError(f"the Keras backend '{backend}' has no gradients; set KERAS_BACKEND to "
                          f"one of {', '.join(SLOPES)}")
    slope = SLOPES[backend](score)
    return lambda images: np.asarray(ops.convert_to_numpy(slope(images)), np.float32)


def _of_tensorflow(score: Score) -> Score:
    import tensorflow as tf

    def slope(images: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(images)
            value = score(images)
        return tape.gradient(value, images)
    # as a graph, what is not asked for, the gradients of the weights, is not computed
    graph = tf.function(slope)
    return lambda images: graph(tf.convert_to_tensor(images))


def _of_torch(score: Score) -> Score:
    import torch

    def slope(images: Any) -> Any:
        pictures = ops.convert_to_tensor(images).requires_grad_(True)
        return torch.autograd.grad(score(pictures), pictures)[0]
    return slope


def _of_jax(score: Score) -> Score:
    import jax
    slope: Score = jax.jit(jax.grad(score))
    return slope


SLOPES = {'tensorflow': _of_tensorflow, 'torch': _of_torch, 'jax': _of_jax}


def _activations(network: keras.Model, layer: str) -> keras.Model:
    """Return the network up to a layer."""
    maps = [entry.name for entry in network.layers if len(entry.output.shape) == 4]
    if layer not in maps:
        raise AffectError(f"{network.name} has no layer '{layer}' of feature maps; there are "
                          f"{', '.join(maps)}")
    return keras.Model(network.input, network.get_layer(layer).output)


def _blurred(images: Pictures, sigma: float) -> Pictures:
    return np.stack([cv2.GaussianBlur(image, (0, 0), sigma).reshape(image.shape)
                     for image in images])


def _numbers(values: Any) -> list[float]:
    return [round(float(value), 4) for value in ops.convert_to_numpy(values)]
