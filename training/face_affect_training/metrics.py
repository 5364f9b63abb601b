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

"""Figures of merit of probability vectors."""

from typing import Any

import numpy as np
import numpy.typing as npt

#: Probabilities are (N, K) in [0, 1], labels (N,) in 0 to K - 1.
Floats = npt.NDArray[np.floating[Any]]
Labels = npt.NDArray[np.integer[Any]]
BINS = 15


def nll(probabilities: Floats, labels: Labels) -> float:
    """Return the mean negative log-likelihood of the true labels, in nats."""
    chosen = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(chosen, 1e-12)).mean())


def expected_calibration_error(probabilities: Floats, labels: Labels) -> float:
    """Return the ECE over 15 equal bins of confidence (Guo et al. 2017), in [0, 1]."""
    confidence = probabilities.max(1)
    right = (probabilities.argmax(1) == labels).astype(np.float64)
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, right - confidence, BINS)
    return float(np.abs(gaps).sum() / len(labels))


def calibrate(probabilities: Floats, temperature: float) -> npt.NDArray[np.float64]:
    """Return p ** (1 / T), normalised; the softmax of logits / T."""
    logits = np.log(np.maximum(probabilities.astype(np.float64), 1e-12)) / temperature
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return np.asarray(powers / powers.sum(1, keepdims=True), np.float64)


def fit_temperature(probabilities: Floats, labels: Labels) -> float:
    """
    Return the temperature in [0.2, 5] with the lowest negative log-likelihood.

    Its minimum is flat: of the temperatures that are within a thousandth of it, the one with the
    lowest expected calibration error is taken.
    """
    from scipy.optimize import minimize_scalar

    def loss(log: float) -> float:
        return nll(calibrate(probabilities, float(np.exp(log))), labels)
    bounds = np.log([0.2, 5.0])
    found = minimize_scalar(loss, bounds=bounds, method='bounded')
    near = np.clip(found.x + np.linspace(-0.1, 0.1, 41), *bounds)
    alike = [float(log) for log in near if loss(log) <= 1.001 * found.fun]
    best = min(alike, key=lambda log: expected_calibration_error(
        calibrate(probabilities, float(np.exp(log))), labels))
    return float(np.exp(best))


def coverage(probabilities: Floats, labels: Labels, threshold: float) -> dict[str, Any]:
    """
    Return which share of the faces is answered at a threshold, and how many of them rightly.

    accuracy_where_known is None where no face reaches the threshold.
    """
    known = probabilities.max(1) >= threshold
    right = (probabilities.argmax(1) == labels)[known]
    return {'threshold': threshold, 'known_share': float(known.mean()),
            'accuracy_where_known': float(right.mean()) if known.any() else None}


def coverage_curve(probabilities: Floats, labels: Labels) -> list[dict[str, Any]]:
    """Return the coverage at thresholds from 0 to 0.95, those that no face reaches left out."""
    rows = [coverage(probabilities, labels, round(0.05 * step, 2)) for step in range(20)]
    return [row for row in rows if row['known_share'] > 0.0]


def report(probabilities: Floats, labels: Labels, names: tuple[str, ...],
           groups: dict[str, npt.NDArray[np.str_]] | None = None) -> dict[str, Any]:
    """
    Return accuracy, per-class figures, confusion matrix and calibration as plain values.

    probabilities: (N, K). labels: (N,). names: of the K classes. groups: (N,) names each. The
    confusion matrix has the true classes as rows. A class that no face has gets no recall (None)
    and does not count in balanced_accuracy. group_gaps: the mean accuracy of a column's groups,
    and how far below it the lowest is.
    """
    predicted = probabilities.argmax(1)
    confusion = _confusion(predicted, labels, len(names))
    truths = confusion.sum(1)
    recalls = [float(share) for share in (confusion.diagonal() / np.maximum(truths, 1))]
    result: dict[str, Any] = {
        'faces': len(labels),
        'accuracy': float((predicted == labels).mean()),
        'balanced_accuracy': float(np.mean([recall for recall, truth in zip(recalls, truths)
                                            if truth])),
        'nll': nll(probabilities, labels),
        'ece': expected_calibration_error(probabilities, labels),
        'per_class': _per_class(confusion, names),
        'confusion': confusion.tolist(),
        'confusion_normalised': [(row / row.sum()).tolist() if row.any() else [None] * len(row)
                                 for row in confusion],
    }
    for group, values in (groups or {}).items():
        table = _by_group(predicted, labels, values, names)
        result.setdefault('groups', {})[group] = table
        result.setdefault('group_gaps', {})[group] = _gap(table)
    return result


def _confusion(predicted: Labels, labels: Labels, classes: int) -> npt.NDArray[np.int64]:
    counts = np.bincount(labels * classes + predicted, minlength=classes ** 2)
    return counts.reshape(classes, classes)


def _per_class(confusion: npt.NDArray[np.int64], names: tuple[str, ...]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    columns = (confusion.diagonal(), confusion.sum(1), confusion.sum(0))
    for name, *counts in zip(names, *columns):
        hit, truth, called = (int(count) for count in counts)
        result[name] = {'precision': hit / called if called else None,
                        'recall': hit / truth if truth else None,
                        'f1': 2 * hit / (truth + called) if truth + called else None,
                        'faces': truth}
    return result


def _by_group(predicted: Labels, labels: Labels, values: npt.NDArray[np.str_],
              names: tuple[str, ...]) -> dict[str, Any]:
    table: dict[str, Any] = {}
    for value in np.unique(values):
        rows = values == value
        confusion = _confusion(predicted[rows], labels[rows], len(names))
        table[str(value)] = {
            'faces': int(rows.sum()),
            'accuracy': float((predicted == labels)[rows].mean()),
            'recall': {name: each['recall']
                       for name, each in _per_class(confusion, names).items()}}
    return table


def _gap(table: dict[str, Any]) -> dict[str, Any]:
    mean = float(np.mean([each['accuracy'] for each in table.values()]))
    lowest = min(table, key=lambda value: float(table[value]['accuracy']))
    return {'mean': mean, 'lowest': lowest, 'below_mean': mean - table[lowest]['accuracy']}
