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
Fractional max-pooling (B. Graham, "Fractional Max-Pooling", 2014), on every backend of Keras.

Rows and columns are cut into overlapping regions of two and three pixels that are drawn anew at
each training step, so that a picture shrinks by less than two times, and never twice in the same
way. At inference the regions are fixed.
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

    Neighbouring regions share a row or column, and are spread evenly from a random start
    ("pseudo-random, overlapping"). All pictures of a batch share them.

    Args:
        ratio: above 1, at most 2.
        seed: of the draws; their state belongs to the model's variables, so that training resumes
            exactly.

    Raises:
        ValueError: any other ratio.
    """

    def __init__(self, ratio: float = 1.5, *, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        if not 1.0 < ratio <= 2.0:
            raise ValueError(f'ratio is {ratio}, it must be above 1 and at most 2')
        self.ratio, self.seed = float(ratio), seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the largest value of each region and channel, (N, H', W', C)."""
        for axis in (1, 2):
            inputs = self._pooled(inputs, axis, drawn=bool(training))
        return inputs

    def compute_output_shape(self, input_shape: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return (N, H', W', C)."""
        batch, height, width, channels = input_shape
        return batch, self._count(height), self._count(width), channels

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), 'ratio': self.ratio, 'seed': self.seed}

    def _count(self, size: int) -> int:
        return math.floor(size / self.ratio + 1e-9)

    def _pooled(self, inputs: Any, axis: int, *, drawn: bool) -> Any:
        """
        Return the maximum over regions along one axis.

        All regions are brought to the length of the longest, in which the last pixel is repeated.
        """
        size = inputs.shape[axis]
        count = self._count(size)
        steps = np.arange(count + 1, dtype=np.int32) * size
        longest = np.arange(-(-size // count) + 1, dtype=np.int32)
        if drawn:
            shift = keras.random.randint((), 0, count, dtype='int32', seed=self.seed_generator)
            bounds = ops.floor_divide(ops.add(steps, shift), count)
            last = ops.minimum(bounds[1:], size - 1)
            places = ops.ravel(ops.minimum(bounds[:-1, None] + longest, last[:, None]))
        else:   # numpy stays numpy: fixed indices become constants of the exported model
            bounds = (steps + count // 2) // count
            last = np.minimum(bounds[1:], size - 1)
            places = np.minimum(bounds[:-1, None] + longest, last[:, None]).ravel()
        return self.largest(ops.take(inputs, places, axis=axis), len(longest), axis)

    def largest(self, inputs: Any, length: int, axis: int) -> Any:
        """Return the largest of each `length` neighbours along axis 1 or 2 of (N, H, W, C)."""
        shape = list(inputs.shape)
        shape[axis:axis + 1] = [shape[axis] // length, length]
        return ops.max(ops.reshape(inputs, [-1, *shape[1:]]), axis=axis + 1)
