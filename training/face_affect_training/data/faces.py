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

"""Faces of a data set, and their target probabilities."""

from dataclasses import dataclass, field, replace
import hashlib
from typing import Any

from face_affect_ros.affect.types import AffectError, ImageArray, LABELS
import numpy as np
import numpy.typing as npt

#: Target probabilities (N, K).
Targets = npt.NDArray[np.float32]


@dataclass(frozen=True)
class FaceData:
    """The N faces of one split of one data set."""

    source: str   # data set and split, for messages
    task: str   # 'emotion' or 'gender'; '' if unknown
    images: ImageArray   # face crops, (N, H, W) grey or (N, H, W, 3) BGR, uint8
    labels: npt.NDArray[np.int64]   # (N,), indices of types.LABELS[task]
    names: npt.NDArray[np.str_]   # (N,), identifiers in the data set
    votes: npt.NDArray[np.float32] | None = None   # (N, 10), FER+ votes in the order of FER+
    # (N,) by the name of the grouping ('race', 'age')
    groups: dict[str, npt.NDArray[np.str_]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()   # a line for each skipped row

    def __len__(self) -> int:
        return len(self.labels)

    def counts(self) -> dict[str, int]:
        """Return the number of faces of each class."""
        numbers = np.bincount(self.labels, minlength=len(LABELS[self.task]))
        return dict(zip(LABELS[self.task], numbers.tolist()))

    def table(self) -> str:
        """Return the counts and the skipped rows as text."""
        lines = [f'{self.source}: {len(self)} faces, {self.images.shape[1]}x'
                 f'{self.images.shape[2]} px, {len(self.problems)} rows skipped']
        lines += [f'  {label:>9} {count:6d}' for label, count in self.counts().items()]
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
        Return a stratified random subset of `count` faces, in the original order.

        Raises:
            AffectError: there are fewer faces, or more classes than `count`.
        """
        from sklearn.model_selection import train_test_split
        try:
            rows, _ = train_test_split(np.arange(len(self)), train_size=count,
                                       stratify=self.labels, random_state=seed)
        except ValueError as error:
            raise AffectError(f'{self.source}: cannot take {count} of {len(self)} faces: {error}; '
                              'change data.subset') from error
        return replace(self.select(np.sort(rows)), source=f'{self.source}, {count} of {len(self)}')


def evenly(total: int, count: int) -> npt.NDArray[np.int64]:
    """Return at most `count` of `total` rows, evenly, since data may be sorted by class."""
    return np.linspace(0, total - 1, min(count, total)).astype(np.int64)


def repeats(faces: FaceData, others: FaceData) -> tuple[npt.NDArray[np.bool_],
                                                        npt.NDArray[np.bool_]]:
    """Return which faces have equal pixels in the others, (N,) bool, and the reverse, (M,)."""
    ours, theirs = ([hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=16)
                     .hexdigest() for image in each.images] for each in (faces, others))
    return np.isin(ours, theirs), np.isin(theirs, ours)


def make_targets(data: FaceData, classes: int, *, smoothing: float = 0.0,
                 ferplus_weight: float = 0.0) -> Targets:
    """
    Return (N, classes) float32 rows that sum to 1.

    Args:
        data: the faces.
        classes: number of classes.
        smoothing: label smoothing, share of the uniform distribution (Szegedy et al. 2016).
        ferplus_weight: share of the soft targets from FER+ votes; the rest is the label.

    Raises:
        AffectError: the data set has no FER+ votes.
    """
    targets: Targets = np.eye(classes, dtype=np.float32)[data.labels]
    if ferplus_weight > 0.0:
        if data.votes is None:
            raise AffectError(f'{data.source} has no FER+ votes; set targets.ferplus_weight to 0')
        voted = ferplus_targets(data.votes, data.labels, targets)
        targets = (1.0 - ferplus_weight) * targets + ferplus_weight * voted
    return np.asarray((1.0 - smoothing) * targets + smoothing / classes, np.float32)


def ferplus_targets(votes: npt.NDArray[np.float32], labels: npt.NDArray[np.int64],
                    hard: Targets) -> Targets:
    """
    Return the probabilities of the FER-2013 labels, (N, 7), given the FER+ votes.

    They are predicted by a logistic regression that is fitted to the same faces.

    Args:
        votes: (N, 10) counts.
        labels: (N,) FER-2013 labels.
        hard: (N, 7) targets of faces without votes.
    """
    from sklearn.linear_model import LogisticRegression
    total = votes.sum(1, keepdims=True)
    known = total[:, 0] > 0.0
    share = votes / np.maximum(total, 1.0)
    features = np.concatenate([share, np.sqrt(share)], 1)
    regression = LogisticRegression(C=10.0, max_iter=500).fit(features[known], labels[known])
    soft = hard.copy()
    soft[np.ix_(known, regression.classes_)] = regression.predict_proba(features[known])
    return soft
