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

"""From labels and FER+ votes to the probability vector that each face is trained towards."""

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.faces import FaceData
import numpy as np
import numpy.typing as npt

Targets = npt.NDArray[np.float32]


def make_targets(data: FaceData, classes: int, *, smoothing: float = 0.0,
                 ferplus_weight: float = 0.0) -> Targets:
    """
    Return (N, classes) float32 rows that sum to 1.

    Args:
        data: the faces.
        classes: number of classes.
        smoothing: share given to all classes alike (Szegedy et al. 2016).
        ferplus_weight: share of the soft targets from FER+ votes; the rest is the label.

    Raises:
        AffectError: FER+ is wanted and there are no votes.
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
    Return the probability of each FER-2013 label, (N, 7), given the FER+ votes of a face.

    It is predicted from the shares of all ten columns by a logistic regression that is fitted to
    these rows.

    Args:
        votes: (N, 10) counts.
        labels: (N,) FER-2013 labels.
        hard: (N, 7) rows of faces without votes.
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
