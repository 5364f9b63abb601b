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

"""
Judging any network on undisturbed views, the same way for training and validation faces.

A training log's own accuracy is taken under augmentation and dropout, while the weights change;
it cannot be set beside the validation accuracy.
"""

import json
import math
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import ImageArray
from face_affect_training.data.types import FaceData
from face_affect_training.experiment import Experiment
from face_affect_training.metrics import nll
from face_affect_training.networks.lowering import lowered
from face_affect_training.runs import build_network, from_pixels, take_weights
from face_affect_training.views import plain_views
import keras
import numpy as np
import numpy.typing as npt

BATCH = 256


def measure(weights: Path, experiment: Experiment, *, train: FaceData,
            validation: FaceData) -> dict[str, float | None]:
    """
    Return accuracy and loss (mean negative log-likelihood) on plain views of both splits.

    weights: a .keras file of the experiment's network. The keys are train_accuracy, train_loss,
    val_accuracy and val_loss; a loss that is no number is None.
    """
    network = build_network(experiment)
    take_weights(network, weights)
    model = from_pixels(lowered(network), experiment)
    result: dict[str, float | None] = {}
    for split, faces in (('train', train), ('val', validation)):
        views = plain_views(faces.images, experiment.input.spec())
        result[f'{split}_accuracy'], result[f'{split}_loss'] = judged(model, views, faces.labels)
    return result


def judged(model: keras.Model, views: ImageArray,
           labels: npt.NDArray[np.int64]) -> tuple[float, float | None]:
    """Return accuracy and loss of a model from pixels to logits. views: (N, S, S, C) uint8."""
    logits = np.asarray(keras.ops.convert_to_numpy(
        model.predict(views, batch_size=BATCH, verbose=0)), np.float64)
    powers = np.exp(logits - logits.max(1, keepdims=True))
    probabilities = powers / powers.sum(1, keepdims=True)
    loss = nll(probabilities, labels)
    accuracy = float((probabilities.argmax(1) == labels).mean())
    return round(accuracy, 4), round(loss, 4) if math.isfinite(loss) else None


class PlainCurve(keras.callbacks.Callback):
    """
    Writes accuracy and loss on some views after every epoch into a JSON file.

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
