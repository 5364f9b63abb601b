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
from face_affect_training.data.ferplus_votes import FERPLUS_COLUMNS
from face_affect_training.data.types import FaceData
import numpy as np
import numpy.typing as npt

Targets = npt.NDArray[np.float32]


def make_targets(data: FaceData, classes: int, *, smoothing: float = 0.0,
                 ferplus_weight: float = 0.0, ferplus_mapping: str = 'fitted') -> Targets:
    """
    Return (N, classes) float32 rows that sum to 1.

    smoothing: share given to all classes alike (Szegedy et al. 2016). ferplus_weight: share of
    the FER+ opinion, the rest is the data set's own label. ferplus_mapping: 'votes' renormalises
    the votes for the seven classes; 'fitted' predicts the FER-2013 label from all ten counts by a
    logistic regression fitted on these very rows: what FER-2013 would have called this face.
    Raises AffectError where FER+ is asked for and there are no votes.
    """
    targets: Targets = np.eye(classes, dtype=np.float32)[data.labels]
    if ferplus_weight > 0.0:
        if data.votes is None:
            raise AffectError(f'{data.source} has no FER+ votes; set targets.ferplus_weight to 0')
        opinion = _opinion(data.votes, data.labels, targets, ferplus_mapping)
        targets = (1.0 - ferplus_weight) * targets + ferplus_weight * opinion
    return np.asarray((1.0 - smoothing) * targets + smoothing / classes, np.float32)


def _opinion(votes: npt.NDArray[np.float32], labels: npt.NDArray[np.int64], hard: Targets,
             mapping: str) -> Targets:
    """Return (N, 7) FER+ opinions; a face without usable votes keeps its own label."""
    if mapping == 'votes':
        seven = votes[:, list(FERPLUS_COLUMNS)]
        voted = seven.sum(1, keepdims=True)
        return np.where(voted > 0.0, seven / np.maximum(voted, 1.0), hard).astype(np.float32)
    if mapping != 'fitted':
        raise AffectError(f"targets.ferplus_mapping is '{mapping}', it must be votes or fitted")
    from sklearn.linear_model import LogisticRegression
    total = votes.sum(1, keepdims=True)
    known = total[:, 0] > 0.0
    share = votes / np.maximum(total, 1.0)
    features = np.concatenate([share, np.sqrt(share)], 1)
    regression = LogisticRegression(C=10.0, max_iter=500)
    regression.fit(features[known], labels[known])
    opinion = hard.copy()
    opinion[np.ix_(known, regression.classes_)] = regression.predict_proba(features[known])
    return opinion


def class_weights(labels: npt.NDArray[np.int64], classes: int, mode: str) -> Targets:
    """
    Return the weight of each class, mean 1 over the faces.

    mode: 'none'; 'balanced' (inverse frequency); 'sqrt' (its square root, milder).
    """
    if mode not in ('none', 'balanced', 'sqrt'):
        raise AffectError(f"training.class_weights is '{mode}', it must be none, balanced or sqrt")
    counts = np.bincount(labels, minlength=classes).astype(np.float64)
    power = {'none': 0.0, 'sqrt': 0.5, 'balanced': 1.0}[mode]
    weights = np.maximum(counts, 1.0) ** -power
    return np.asarray(weights * counts.sum() / (weights * counts).sum(), np.float32)
