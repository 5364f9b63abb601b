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
Fractional max-pooling (B. Graham, "Fractional Max-Pooling", 2014).

Rows and columns are divided into overlapping regions of two or three pixels, at random in each
training step. At inference, the regions are fixed.
"""

import math
from typing import Any

import keras
from keras import layers, ops
import numpy as np


@keras.saving.register_keras_serializable(package='face_affect')
class FractionalMaxPooling2D(layers.Layer):
    """
    Max-pooling of (N, H, W, C) to (N, floor(H / ratio), floor(W / ratio), C).

    Neighbouring regions share a row or column and are evenly spaced from a random offset
    ("pseudo-random, overlapping"), the same for all images of a batch. The state of the random
    numbers is a variable of the model, so training resumes exactly.

    Args:
        ratio: above 1, at most 2.
    """

    def __init__(self, ratio: float, **options: Any) -> None:
        super().__init__(**options)
        self.ratio = float(ratio)
        self.seed_generator = keras.random.SeedGenerator()

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the maximum of each region and channel, (N, H', W', C)."""
        for axis in (1, 2):
            inputs = self._pooled(inputs, axis, drawn=bool(training))
        return inputs

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return (N, H', W', C)."""
        batch, height, width, channels = input_shape
        return batch, self._count(height), self._count(width), channels

    def get_config(self) -> dict[str, Any]:
        """Return the arguments of the constructor."""
        return {**super().get_config(), 'ratio': self.ratio}

    def _count(self, size: int) -> int:
        return math.floor(size / self.ratio + 1e-9)

    def _pooled(self, inputs: Any, axis: int, *, drawn: bool) -> Any:
        """Return the maximum over regions, padded to equal lengths by their last pixel."""
        size = inputs.shape[axis]
        count = self._count(size)
        steps = np.arange(count + 1, dtype=np.int32) * size
        longest = np.arange(-(-size // count) + 1, dtype=np.int32)
        if drawn:
            shift = keras.random.randint((), 0, count, dtype='int32', seed=self.seed_generator)
            bounds = ops.floor_divide(ops.add(steps, shift), count)
            last = ops.minimum(bounds[1:], size - 1)
            places = ops.ravel(ops.minimum(bounds[:-1, None] + longest, last[:, None]))
        else:   # NumPy arrays become constants of the exported model
            bounds = (steps + count // 2) // count
            last = np.minimum(bounds[1:], size - 1)
            places = np.minimum(bounds[:-1, None] + longest, last[:, None]).ravel()
        return self.largest(ops.take(inputs, places, axis=axis), len(longest), axis)

    def largest(self, inputs: Any, length: int, axis: int) -> Any:
        """Return the maximum of each `length` neighbours along axis 1 or 2 of (N, H, W, C)."""
        shape = list(inputs.shape)
        shape[axis:axis + 1] = [shape[axis] // length, length]
        return ops.max(ops.reshape(inputs, [-1, *shape[1:]]), axis=axis + 1)
