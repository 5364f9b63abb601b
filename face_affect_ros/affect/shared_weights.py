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
A network's file without what it shares with another one.

The gradients of a model hold its weights, which stand in the model's own file as well. They are
stored as an .npz of two arrays: `copies` (N, 3) int64, where a piece goes, where it begins in the
other file, and its length, in the order of the first; and `rest` (M,) uint8, what lies between
these pieces.
"""

from pathlib import Path
from typing import Any
import zipfile
import zlib

from face_affect_ros.affect.model_files import MAX_NETWORK
from face_affect_ros.affect.types import AffectError
import numpy as np
import numpy.typing as npt

#: Pieces are found by blocks of this many bytes that begin at a multiple of STEP in the other
#: file; weights are aligned to 16 bytes in TFLite files.
BLOCK, STEP = 64, 16
#: What is raised of an archive that is none, or was damaged.
DAMAGED = (OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError, zlib.error,
           zipfile.BadZipFile)


def write(path: Path, content: bytes, source: bytes) -> None:
    """Write a network's content without what source has."""
    places: dict[bytes, int] = {}
    for start in range(0, len(source) - BLOCK + 1, STEP):
        places.setdefault(source[start:start + BLOCK], start)
    copies, rest, position, kept = [], bytearray(), 0, 0
    while position <= len(content) - BLOCK:
        found = places.get(content[position:position + BLOCK])
        if found is None:
            position += 1
            continue
        length = _common(content, position, source, found)
        rest += content[kept:position]
        copies.append((position, found, length))
        position = kept = position + length
    rest += content[kept:]
    with path.open('wb') as file:
        np.savez_compressed(file, copies=np.array(copies, np.int64).reshape(-1, 3),
                            rest=np.frombuffer(bytes(rest), np.uint8))


def _common(content: bytes, position: int, source: bytes, start: int) -> int:
    """Return how many bytes agree from these places on."""
    length = min(len(content) - position, len(source) - start)
    ours = np.frombuffer(content, np.uint8, length, position)
    theirs = np.frombuffer(source, np.uint8, length, start)
    other = np.flatnonzero(ours != theirs)
    return int(other[0]) if len(other) else length


def read(path: Path, source: Path) -> bytes:
    """
    Return the whole content of a network that write has written.

    source: the other file. Raises AffectError where one of them cannot be read, or where they do
    not belong together.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(each.file_size for each in archive.infolist()) > MAX_NETWORK:
                raise ValueError(f'it unpacks to more than {MAX_NETWORK} bytes')
        with np.load(path, allow_pickle=False) as parts:
            copies, rest = parts['copies'], parts['rest']
        return _joined(copies, rest, np.frombuffer(source.read_bytes(), np.uint8))
    except DAMAGED as error:
        raise AffectError(f'{path}: cannot be put together with {source.name}: {error}; export '
                          'the model again') from error


def _joined(copies: npt.NDArray[Any], rest: npt.NDArray[Any],
            source: npt.NDArray[np.uint8]) -> bytes:
    kinds = [(each.ndim, each.dtype.name) for each in (copies, rest)]
    if kinds != [(2, 'int64'), (1, 'uint8')]:
        raise ValueError('its arrays are not copies (N, 3) int64 and rest (M,) uint8')
    parts, position, used = [], 0, 0
    for place, start, length in copies.tolist():
        gap = place - position
        if not (0 <= gap <= len(rest) - used and 0 <= start < start + length <= len(source)):
            raise ValueError('a piece lies outside')
        parts += [rest[used:used + gap], source[start:start + length]]
        position, used = place + length, used + gap
        if position > MAX_NETWORK:
            raise ValueError(f'it has more than {MAX_NETWORK} bytes')
    return b''.join(part.tobytes() for part in (*parts, rest[used:]))
