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

"""Run a TFLite network with the first runtime that is installed."""

from collections.abc import Iterator, Sequence
import contextlib
from dataclasses import dataclass
import importlib
import os
from pathlib import Path
import sys
import threading
from typing import Any

from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray
import numpy as np
import numpy.typing as npt

#: Tried in this order: current name of the runtime, its old name, the complete framework.
RUNTIMES = ('ai_edge_litert.interpreter', 'tflite_runtime.interpreter',
            'tensorflow.lite.python.interpreter')
#: Largest number of inputs of one run: the feature maps of more faces do not fit into the
#: processor's cache, and each number of faces needs an interpreter of its own.
BATCH_SIZE = 2
#: Sizes of the input for which an interpreter is kept.
KEPT_SIZES = 4
#: Bytes of all tensors that a file may declare; the largest of the package has 72 MB.
MAX_TENSORS = 200_000_000
#: What the runtime prints on stderr when it loads its first network.
DELEGATE_LINE = b'Created TensorFlow Lite XNNPACK delegate for CPU'
#: What the runtime and numpy raise for a file that is not a network or is damaged.
UNREADABLE = (ValueError, RuntimeError, LookupError, TypeError)
QUANTISED = (np.int8, np.uint8)
#: Held while stderr is replaced. Of two overlapping blocks, the one that ends last would leave the
#: replacement of the other in place, and all later output of the process would be lost.
STDERR = threading.Lock()


@contextlib.contextmanager
def stderr_without(text: bytes) -> Iterator[None]:
    """
    Drop the lines with this text from stderr in a with block; the others are written at its end.

    This affects the whole process, native code included, so the block should be short. On other
    systems than Linux nothing is dropped.
    """
    if sys.platform != 'linux':
        yield
        return
    with STDERR:
        try:
            stderr, kept = os.dup(2), os.memfd_create('stderr')
        except OSError:   # a process without stderr
            yield
            return
        os.dup2(kept, 2)
        try:
            yield
        finally:
            os.dup2(stderr, 2)
            os.lseek(kept, 0, os.SEEK_SET)
            with open(kept, 'rb') as file, contextlib.suppress(OSError):
                os.write(stderr, b''.join(line for line in file if text not in line))
            os.close(stderr)


@dataclass(frozen=True)
class Port:
    """
    An input or output tensor of a network: its number in the runtime, and float32, int8 or uint8.

    The value of 8-bit tensors is scale * (stored - zero_point), see Jacob et al. 2018.
    """

    index: int
    dtype: Any
    scale: float = 1.0
    zero_point: int = 0

    @classmethod
    def of(cls, detail: dict[str, Any], path: Path) -> 'Port':
        """
        Return the port that a runtime's tensor details describe.

        Raises:
            AffectError: The tensor has another number type, or 8-bit integers without one valid
                scale and zero point.
        """
        where = f"{path}: the tensor '{detail['name']}'"
        index, dtype = int(detail['index']), detail['dtype']
        if dtype == np.float32:
            return cls(index, dtype)
        if dtype not in QUANTISED:
            raise AffectError(f'{where} is {np.dtype(dtype).name}; the inputs and outputs of a '
                              'network must be float32, int8 or uint8, export it again')
        quantization = detail['quantization_parameters']
        scales, zero_points = quantization['scales'], quantization['zero_points']
        if len(scales) != 1 or len(zero_points) != 1:
            raise AffectError(f'{where} is {np.dtype(dtype).name} with {len(scales)} scales; it '
                              'needs one scale and one zero point, export it again')
        scale, zero_point = float(scales[0]), int(zero_points[0])
        limits = np.iinfo(dtype)
        if not (0.0 < scale < np.inf and limits.min <= zero_point <= limits.max):
            raise AffectError(f'{where} has the scale {scale:g} and the zero point {zero_point}; '
                              f'the scale must be above 0, the zero point in [{limits.min}, '
                              f'{limits.max}], export it again')
        return cls(index, dtype, scale, zero_point)

    def encode(self, values: FloatArray) -> npt.NDArray[Any]:
        """Return float32 values in the tensor's number type, clipped to its range."""
        if self.dtype == np.float32:
            return np.ascontiguousarray(values, np.float32)
        limits = np.iinfo(self.dtype)
        stored = np.rint(values * np.float32(1.0 / self.scale)) + np.float32(self.zero_point)
        clipped: npt.NDArray[Any] = np.clip(stored, limits.min, limits.max).astype(self.dtype)
        return clipped

    def encode_pixels(self, pixels: npt.NDArray[np.uint8], scale: float,
                      offset: float) -> npt.NDArray[Any]:
        """Return pixel * scale + offset of uint8 pixels in the tensor's number type."""
        if (self.dtype, self.zero_point, offset) == (np.int8, -128, 0.0) and np.isclose(
                self.scale, scale, rtol=1e-4):
            return (pixels ^ np.uint8(128)).view(np.int8)   # pixel - 128, without the arithmetic
        values = pixels.astype(np.float32)
        values *= scale
        values += offset
        return self.encode(values)

    def decode(self, stored: npt.NDArray[Any]) -> FloatArray:
        """Return stored values as float32."""
        if self.dtype == np.float32:
            return np.asarray(stored, np.float32)
        values = (stored.astype(np.float32) - np.float32(self.zero_point)) * np.float32(self.scale)
        return np.asarray(values, np.float32)


def load_runtime() -> Any:
    """Return the Interpreter class of the first runtime that imports; AffectError if none does."""
    reasons = []
    for name in RUNTIMES:
        try:
            return importlib.import_module(name).Interpreter
        except (ImportError, AttributeError) as error:
            if isinstance(error.__cause__, (KeyboardInterrupt, SystemExit)):
                raise error.__cause__ from None   # pybind11 replaces that of a signal handler
            reasons.append(f'{name}: {error}')
    raise AffectError('no TFLite runtime can be imported; install one: python3 -m pip install '
                      f"ai-edge-litert ({'; '.join(reasons)})")


class Network:
    """
    A TFLite network with one input; the first dimension of all its tensors is the batch.

    Height and width may be free as well. Inputs and outputs are float32: 8-bit tensors are
    converted by their scale and zero point.

    Attributes:
        input_shape: Shape of the input in the file.
        output_shapes: Shapes of the outputs in the file.

    Args:
        path: TFLite file.
        scale: The input is pixel * scale + offset, pixels 0 to 255.
        offset: See scale.
        num_threads: Number of threads of the runtime, >= 1.

    Raises:
        AffectError: The file is missing, damaged, or has more than one input.
    """

    def __init__(self, path: Path, *, scale: float = 1.0, offset: float = 0.0,
                 num_threads: int = 1) -> None:
        self._path = path
        self._scale, self._offset = scale, offset
        self._num_threads = num_threads
        self._by_shape: dict[tuple[int, ...], Any] = {}
        try:
            interpreter = open_interpreter(path, num_threads=num_threads, shape=(1,))
            details = interpreter.get_input_details()
            if len(details) != 1:
                raise AffectError(f'{path}: the network must have one input, '
                                  f'it has {len(details)}')
            self._input = Port.of(details[0], path)
            outputs = interpreter.get_output_details()
            self._outputs = [Port.of(each, path) for each in outputs]
            self.output_shapes = [tuple(each['shape'].tolist()) for each in outputs]
            self.input_shape = tuple(int(side) for side in details[0]['shape'])
            self._by_shape[self.input_shape] = interpreter
        except UNREADABLE as error:
            raise _unreadable(path, error) from error

    def __call__(self, batch: FloatArray | ImageArray) -> tuple[FloatArray, ...]:
        """
        Run the network.

        Args:
            batch: (N, ...) float32, or (N, H, W, C) uint8 pixels, which are scaled.

        Returns:
            Its outputs, each (N, ...) float32.

        Raises:
            AffectError: The runtime cannot run the network.
        """
        try:
            parts = [self._invoke(batch[start:start + BATCH_SIZE])
                     for start in range(0, max(len(batch), 1), BATCH_SIZE)]
        except UNREADABLE as error:
            raise _unreadable(self._path, error) from error
        return parts[0] if len(parts) == 1 else tuple(map(np.concatenate, zip(*parts)))

    def _invoke(self, batch: npt.NDArray[Any]) -> tuple[FloatArray, ...]:
        stored = (self._input.encode_pixels(batch, self._scale, self._offset)
                  if batch.dtype == np.uint8 else self._input.encode(batch))
        interpreter = self._by_shape.get(stored.shape)
        if interpreter is None:
            if len(self._by_shape) >= KEPT_SIZES:
                del self._by_shape[next(iter(self._by_shape))]
            interpreter = self._by_shape[stored.shape] = open_interpreter(
                self._path, num_threads=self._num_threads, shape=stored.shape)
        interpreter.set_tensor(self._input.index, stored)
        interpreter.invoke()
        return tuple(port.decode(interpreter.get_tensor(port.index)) for port in self._outputs)


def open_interpreter(path: Path, *, num_threads: int = 1, shape: Sequence[int] = (),
                     content: bytes | None = None) -> Any:
    """
    Return the runtime's interpreter of a TFLite file, its tensors allocated.

    Args:
        path: TFLite file.
        num_threads: Number of threads of the runtime, >= 1.
        shape: First dimensions of the first input; the others are the file's.
        content: Content of the network, if the file holds only a part of it.

    Raises:
        AffectError: The file is not a network, or its tensors need more than MAX_TENSORS bytes.
    """
    try:
        # LiteRT refuses a str that is not UTF-8.
        file = {'model_path': os.fsencode(path)} if content is None else {'model_content': content}
        runtime = load_runtime()
        with stderr_without(DELEGATE_LINE):
            interpreter = runtime(**file, num_threads=num_threads)
            _check_tensors(path, interpreter.get_tensor_details())
            if shape:
                detail = interpreter.get_input_details()[0]
                interpreter.resize_tensor_input(detail['index'],
                                                [*shape, *detail['shape'][len(shape):]])
            interpreter.allocate_tensors()
    except UNREADABLE as error:
        raise _unreadable(path, error) from error
    return interpreter


def _check_tensors(path: Path, details: list[Any]) -> None:
    """Raise AffectError for tensors that need too much memory, before they are allocated."""
    # The runtime allocates a tensor that it cannot describe, but does not list it.
    if [each['index'] for each in details] != list(range(len(details))):
        raise AffectError(f'{path}: not all of its tensors can be described; the file is damaged, '
                          'export or download it again')
    sizes = (np.prod(each['shape'], dtype=np.float64) * np.dtype(each['dtype']).itemsize
             for each in details)
    if sum(sizes) > MAX_TENSORS:
        raise AffectError(f'{path}: its tensors need more than {MAX_TENSORS / 1e6:.0f} MB; '
                          'choose a smaller network')


def _unreadable(path: Path, error: Exception) -> AffectError:
    return AffectError(f'{path}: not a TFLite network that this runtime can run: '
                       f'{first_line(error)}')


def first_line(error: Exception) -> str:
    """Return the first line of an error of the runtime."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
