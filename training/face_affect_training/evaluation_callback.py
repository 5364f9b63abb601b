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

"""Callback of the training: validation, checkpoints, log, state for resuming, time limit."""

from collections.abc import Iterator
import contextlib
import sys
import time
from typing import Any

from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_training.data.faces import FaceData
from face_affect_training.experiment import Experiment
from face_affect_training.metrics import accuracy_and_loss
from face_affect_training.networks.head import lowered
from face_affect_training.runs import device, from_pixels, Run
from face_affect_training.views import plain_views
import keras
import numpy as np
import numpy.typing as npt

#: Minimum period of saving the state, seconds.
STATE_PERIOD = 20.0
#: Batch size of the validation, limited by the memory for the feature maps.
BATCH = 128
#: Crops by zoom, and labels, of each task.
Crops = dict[str, tuple[dict[float, ImageArray], npt.NDArray[np.int64]]]


@contextlib.contextmanager
def averaged(model: keras.Model, network: keras.Model, views: ImageArray) -> Iterator[None]:
    """
    Use the averaged weights in the context, and the current weights again after it.

    The moving statistics of batch norm belong to the current weights. For the averaged weights,
    they are replaced by the statistics of one batch (Izmailov et al. 2018, section 3.2).

    Args:
        model: compiled; without averaged weights, nothing changes.
        network: its layers.
        views: augmented samples (N, S, S, C) uint8 of that batch.
    """
    if not model.optimizer.use_ema:
        yield
        return
    # includes the random state of dropout, which the batch changes
    current = [keras.ops.convert_to_numpy(variable.value).copy() for variable in model.variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    norms = [layer for layer in network.layers
             if isinstance(layer, keras.layers.BatchNormalization)]
    momenta = [layer.momentum for layer in norms]
    if norms:   # the feature maps of a large network need gigabytes of memory
        for layer in norms:
            layer.momentum = 0.0
        model(views, training=True)
    for layer, momentum in zip(norms, momenta):
        layer.momentum = momentum
    yield
    for variable, value in zip(model.variables, current):
        variable.assign(value)


class EvaluationCallback(keras.callbacks.Callback):
    """
    Validation, checkpoints, log, state for resuming and time limit after each epoch.

    Args:
        checkpoint: float32 network for evaluation and checkpoints.
        samples: augmented training samples, see averaged().
        validation: validation faces by task.
        training: training faces by task that are evaluated without augmentation, may be empty.
        best: best validation accuracy of the epochs before.
        seconds: time of the epochs before.
        deadline: on the monotonic clock, 0 for none.
    """

    def __init__(self, run: Run, experiment: Experiment, *, network: keras.Model,
                 checkpoint: keras.Model, samples: ImageArray, validation: dict[str, FaceData],
                 training: dict[str, FaceData], best: float, seconds: float,
                 deadline: float) -> None:
        super().__init__()
        self.best, self.epoch = best, 0
        self._run, self._experiment = run, experiment
        self._network, self._checkpoint = network, checkpoint
        self._evaluated = lowered(checkpoint)
        self._predictor = from_pixels(self._evaluated, experiment)
        self._samples = samples
        zooms = {task: each.data.zooms for task, each in experiment.tasks.items()}
        self._validation = _crops(validation, experiment, zooms)
        self._training = _crops(training, experiment, dict.fromkeys(training, (1.0,)))
        self._deadline = deadline
        self._started = self._epoch_started = self._state_written = time.monotonic()
        self._seconds = seconds

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Store the start time."""
        self._epoch_started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Evaluate, log and save."""
        logs = logs or {}
        if not np.isfinite(logs['loss']):
            raise AffectError(f"the loss of epoch {epoch + 1} is {logs['loss']}: lower "
                              'training.learning_rate, set training.clip, or set '
                              'training.precision to float32')
        self.epoch = epoch + 1
        with averaged(self.model, self._network, self._samples):
            self._checkpoint.set_weights(self._network.get_weights())
            each, loss = self._evaluate(self._validation)
            metrics = {}
            if self._training:
                training, metrics['train_loss'] = self._evaluate(self._training)
                metrics['train_accuracy'] = _mean(training)
        accuracy = _mean(each)
        better = accuracy > self.best
        self.best = max(accuracy, self.best)
        now = time.monotonic()
        row = self._run.log({
            'epoch': self.epoch, 'seconds': self._seconds + now - self._started,
            'learning_rate': float(self.model.optimizer.learning_rate),
            'loss': float(logs['loss']), 'accuracy': float(logs['accuracy']),
            'val_loss': loss, 'val_accuracy': accuracy, 'best': self.best, **metrics},
            [value for zooms in each.values() for value in zooms.values()])
        print(f"{self._experiment.name} {self.epoch}/{self._experiment.training.epochs} "
              f"{now - self._epoch_started:.1f} s loss {row['loss']} acc {row['accuracy']} val "
              f"{row['val_accuracy']} ({row['val_accuracy_each']}) best {row['best']}",
              file=sys.stderr, flush=True)
        if better:   # after the log, without which a folder with a checkpoint is a finished run
            self._run.save_best(self._checkpoint, {
                'epoch': self.epoch, 'val_accuracy': accuracy, 'val_loss': loss,
                'val_accuracy_each': each,
                'averaged_weights': bool(self.model.optimizer.use_ema), 'device': device()})
        self._finish_epoch(now)

    def _evaluate(self, crops: Crops) -> tuple[dict[str, dict[str, float]], float]:
        """Return the accuracy by task and zoom, and the mean loss."""
        self._evaluated.set_weights(self._checkpoint.get_weights())
        accuracies: dict[str, dict[str, float]] = {}
        losses, start = [], 0
        for (task, (zoomed, labels)), width in zip(crops.items(), self._experiment.widths):
            accuracies[task] = {}
            for zoom, images in zoomed.items():
                logits = self._predictor.predict(images, batch_size=BATCH, verbose=0)
                accuracies[task][str(zoom)], loss = accuracy_and_loss(
                    logits[:, start:start + width], labels)
                losses.append(loss)
            start += width
        return accuracies, float(np.mean(losses))

    def _finish_epoch(self, now: float) -> None:
        """Save the state if necessary; stop if the next epoch would exceed the time limit."""
        last = self.epoch >= self._experiment.training.epochs
        duration = now - self._epoch_started
        over = now + 1.2 * duration + 1.0 > self._deadline
        if last or over or now - self._state_written > STATE_PERIOD:
            self._run.save_state(self.model, epoch=self.epoch, best=self.best,
                                 seconds=self._seconds + now - self._started)
            self._state_written = time.monotonic()
        if over and not last:
            print(f'{self._experiment.name}: the time limit is reached after epoch {self.epoch}; '
                  'the same command resumes the training', file=sys.stderr, flush=True)
            self.model.stop_training = True


def _crops(faces: dict[str, FaceData], experiment: Experiment,
           zooms: dict[str, tuple[float, ...]]) -> Crops:
    spec = experiment.input.spec()
    return {task: ({zoom: plain_views(each.images, spec, zoom) for zoom in zooms[task]},
                   each.labels) for task, each in faces.items()}


def _mean(accuracies: dict[str, dict[str, float]]) -> float:
    return float(np.mean([np.mean([*each.values()]) for each in accuracies.values()]))
