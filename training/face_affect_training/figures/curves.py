"""Learning curves on undisturbed training faces.

A training log's own accuracy is taken under augmentation and dropout, while the weights change;
it cannot be set beside the validation accuracy.
"""

import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from face_affect_ros.affect.types import ImageArray
from face_affect_training.figures.measure import judged


class PlainCurve(keras.callbacks.Callback):
    """Writes accuracy and loss on some views after every epoch into a JSON file.

    path: of the file; epochs that are trained again after a resume are overwritten. views:
    (N, S, S, C) uint8. The weights of the moment are judged, never averaged ones.
    """

    def __init__(self, path: Path, views: ImageArray, labels: npt.NDArray[np.int64]) -> None:
        super().__init__()
        self._path, self._views, self._labels = path, views, labels

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Judge and write."""
        curve = read_curve(self._path)
        curve[epoch] = judged(self.model, self._views, self._labels)
        self._path.write_text(json.dumps(curve), encoding='utf-8')


def read_curve(path: Path) -> dict[int, tuple[float, float | None]]:
    """Return (accuracy, loss) by epoch, counted from 0; empty where there is no file."""
    if not path.is_file():
        return {}
    facts = json.loads(path.read_text(encoding='utf-8'))
    return {int(epoch): (accuracy, loss) for epoch, (accuracy, loss) in facts.items()}
