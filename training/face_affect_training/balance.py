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

"""Two classes that are found equally often."""

from face_affect_ros.affect.types import AffectError
import keras
import numpy as np
import numpy.typing as npt

#: Shifts are looked for in [-REACH, REACH].
REACH = 30.0


def balance(network: keras.Model, inputs: npt.NDArray[np.float32], labels: npt.NDArray[np.int64],
            *, mirror: bool, task: int = 0) -> float:
    """
    Shift a network's bias until both classes of a task have the same recall; return the shift.

    It is added to the logit of the second class. inputs: (N, S, S, C), as the network takes them.
    labels: (N,), both classes among them. mirror: the mean of the answers about each face and its
    mirror image counts. task: the output to balance. Raises AffectError for other than two
    classes.
    """
    widths = [shape[-1] for shape in (network.output_shape if isinstance(network.output, list)
                                      else [network.output_shape])]
    if widths[task] != 2:
        raise AffectError(f'balance: the task must have two classes, it has {widths[task]}')
    views = (inputs, inputs[:, :, ::-1]) if mirror else (inputs,)
    answers = [network.predict(each, batch_size=64, verbose=0) for each in views]
    shares = np.stack([np.asarray(each[task] if isinstance(each, list) else each, np.float64)
                       for each in answers])
    odds = np.log(np.maximum(shares[..., 1], 1e-12)) - np.log(np.maximum(shares[..., 0], 1e-12))

    turning = _turning_points(odds)
    order = np.argsort(turning)
    second = labels[order] == 1
    # after the first n turning points n faces have the second class
    lead = (np.cumsum(second) / second.sum()
            - 1.0 + np.cumsum(~second) / (~second).sum())[:-1]
    best = int(np.abs(lead).argmin())
    shift = float(turning[order[best:best + 2]].mean())   # far from any face's tie
    bias, place = _bias(network, widths, task)
    values = np.array(bias)
    values[place] += shift
    bias.assign(values)
    return shift


def _turning_points(odds: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return where each face gets the second class (N,), of the odds of its views (V, N)."""
    low, high = np.full(odds.shape[1], -REACH), np.full(odds.shape[1], REACH)
    for _ in range(40):
        middle = (low + high) / 2.0
        second = (1.0 / (1.0 + np.exp(-odds - middle))).mean(0) > 0.5
        low, high = np.where(second, low, middle), np.where(second, middle, high)
    return low


def _bias(network: keras.Model, widths: list[int], task: int) -> tuple[keras.Variable, int]:
    """Return the bias of the last layer, and where the second class of a task is in it."""
    bias = network.get_layer('classes').bias
    if bias.shape[0] == sum(widths):   # one layer for all tasks
        return bias, sum(widths[:task]) + 1
    own = f'_task{task + 1}' if task else ''
    return network.get_layer(f'classes{own}').bias, 1
