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
Read a network's file that is stored without the bytes that it shares with another file.

The graph of a model's gradients holds the weights of the model's file. It is stored as an .npz of
these arrays: `copies` (N, 3) int64, position, position in the other file, and length of each
shared piece, in the order of the positions; and `rest` (M,) uint8, the bytes between these pieces.
Back-propagation needs transposed 8-bit kernels: they are stored as the difference to those of
`turned` (K, 5) int64 and `factors` (F,) float32, see Turned.
"""

from collections.abc import Sequence
import math
from pathlib import Path
from typing import Any, NamedTuple
import zipfile
import zlib

from face_affect_ros.affect.model_store import MAX_NETWORK
from face_affect_ros.affect.types import AffectError
import numpy as np
import numpy.typing as npt

#: Shape after the first dimension, and dtype, of each array.
ARRAYS = {'copies': ((3,), 'int64'), 'rest': ((), 'uint8'), 'turned': ((5,), 'int64'),
          'factors': ((), 'float32')}
#: What numpy and zipfile raise for a damaged archive.
DAMAGED = (OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError, zlib.error,
           zipfile.BadZipFile)


class Turned(NamedTuple):
    """A kernel (I, P, O) int8 that is approximately the transpose of another one, (O, P, I)."""

    place: int   #: position of the kernel in its file
    start: int   #: position of the other kernel in the other file
    shape: tuple[int, int, int]   #: O, P, I, where P is the number of positions of a kernel
    #: (O,), of the outputs of the other kernel. The product with them is scaled so that the
    #: largest absolute value of each I is 127.
    factors: npt.NDArray[np.float32]

    def expected(self, source: npt.NDArray[np.uint8]) -> npt.NDArray[np.int8]:
        """Return the kernel as computed from the other file, (I, P, O) int8."""
        count = math.prod(self.shape)
        if not (min(self.place, self.start, *self.shape) >= 0
                and 0 < count <= len(source) - self.start
                and len(self.factors) == self.shape[0] and np.isfinite(self.factors).all()):
            raise ValueError('a kernel is outside of the file, or its factors are invalid')
        other = source[self.start:self.start + count].view(np.int8)
        scaled = other.reshape(self.shape).transpose(2, 1, 0) * self.factors.astype(np.float64)
        largest = np.abs(scaled).max(axis=(1, 2), keepdims=True)
        shares = np.divide(scaled, largest, out=np.zeros(scaled.shape), where=largest > 0.0)
        return np.asarray(np.rint(127.0 * shares), np.int8)


def moved(content: bytes, source: npt.NDArray[np.uint8], turned: Sequence[Turned],
          move: np.ufunc) -> bytes:
    """Return a content with the expected kernels added or subtracted, modulo 256."""
    result = np.frombuffer(content, np.uint8).copy()
    position = 0
    for each in turned:
        expected = each.expected(source).view(np.uint8).ravel()
        place = result[each.place:each.place + len(expected)]
        if each.place < position or len(place) != len(expected):
            raise ValueError('a kernel is outside of the file, or overlaps another')
        place[:] = move(place, expected)
        position = each.place + len(expected)
    return result.tobytes()


def read(path: Path, source: Path) -> bytes:
    """
    Return the content of a network that face_affect_training.saliency.weights has written.

    Args:
        path: Archive.
        source: The other file.

    Raises:
        AffectError: One of them cannot be read, or they do not match.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(each.file_size for each in archive.infolist()) > MAX_NETWORK:
                raise ValueError(f'it unpacks to more than {MAX_NETWORK} bytes')
        with np.load(path, allow_pickle=False) as parts:
            copies, rest, turned, factors = (
                _array(parts[name], shape, kind) for name, (shape, kind) in ARRAYS.items())
        ends = np.cumsum(turned[:, 2])
        if len(factors) != turned[:, 2].sum():
            raise ValueError('the number of factors does not match the kernels')
        other = np.frombuffer(source.read_bytes(), np.uint8)
        return moved(_joined(copies, rest, other), other, [
            Turned(place, start, (outputs, places, inputs), factors[end - outputs:end])
            for (place, start, outputs, places, inputs), end in zip(turned.tolist(), ends.tolist())
        ], np.add)
    except DAMAGED as error:
        raise AffectError(f'{path}: cannot be combined with {source.name}: {error}; export '
                          'the model again') from error


def _array(array: npt.NDArray[Any], shape: tuple[int, ...], kind: str) -> npt.NDArray[Any]:
    if array.shape[1:] != shape or array.ndim != 1 + len(shape) or array.dtype != kind:
        raise ValueError(f'an array is {array.shape} {array.dtype}, not {(..., *shape)} {kind}')
    return array


def _joined(copies: npt.NDArray[Any], rest: npt.NDArray[Any],
            source: npt.NDArray[np.uint8]) -> bytes:
    parts, position, used = [], 0, 0
    for place, start, length in copies.tolist():
        gap = place - position
        if not (0 <= gap <= len(rest) - used and 0 <= start < start + length <= len(source)):
            raise ValueError('a piece is outside of the file')
        parts += [rest[used:used + gap], source[start:start + length]]
        position, used = place + length, used + gap
        if position > MAX_NETWORK:
            raise ValueError(f'it has more than {MAX_NETWORK} bytes')
    return b''.join(part.tobytes() for part in (*parts, rest[used:]))
