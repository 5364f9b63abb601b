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

"""Find the kernels that the gradients of a TFLite file hold turned round."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from face_affect_ros.affect.interpreter import open_interpreter
from face_affect_ros.affect.shared_weights import Turned
import numpy as np
import numpy.typing as npt

#: Mean difference of two kernels of 8-bit integers up to which one is the other, turned round.
ALIKE = 4.0


def turned_kernels(content: bytes, source: bytes) -> list[Turned]:
    """
    Return the 8-bit kernels of a TFLite file that another one holds turned round.

    content, source: of the files. A transposed convolution has the kernel of its convolution with
    outputs and inputs exchanged, rounded for each input instead of for each output.
    """
    theirs = np.frombuffer(source, np.uint8)
    others = list(_kernels(source))
    found = []
    for kernel in _kernels(content):
        fits = [_fit(kernel, other, theirs) for other in others
                if other.values.shape == kernel.values.shape[::-1]]
        best = min(fits, key=lambda fit: fit[0], default=None)
        if best and best[0] < ALIKE:
            found.append(best[1])
    return sorted(found, key=lambda each: each.place)


@dataclass(frozen=True)
class _Kernel:
    """One of them: its place in the file, values (O, P, I) int8 and the scales (O,) of these."""

    place: int
    values: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float32]


def _fit(kernel: _Kernel, other: _Kernel,
         theirs: npt.NDArray[np.uint8]) -> tuple[float, Turned]:
    """
    Return how far a kernel is from another one, turned round, at the best factors of these.

    theirs: the bytes of the other's file.
    """
    wanted = (kernel.values * kernel.scales[:, np.newaxis, np.newaxis]).transpose(2, 1, 0)
    factors = (wanted * other.values).sum((1, 2)) / np.maximum(
        np.square(other.values.astype(np.float64)).sum((1, 2)), 1.0)
    outputs, places, inputs = other.values.shape
    turned = Turned(kernel.place, other.place, (outputs, places, inputs),
                    factors.astype(np.float32))
    difference = turned.expected(theirs).astype(np.int64) - kernel.values
    return float(np.abs(difference).mean()), turned


def _kernels(content: bytes) -> Iterator[_Kernel]:
    """Yield the kernels of 8-bit integers, each rounded for each of its outputs."""
    interpreter = open_interpreter(Path('network'), content=content)
    for detail in interpreter.get_tensor_details():
        scales = detail['quantization_parameters']['scales']
        shape = tuple(detail['shape'])
        if detail['dtype'] == np.int8 and len(shape) == 4 and len(scales) == shape[0] > 1:
            values = _constant(interpreter, detail['index'])
            place = content.find(values.tobytes()) if values is not None else -1
            if values is not None and place >= 0:
                yield _Kernel(place, values.reshape(shape[0], -1, shape[3]), scales)


def _constant(interpreter: Any, index: int) -> npt.NDArray[np.int8] | None:
    """Return a tensor, None where it has no content before the network is run."""
    try:
        return np.asarray(interpreter.get_tensor(index))
    except ValueError:
        return None
