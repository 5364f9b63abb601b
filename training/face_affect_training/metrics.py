"""Figures of merit of probability vectors."""

from typing import Any

import numpy as np
import numpy.typing as npt

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
    """Return the temperature in [0.2, 5] with the lowest negative log-likelihood."""
    from scipy.optimize import minimize_scalar
    found = minimize_scalar(lambda log: nll(calibrate(probabilities, float(np.exp(log))), labels),
                            bounds=(np.log(0.2), np.log(5.0)), method='bounded')
    return float(np.exp(found.x))


def report(probabilities: Floats, labels: Labels, names: tuple[str, ...],
           groups: dict[str, npt.NDArray[np.str_]] | None = None) -> dict[str, Any]:
    """Return accuracy, per-class figures, confusion matrix and calibration as plain values.

    probabilities: (N, K). labels: (N,). names: of the K classes. groups: (N,) names each. A class
    that no face has gets no recall (None) and does not count in balanced_accuracy.
    """
    predicted = probabilities.argmax(1)
    classes = len(names)
    confusion = np.bincount(labels * classes + predicted, minlength=classes ** 2)
    confusion = confusion.reshape(classes, classes)
    hits, truths, calls = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
    per_class: dict[str, Any] = {}
    for index, name in enumerate(names):
        hit, truth, called = (int(array[index]) for array in (hits, truths, calls))
        per_class[name] = {'precision': hit / called if called else None,
                           'recall': hit / truth if truth else None,
                           'f1': 2 * hit / (truth + called) if truth + called else None,
                           'faces': truth}
    present = truths > 0
    result: dict[str, Any] = {
        'faces': len(labels),
        'accuracy': float((predicted == labels).mean()),
        'balanced_accuracy': float((hits[present] / truths[present]).mean()),
        'nll': nll(probabilities, labels),
        'ece': expected_calibration_error(probabilities, labels),
        'per_class': per_class,
        'confusion': confusion.tolist(),
    }
    for group, values in (groups or {}).items():
        result.setdefault('groups', {})[group] = {
            str(value): {'faces': int((values == value).sum()),
                         'accuracy': float((predicted == labels)[values == value].mean())}
            for value in np.unique(values)}
    return result
