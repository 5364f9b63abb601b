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

"""Store a network without the bytes that another file contains, see affect.shared_weights."""

from collections.abc import Sequence
from pathlib import Path

from face_affect_ros.affect.shared_weights import moved, Turned
import numpy as np

#: Bytes of the blocks that are compared, and alignment of the blocks of the other file: TFLite
#: aligns weights to 16 bytes.
BLOCK, STEP = 64, 16


def write(path: Path, content: bytes, source: bytes, turned: Sequence[Turned] = ()) -> None:
    """
    Write the archive that affect.shared_weights.read combines with the other file, `source`.

    turned are the transposed kernels, in the order of their positions.
    """
    content = moved(content, np.frombuffer(source, np.uint8), turned, np.subtract)
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
    factors = [np.empty(0, np.float32), *(each.factors for each in turned)]
    numbers = np.array([(each.place, each.start, *each.shape) for each in turned], np.int64)
    with path.open('wb') as file:
        np.savez_compressed(file, copies=np.array(copies, np.int64).reshape(-1, 3),
                            rest=np.frombuffer(bytes(rest), np.uint8),
                            turned=numbers.reshape(-1, 5), factors=np.concatenate(factors))


def _common(content: bytes, position: int, source: bytes, start: int) -> int:
    """Return the number of equal bytes from these positions."""
    length = min(len(content) - position, len(source) - start)
    different = np.flatnonzero(np.frombuffer(content, np.uint8, length, position)
                               != np.frombuffer(source, np.uint8, length, start))
    return int(different[0]) if len(different) else length
