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
REACH = 5.0


def balance(network: keras.Model, inputs: npt.NDArray[np.float32], labels: npt.NDArray[np.int64],
            *, mirror: bool) -> float:
    """
    Shift the bias of a network until both its classes have the same recall; return the shift.

    It is added to the logit of the second class, in the layer 'classes'. inputs: (N, S, S, C), as
    the network takes them. labels: (N,), both classes among them. mirror: the mean of the answers
    about each face and its mirror image counts. Raises AffectError for other than two classes.
    """
    if isinstance(network.output, list) or network.output_shape[-1] != 2:
        raise AffectError('balance: the network must have one task of two classes')
    views = (inputs, inputs[:, :, ::-1]) if mirror else (inputs,)
    shares = np.stack([np.asarray(network.predict(each, batch_size=64, verbose=0), np.float64)
                       for each in views])
    odds = np.log(np.maximum(shares[..., 1], 1e-12)) - np.log(np.maximum(shares[..., 0], 1e-12))

    def lead(shift: float) -> float:
        """Return by how much the recall of the second class is the larger one."""
        second = (1.0 / (1.0 + np.exp(-odds - shift))).mean(0) > 0.5
        return float(second[labels == 1].mean() - (~second[labels == 0]).mean())

    low, high = -REACH, REACH
    for _ in range(40):
        middle = (low + high) / 2.0
        low, high = (low, middle) if lead(middle) > 0.0 else (middle, high)
    bias = network.get_layer('classes').bias
    bias.assign(np.asarray(bias) + np.array([0.0, low], np.float32))
    return low
