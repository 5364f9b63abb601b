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

"""What every data reader returns, and parts of it."""

from dataclasses import dataclass, field, replace
import hashlib
from typing import Any

from face_affect_ros.affect.types import AffectError, ImageArray, LABELS
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class FaceData:
    """
    The faces of one split of one data set.

    Attributes:
        source: data set and split, for messages.
        task: 'emotion' or 'gender'; '' where the labels may be of either.
        images: (N, H, W) grey or (N, H, W, 3) BGR, uint8, each a face chip.
        labels: (N,) int64, as types.LABELS[task].
        names: (N,) str, what identifies each row in its data set.
        votes: (N, 10) float32, FER+ votes in FER+ order, or None.
        groups: by name ('race', 'age'), (N,) str each.
        problems: one line for each corrupt row that was skipped.
        notes: what a rule has left out, by number.
    """

    source: str
    task: str
    images: ImageArray
    labels: npt.NDArray[np.int64]
    names: npt.NDArray[np.str_]
    votes: npt.NDArray[np.float32] | None = None
    groups: dict[str, npt.NDArray[np.str_]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> dict[str, int]:
        """Return the number of faces of each class."""
        numbers = np.bincount(self.labels, minlength=len(LABELS[self.task]))
        return dict(zip(LABELS[self.task], numbers.tolist()))

    def table(self) -> str:
        """Return the counts as lines of text, with the skipped rows named."""
        lines = [f'{self.source}: {len(self)} faces, {self.images.shape[1]}x'
                 f'{self.images.shape[2]} px, {len(self.problems)} rows skipped']
        lines += [f'  {label:>9} {count:6d}' for label, count in self.counts().items()]
        lines += [f'  {note}' for note in self.notes]
        lines += [f'  skipped: {problem}' for problem in self.problems[:20]]
        if len(self.problems) > 20:
            lines.append(f'  ... and {len(self.problems) - 20} more')
        return '\n'.join(lines)

    def select(self, rows: npt.NDArray[Any]) -> 'FaceData':
        """Return some of the faces. rows: (N,) bool, or indices."""
        return replace(self, images=self.images[rows], labels=self.labels[rows],
                       names=self.names[rows],
                       votes=None if self.votes is None else self.votes[rows],
                       groups={name: values[rows] for name, values in self.groups.items()})

    def subset(self, count: int, *, seed: int) -> 'FaceData':
        """
        Return `count` faces, the classes in the same proportions, in the order they had.

        The same arguments give the same faces on every machine; a class that has a face keeps
        one. Raises AffectError where there are fewer faces than that, or more classes.
        """
        sizes = np.bincount(self.labels)
        if not np.count_nonzero(sizes) <= count <= len(self):
            raise AffectError(f'{self.source}: cannot take {count} of {len(self)} faces of '
                              f'{np.count_nonzero(sizes)} classes; change data.subset')
        exact = sizes * (count / sizes.sum())
        shares = np.maximum(np.floor(exact), sizes > 0).astype(np.int64)
        while shares.sum() < count:   # the largest remainders are rounded up
            shares[np.argmax(np.where(shares < sizes, exact - shares, -np.inf))] += 1
        while shares.sum() > count:
            shares[np.argmin(np.where(shares > 1, exact - shares, np.inf))] -= 1
        random = np.random.Generator(np.random.Philox(key=[seed, 0x50B5E7]))
        rows = np.sort(np.concatenate([
            random.permutation(np.flatnonzero(self.labels == label))[:share]
            for label, share in enumerate(shares.tolist())]))
        return replace(self.select(rows), source=f'{self.source}, {count} of {len(self)}')


def pack(columns: list[tuple[Any, ...]], kinds: tuple[Any, ...]) -> list[Any]:
    """Return the columns of a list of rows as arrays of these dtypes; no rows, empty arrays."""
    if not columns:
        return [np.zeros(0, kind) for kind in kinds]
    return [np.array(column, kind) for column, kind in zip(zip(*columns), kinds)]


def repeats(faces: FaceData, others: FaceData) -> tuple[npt.NDArray[np.bool_],
                                                        npt.NDArray[np.bool_]]:
    """Return which faces are among the others, pixel by pixel, (N,) bool, and the reverse."""
    ours, theirs = ([hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=16)
                     .digest() for image in each.images] for each in (faces, others))
    both = set(ours) & set(theirs)
    return (np.array([digest in both for digest in ours], np.bool_),
            np.array([digest in both for digest in theirs], np.bool_))
