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

"""A part of a data set that is like the whole: for small experiments and many of them."""

from dataclasses import replace

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.types import FaceData
import numpy as np
import numpy.typing as npt


def stratified(faces: FaceData, count: int, *, seed: int) -> FaceData:
    """
    Return `count` faces, with the classes in the same proportions, in the order they had.

    Same arguments, same faces, on every machine. Raises AffectError where there are fewer faces
    than that, or fewer asked for than there are classes.
    """
    sizes = np.bincount(faces.labels)
    if not np.count_nonzero(sizes) <= count <= len(faces):
        raise AffectError(f'{faces.source}: cannot take {count} of {len(faces)} faces of '
                          f'{np.count_nonzero(sizes)} classes; change data.subset')
    random = np.random.Generator(np.random.Philox(key=[seed, 0x50B5E7]))
    chosen = [random.permutation(np.flatnonzero(faces.labels == label))[:share]
              for label, share in enumerate(_shares(sizes, count).tolist())]
    rows = np.sort(np.concatenate(chosen))
    part = faces.select(rows)
    return replace(part, source=f'{faces.source}, {count} of {len(faces)}')


def _shares(sizes: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """
    Return how many faces of each class: the largest remainders are rounded up.

    A class that has a face keeps one.
    """
    exact = sizes * (count / sizes.sum())
    shares: npt.NDArray[np.int64] = np.maximum(np.floor(exact), sizes > 0).astype(np.int64)
    while shares.sum() < count:
        shares[np.argmax(np.where(shares < sizes, exact - shares, -np.inf))] += 1
    while shares.sum() > count:
        shares[np.argmin(np.where(shares > 1, exact - shares, np.inf))] -= 1
    return shares
