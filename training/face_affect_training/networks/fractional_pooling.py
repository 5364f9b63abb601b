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

Rows and columns are cut into regions of one and two pixels that are drawn anew at each training
step, so that a picture shrinks by less than two times, and never twice in the same way. At
inference the regions are fixed.
"""

import math
from typing import Any

import keras
from keras import layers, ops
import numpy as np
import numpy.typing as npt

REGIONS = ('pseudo_random', 'random')
Bounds = npt.NDArray[np.int32]


@keras.saving.register_keras_serializable(package='face_affect')
class FractionalMaxPooling2D(layers.Layer):
    """
    Max-pooling of (N, H, W, C) to (N, floor(H / ratio), floor(W / ratio), C).

    ratio: above 1, at most 2. overlapping: let neighbouring regions share a row or column.
    regions: how they are drawn in training, 'pseudo_random' (evenly spread, from a random start)
    or 'random' (their sizes in random order). All pictures of a batch share them. seed: of the
    draws; their state belongs to the model's variables, so that training resumes exactly. Raises
    ValueError for any other value.
    """

    def __init__(self, ratio: float = 1.5, *, overlapping: bool = True,
                 regions: str = 'pseudo_random', seed: int | None = None,
                 **options: Any) -> None:
        super().__init__(**options)
        if not 1.0 < ratio <= 2.0:
            raise ValueError(f'ratio is {ratio}, it must be above 1 and at most 2')
        if regions not in REGIONS:
            raise ValueError(f"regions is '{regions}', it must be one of {', '.join(REGIONS)}")
        self.ratio, self.overlapping, self.regions = float(ratio), overlapping, regions
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        """Return the largest value of each region and channel, (N, H', W', C)."""
        for axis in (1, 2):
            size = inputs.shape[axis]
            bounds = self._drawn(size) if training else regular_bounds(size, self._count(size))
            inputs = self._pooled(inputs, bounds, axis)
        return inputs

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Return (N, H', W', C). Raises ValueError where H or W is not known or below 2."""
        batch, height, width, channels = input_shape
        return batch, self._count(height), self._count(width), channels

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {**super().get_config(), 'ratio': self.ratio, 'overlapping': self.overlapping,
                'regions': self.regions, 'seed': self.seed}

    def _count(self, size: int | None) -> int:
        if size is None or size < 2:
            raise ValueError(f'{self.name}: the input is {size} pixels high or wide; at least 2 '
                             'are needed')
        return math.floor(size / self.ratio + 1e-9)

    def _drawn(self, size: int) -> Any:
        """Return random bounds of the regions, (H' + 1,) int32, first 0, last the size."""
        count = self._count(size)
        if self.regions == 'pseudo_random':
            shift = keras.random.randint((), 0, count, dtype='int32', seed=self.seed_generator)
            return ops.floor_divide(ops.add(np.arange(count + 1, dtype=np.int32) * size, shift),
                                    count)
        order = ops.argsort(keras.random.uniform((count,), dtype='float32',
                                                 seed=self.seed_generator))
        larger = ops.cast(ops.less(order, size % count), 'int32')
        return ops.pad(ops.cumsum(ops.add(larger, size // count)), [[1, 0]])

    def _pooled(self, inputs: Any, bounds: Any, axis: int) -> Any:
        """
        Return the maximum over regions along one axis.

        All regions are brought to the length of the longest, in which the last pixel is repeated.
        """
        size = inputs.shape[axis]
        count = self._count(size)
        longest = -(-size // count) + int(self.overlapping)
        steps = np.arange(longest, dtype=np.int32)
        # numpy stays numpy: fixed indices become constants of the exported model
        smaller, flat = ((np.minimum, np.ravel) if isinstance(bounds, np.ndarray)
                         else (ops.minimum, ops.ravel))
        last = smaller(bounds[1:], size - 1) if self.overlapping else bounds[1:] - 1
        places = flat(smaller(bounds[:-1, None] + steps, last[:, None]))
        return self.largest(ops.take(inputs, places, axis=axis), longest, axis)

    def largest(self, inputs: Any, length: int, axis: int) -> Any:
        """Return the largest of each `length` neighbours along axis 1 or 2 of (N, H, W, C)."""
        shape = list(inputs.shape)
        shape[axis:axis + 1] = [shape[axis] // length, length]
        return ops.max(ops.reshape(inputs, [-1, *shape[1:]]), axis=axis + 1)


def regular_bounds(size: int, count: int) -> Bounds:
    """Return the bounds of evenly spread regions, (count + 1,) int32, from 0 to the size."""
    return (np.arange(count + 1, dtype=np.int32) * size + count // 2) // count
