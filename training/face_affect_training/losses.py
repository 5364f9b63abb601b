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

"""Loss and accuracy of networks with several tasks, whose faces have the label of some only."""

from collections.abc import Iterator, Sequence
from typing import Any

import keras
from keras import ops


def loss_of(widths: Sequence[int]) -> keras.losses.Loss:
    """
    Return the cross-entropy between targets (N, K) and logits (N, K).

    widths: classes of each task, K in all. A face without a label of a task has zeros there.
    """
    if len(widths) == 1:
        return keras.losses.CategoricalCrossentropy(from_logits=True)
    return BlendedCrossentropy(widths)


def accuracy_of(widths: Sequence[int]) -> keras.metrics.Metric:
    """
    Return the share of labels, of all tasks, that are the most probable class of their task.

    widths: classes of each task, the first K columns of targets and logits.
    """
    return keras.metrics.MeanMetricWrapper(_Hits(widths), name='accuracy')


class BlendedCrossentropy(keras.losses.Loss):
    """The sum of the tasks' cross-entropies."""

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__(name='blended_crossentropy')
        self._widths = tuple(widths)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each face, (N,)."""
        total = 0.0
        for part in _parts(self._widths):
            total = total - ops.sum(y_true[:, part] * ops.log_softmax(y_pred[:, part]), axis=-1)
        return total


class _Hits:
    """Whether the labels of each face are found, (N,)."""

    def __init__(self, widths: Sequence[int]) -> None:
        self._widths = tuple(widths)

    def __call__(self, y_true: Any, y_pred: Any) -> Any:
        hits, labels = 0.0, 0.0
        for part in _parts(self._widths):
            present = ops.cast(ops.sum(y_true[:, part], axis=-1) > 0.0, 'float32')
            same = ops.equal(ops.argmax(y_true[:, part], -1), ops.argmax(y_pred[:, part], -1))
            hits = hits + present * ops.cast(same, 'float32')
            labels = labels + present
        return hits / ops.maximum(labels, 1.0)


def _parts(widths: Sequence[int]) -> Iterator[slice]:
    start = 0
    for width in widths:
        yield slice(start, start + width)
        start += width
