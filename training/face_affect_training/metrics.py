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

"""Metrics of probabilities: accuracy, calibration, coverage, confusion matrix."""

from typing import Any

from face_affect_ros.affect.classifier import calibrate
from face_affect_ros.affect.types import FloatArray
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import softmax

#: Probabilities are (N, K) in [0, 1], labels (N,) in 0 to K - 1.
Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]
BINS = 15
#: Thresholds of the coverage curve.
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(20))


def nll(probabilities: Floats, labels: Labels) -> float:
    """Return the mean negative log-likelihood of the true labels, in nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def accuracy_and_loss(logits: Floats, labels: Labels) -> tuple[float, float]:
    """Return accuracy and mean negative log-likelihood (nats) of logits (N, K)."""
    probabilities = softmax(np.asarray(logits, np.float64), axis=1)
    return float((probabilities.argmax(1) == labels).mean()), nll(probabilities, labels)


def expected_calibration_error(probabilities: Floats, labels: Labels) -> float:
    """Return the ECE over 15 equal bins of confidence (Guo et al. 2017), in [0, 1]."""
    confidence = probabilities.max(1)
    right = (probabilities.argmax(1) == labels).astype(np.float64)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, right - confidence, BINS)
    return float(np.abs(gaps).sum() / len(labels))


def fit_temperature(probabilities: FloatArray, labels: Labels) -> float:
    """
    Return the temperature in [0.2, 5] with the lowest negative log-likelihood.

    The minimum is flat, so the temperature with the lowest expected calibration error within 0.1 %
    of the minimum is returned.
    """
    def loss(log: float) -> float:
        return nll(calibrate(probabilities, float(np.exp(log))), labels)

    bounds = np.log([0.2, 5.0])
    minimum = minimize_scalar(loss, bounds=bounds, method='bounded')
    near = np.clip(minimum.x + np.linspace(-0.1, 0.1, 41), *bounds)
    good = [float(log) for log in near if loss(log) <= 1.001 * minimum.fun]
    best = min(good, key=lambda log: expected_calibration_error(
        calibrate(probabilities, float(np.exp(log))), labels))
    return float(np.exp(best))


def coverage(probabilities: Floats, labels: Labels, threshold: float) -> dict[str, Any]:
    """
    Return the share of the faces with a confidence above the threshold, and their accuracy.

    accuracy_where_known is None if there are no such faces.
    """
    known = probabilities.max(1) >= threshold
    right = (probabilities.argmax(1) == labels)[known]
    return {'threshold': threshold, 'known_share': float(known.mean()),
            'accuracy_where_known': float(right.mean()) if known.any() else None}


def coverage_curve(probabilities: Floats, labels: Labels) -> list[dict[str, Any]]:
    """Return the coverage at thresholds from 0 to 0.95 that at least one face reaches."""
    rows = [coverage(probabilities, labels, threshold) for threshold in THRESHOLDS]
    return [row for row in rows if row['known_share'] > 0.0]


def report(probabilities: Floats, labels: Labels, names: tuple[str, ...],
           groups: dict[str, npt.NDArray[np.str_]] | None = None) -> dict[str, Any]:
    """
    Return accuracy, metrics of each class, confusion matrix and calibration.

    Rows of the confusion matrix are the true classes. The recall of a class without faces is None,
    and balanced_accuracy ignores it. group_gaps contains the mean accuracy of the groups and the
    difference to the lowest one.

    Args:
        probabilities: (N, K).
        labels: (N,).
        names: of the K classes.
        groups: group of each face, (N,), by the name of the grouping.
    """
    from sklearn.metrics import confusion_matrix
    predicted = probabilities.argmax(1)

    def table(rows: npt.NDArray[Any]) -> Any:
        return confusion_matrix(labels[rows], predicted[rows], labels=range(len(names)))

    confusion = table(np.arange(len(labels)))
    per_class = _per_class(confusion, names)
    recalls = [each['recall'] for each in per_class.values() if each['faces']]
    result: dict[str, Any] = {
        'faces': len(labels), 'accuracy': float((predicted == labels).mean()),
        'balanced_accuracy': float(np.mean(recalls)),
        'nll': nll(probabilities, labels),
        'ece': expected_calibration_error(probabilities, labels),
        'per_class': per_class, 'confusion': confusion.tolist(),
        'confusion_normalised': [[_share(count, row.sum()) for count in row]
                                 for row in confusion]}
    for group, values in (groups or {}).items():
        entries, accuracies = {}, {}
        for value in np.unique(values).tolist():
            part = table(np.flatnonzero(values == value))
            accuracies[value] = float(part.trace() / part.sum())
            entries[value] = {'faces': int(part.sum()), 'accuracy': accuracies[value],
                              'recall': {name: each['recall']
                                         for name, each in _per_class(part, names).items()}}
        lowest, mean = min(accuracies, key=accuracies.__getitem__), np.mean([*accuracies.values()])
        result.setdefault('groups', {})[group] = entries
        result.setdefault('group_gaps', {})[group] = {
            'mean': float(mean), 'lowest': lowest, 'below_mean': float(mean - accuracies[lowest])}
    return result


def _per_class(confusion: npt.NDArray[np.int64], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: {'precision': _share(hit, called), 'recall': _share(hit, truth),
                   'f1': _share(2 * hit, truth + called), 'faces': int(truth)}
            for name, hit, truth, called in zip(names, confusion.diagonal(), confusion.sum(1),
                                                confusion.sum(0))}


def _share(part: Any, whole: Any) -> float | None:
    return float(part / whole) if whole else None
