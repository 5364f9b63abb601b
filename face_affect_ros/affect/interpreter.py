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

"""Run a TFLite network with whichever runtime is installed."""

from collections.abc import Sequence
from dataclasses import dataclass
import importlib
from pathlib import Path
from typing import Any

from face_affect_ros.affect.stderr_lines import stderr_without
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray
import numpy as np
import numpy.typing as npt

#: Tried in this order: today's name of the runtime, its old name, the whole framework.
RUNTIMES = ('ai_edge_litert.interpreter', 'tflite_runtime.interpreter',
            'tensorflow.lite.python.interpreter')
#: Faces that a network is asked about at a time, unless it is told otherwise: the feature maps of
#: more leave the processor's cache, and each number of faces needs an interpreter of its own.
BATCH_SIZE = 2
#: Sizes of the input for which an interpreter is kept.
KEPT_SIZES = 4
#: Bytes of all tensors that a file declares. The largest of ours has 72 MB, weights included.
MAX_TENSORS = 200_000_000
#: What the runtime says on stderr when it loads its first network, which tells users nothing.
DELEGATE_LINE = b'Created TensorFlow Lite XNNPACK delegate for CPU'
#: What the runtime and numpy raise of a file that is no network, or was tampered with.
UNREADABLE = (ValueError, RuntimeError, LookupError, TypeError)
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
        quantization = detail['quantization_parameters']
        if len(quantization['scales']) != 1 or len(quantization['zero_points']) != 1:
            count = len(quantization['scales'])
            raise AffectError(f'{where} is {np.dtype(dtype).name} with {count} '
                              'scales; it needs one scale and one zero point, export it again')
        scale, zero_point = float(quantization['scales'][0]), int(quantization['zero_points'][0])
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


def load_runtime() -> Any:
    """Return the Interpreter class of the first runtime that imports; AffectError if none."""
    reasons = []
    for name in RUNTIMES:
        try:
            return importlib.import_module(name).Interpreter
        except (ImportError, AttributeError) as error:
            reasons.append(f'{name}: {error}')
    raise AffectError('no TFLite runtime imports; install one: python3 -m pip install '
                      f"ai-edge-litert ({'; '.join(reasons)})")


class Network:
    """
    A TFLite network with one input; the first dimension of all its tensors is the batch.

    Height and width may be free as well. Callers see float32 only: tensors of 8-bit integers are
    translated by their scale and zero point.
    """

    def __init__(self, path: Path, *, num_threads: int = 1, batch_size: int = BATCH_SIZE) -> None:
        """
        Load a network; AffectError where the file is missing or no network for this class.

        batch_size: largest number of inputs of one run.
        """
        self._path = path
        self._num_threads = num_threads
        self._batch_size = batch_size
        self._by_shape: dict[tuple[int, ...], Any] = {}
        try:
            interpreter = open_interpreter(path, num_threads=num_threads, shape=(1,))
            details = interpreter.get_input_details()
            if len(details) != 1:
                raise AffectError(f'{path}: a network has one input, this one has {len(details)}')
            self._input = Port.of(details[0], path)
            outputs = interpreter.get_output_details()
            self._outputs = [Port.of(each, path) for each in outputs]
            self.output_shapes = [tuple(each['shape'].tolist()) for each in outputs]
            self.input_shape = tuple(int(side) for side in details[0]['shape'])
            self._by_shape[self.input_shape] = interpreter
        except UNREADABLE as error:
            raise _unreadable(path, error) from error

    def __call__(self, batch: FloatArray) -> tuple[FloatArray, ...]:
        """
        Run the network on (N, ...) float32; return its outputs, each (N, ...) float32.

        AffectError where the runtime cannot, which only a run can show.
        """
        try:
            parts = [self._run(batch[start:start + self._batch_size])
                     for start in range(0, max(len(batch), 1), self._batch_size)]
        except UNREADABLE as error:
            raise _unreadable(self._path, error) from error
        return parts[0] if len(parts) == 1 else tuple(map(np.concatenate, zip(*parts)))

    def run_pixels(self, images: ImageArray, scale: float,
                   offset: float) -> tuple[FloatArray, ...]:
        """
        Run the network on (1, H, W, C) uint8 pixels, whose real values are pixel * scale + offset.

        Returns its outputs as a call does. AffectError where the runtime cannot.
        """
        try:
            return self._invoke(self._input.encode_pixels(images, scale, offset))
        except UNREADABLE as error:
            raise _unreadable(self._path, error) from error

    def _run(self, batch: FloatArray) -> tuple[FloatArray, ...]:
        return self._invoke(self._input.encode(batch))

    def _invoke(self, stored: Any) -> tuple[FloatArray, ...]:
        interpreter = self._sized(stored.shape)
        interpreter.set_tensor(self._input.index, stored)
        interpreter.invoke()
        return tuple(port.decode(interpreter.get_tensor(port.index)) for port in self._outputs)

    def _sized(self, shape: tuple[int, ...]) -> Any:
        if shape not in self._by_shape:
            if len(self._by_shape) >= KEPT_SIZES:
                del self._by_shape[next(iter(self._by_shape))]
            self._by_shape[shape] = open_interpreter(self._path, num_threads=self._num_threads,
                                                     shape=shape)
        return self._by_shape[shape]


def open_interpreter(path: Path, *, num_threads: int = 1, shape: Sequence[int] = (),
                     content: bytes | None = None) -> Any:
    """
    Return the runtime's interpreter of a TFLite file, its tensors allocated.

    shape: first dimensions of the first input; the others stay the file's own. content: what
    stands for the file, for one that is no network by itself. Raises AffectError where the file
    is no network, or one whose tensors would eat the memory.
    """
    try:
        file = {'model_path': str(path)} if content is None else {'model_content': content}
        runtime = load_runtime()
        with stderr_without(DELEGATE_LINE):
            interpreter = runtime(**file, num_threads=num_threads)
            _check_tensors(path, interpreter.get_tensor_details())
            detail = interpreter.get_input_details()[0] if shape else None
            if detail is not None and tuple(detail['shape'][:len(shape)]) != tuple(shape):
                interpreter.resize_tensor_input(detail['index'],
                                                [*shape, *detail['shape'][len(shape):]])
            interpreter.allocate_tensors()
    except UNREADABLE as error:
        raise _unreadable(path, error) from error
    return interpreter


def _check_tensors(path: Path, details: list[Any]) -> None:
    """Refuse a file whose tensors would eat the memory, before they are allocated."""
    # The runtime leaves out of its list a tensor that it cannot describe, and allocates it.
    if [each['index'] for each in details] != list(range(len(details))):
        raise AffectError(f'{path}: not all of its tensors can be described; the file is damaged, '
                          'export or download it again')
    sizes = (np.prod(each['shape'], dtype=np.float64) * np.dtype(each['dtype']).itemsize
             for each in details)
    if sum(sizes) > MAX_TENSORS:
        raise AffectError(f'{path}: its tensors need more than {MAX_TENSORS / 1e6:.0f} MB; it is '
                          'no network for a robot')


def _unreadable(path: Path, error: Exception) -> AffectError:
    return AffectError(f'{path}: not a TFLite network that this runtime can run: '
                       f'{first_line(error)}')


def first_line(error: Exception) -> str:
    """Return the first line of an error of the runtime."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
