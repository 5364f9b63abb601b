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

"""Between float32 and the numbers in which a TFLite network takes and gives its tensors."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError, FloatArray
import numpy as np
import numpy.typing as npt

QUANTISED = (np.int8, np.uint8)


@dataclass(frozen=True)
class Port:
    """
    An input or output tensor of a network.

    index: as the runtime numbers it. dtype: float32, int8 or uint8. scale, zero_point: of the
    8-bit ones, real value = scale * (stored - zero_point) (Jacob et al. 2018); scale > 0.
    """

    index: int
    dtype: Any
    scale: float = 1.0
    zero_point: int = 0

    @classmethod
    def of(cls, detail: dict[str, Any], path: Path) -> 'Port':
        """
        Return the port that a runtime's tensor details describe.

        Raises AffectError, naming the file, for another number type, and for 8-bit integers
        without a usable scale and zero point.
        """
        where = f"{path}: the tensor '{detail['name']}'"
        index, dtype = int(detail['index']), detail['dtype']
        if dtype == np.float32:
            return cls(index, dtype)
        if dtype not in QUANTISED:
            raise AffectError(f'{where} is {np.dtype(dtype).name}; the inputs and outputs of a '
                              'network must be float32, int8 or uint8, export it again')
        facts = detail['quantization_parameters']
        if len(facts['scales']) != 1 or len(facts['zero_points']) != 1:
            raise AffectError(f"{where} is {np.dtype(dtype).name} with {len(facts['scales'])} "
                              'scales; it needs one scale and one zero point, export it again')
        scale, zero_point = float(facts['scales'][0]), int(facts['zero_points'][0])
        limits = np.iinfo(dtype)
        if not (0.0 < scale < np.inf and limits.min <= zero_point <= limits.max):
            raise AffectError(f'{where} has the scale {scale:g} and the zero point {zero_point}; '
                              f'the scale must be above 0, the zero point in [{limits.min}, '
                              f'{limits.max}], export it again')
        return cls(index, dtype, scale, zero_point)

    def encode(self, values: FloatArray) -> npt.NDArray[Any]:
        """Return values as the network takes them; what its numbers cannot hold is clipped."""
        if self.dtype == np.float32:
            return np.ascontiguousarray(values, np.float32)
        limits = np.iinfo(self.dtype)
        stored = np.rint(values * np.float32(1.0 / self.scale)) + np.float32(self.zero_point)
        clipped: npt.NDArray[Any] = np.clip(stored, limits.min, limits.max).astype(self.dtype)
        return clipped

    def encode_pixels(self, pixels: npt.NDArray[np.uint8], scale: float,
                      offset: float) -> npt.NDArray[Any]:
        """Return uint8 pixels, whose real values are pixel * scale + offset, for the network."""
        if (self.dtype, self.zero_point, offset) == (np.int8, -128, 0.0) and np.isclose(
                self.scale, scale, rtol=1e-4):
            return (pixels ^ np.uint8(128)).view(np.int8)   # pixel - 128, without the arithmetic
        return self.encode(pixels * np.float32(scale) + np.float32(offset))

    def decode(self, stored: npt.NDArray[Any]) -> FloatArray:
        """Return what the network gave, as float32."""
        if self.dtype == np.float32:
            return np.asarray(stored, np.float32)
        values = (stored.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)
        return np.asarray(values, np.float32)
