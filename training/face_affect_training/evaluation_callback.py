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

"""After each epoch: judge the network, keep the best, log, save the state, watch the clock."""

from functools import cached_property
import sys
import time
from typing import Any

from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_training.data.faces import FaceData
from face_affect_training.experiment import Experiment
from face_affect_training.metrics import accuracy_and_loss
from face_affect_training.networks.lowering import lowered
from face_affect_training.runs import device, from_pixels, Run
from face_affect_training.views import plain_views
import keras
import numpy as np
from tqdm import tqdm

#: The state to resume from is written at most this often, seconds.
STATE_PERIOD = 20.0
#: Validation faces that are judged at a time: their features have to fit into memory.
JUDGED = 128


class Averaged:
    """
    Puts the running average of the weights in their place, and the weights back.

    The moving statistics of batch norm belong to the weights of the moment, and a network of
    averaged weights is badly wrong with them. So they are measured anew for the averaged weights,
    on some training views (Izmailov et al. 2018, section 3.2).

    model: compiled; without an averaging optimizer nothing is done. network: holds the layers.
    views: (N, S, S, C) uint8, one batch.
    """

    def __init__(self, model: keras.Model, network: keras.Model, views: ImageArray) -> None:
        self._model, self._views = model, views
        self._norms = [layer for layer in network.layers
                       if isinstance(layer, keras.layers.BatchNormalization)]
        self._kept: list[Any] = []

    def __enter__(self) -> bool:
        """Put the averages in; return whether there are any."""
        if not self._model.optimizer.use_ema:
            return False
        variables = self._variables()
        self._kept = [keras.ops.convert_to_numpy(variable.value).copy() for variable in variables]
        averages = self._model.optimizer._model_variables_moving_average
        for variable, average in zip(self._model.trainable_variables, averages):
            variable.assign(keras.ops.convert_to_numpy(average.value).copy())
        if self._norms:   # a large network's features of all these views take gigabytes
            self._measure_norms()
        return True

    def __exit__(self, *_: object) -> None:
        """Put the weights and statistics of the moment back."""
        if self._kept:
            for variable, value in zip(self._variables(), self._kept):
                variable.assign(np.asarray(value))
            self._kept = []

    def _measure_norms(self) -> None:
        momenta = [layer.momentum for layer in self._norms]
        for layer in self._norms:
            layer.momentum = 0.0   # what this batch shows, and nothing of before
        try:
            self._model(self._views, training=True)
        finally:
            for layer, momentum in zip(self._norms, momenta):
                layer.momentum = momentum

    def _variables(self) -> list[Any]:
        """Return all that the averaged weights replace, dropout's random state included."""
        return list(self._model.variables)


class EvaluationCallback(keras.callbacks.Callback):
    """
    After each epoch: judge the network, keep the best, log, save the state, watch the clock.

    network: in training. kept: takes its weights, to be judged and saved in float32.
    """

    def __init__(self, run: Run, experiment: Experiment, *, network: keras.Model,
                 kept: keras.Model, measured: ImageArray, judged: dict[str, FaceData],
                 best: float, seconds: float, deadline: float) -> None:
        super().__init__()
        self.best, self.epoch = best, 0
        self._run, self._experiment, self._network, self._kept = run, experiment, network, kept
        self._judged_network = lowered(kept)
        self._judged_model = from_pixels(self._judged_network, experiment)
        self._measured = measured
        spec = experiment.input.spec()
        self._views = {task: [plain_views(faces.images, spec, zoom)
                              for zoom in experiment.tasks[task].data.zooms]
                       for task, faces in judged.items()}
        self._labels = {task: faces.labels for task, faces in judged.items()}
        self._deadline = deadline
        self._started = self._epoch_started = time.monotonic()
        self._state_written, self._seconds = self._started, seconds
        self._bar: Any = None

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Start the clock of an epoch."""
        if self._bar is None:
            self._bar = tqdm(total=self._experiment.training.epochs, initial=epoch,
                             desc=self._experiment.name, unit='epoch', disable=None)
        self._epoch_started = time.monotonic()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Judge the epoch, then log and save."""
        logs = logs or {}
        if not np.isfinite(logs['loss']):
            raise AffectError(f"the loss of epoch {epoch + 1} is {logs['loss']}: lower "
                              'training.learning_rate, set training.clip, or set '
                              'training.precision to float32')
        self.epoch = epoch + 1
        with self._averages as averaged:
            self._kept.set_weights(self._network.get_weights())
            found, loss = self._judge()
            accuracy = float(np.mean([np.mean(each) for each in found.values()]))
            if accuracy > self.best:
                self.best = accuracy
                self._run.save(self._kept, 'best', {
                    'epoch': self.epoch, 'val_accuracy': accuracy, 'val_loss': loss,
                    'val_accuracy_each': {task: dict(zip(map(str, self._zooms(task)), each))
                                          for task, each in found.items()},
                    'averaged_weights': averaged, 'device': device()})
        now = time.monotonic()
        row = {'epoch': self.epoch, 'seconds': self._seconds + now - self._started,
               'learning_rate': float(self.model.optimizer.learning_rate),
               'loss': float(logs['loss']), 'accuracy': float(logs['accuracy']),
               'val_loss': loss, 'val_accuracy': accuracy, 'best': self.best}
        self._show(self._run.log(row, [value for each in found.values() for value in each]), now)
        self._finish_epoch(now)

    @cached_property
    def _averages(self) -> Averaged:
        """The averages of the model, which Keras names when the training begins."""
        return Averaged(self.model, self._network, self._measured)

    def close(self) -> None:
        """Close the progress bar and the log."""
        self._run.close()
        if self._bar is not None:
            self._bar.close()

    def _zooms(self, task: str) -> tuple[float, ...]:
        return self._experiment.tasks[task].data.zooms

    def _judge(self) -> tuple[dict[str, list[float]], float]:
        """Return the accuracy at each zoom by task, and the mean loss."""
        self._judged_network.set_weights(self._kept.get_weights())
        accuracies: dict[str, list[float]] = {}
        losses, start = [], 0
        for task, width in zip(self._views, self._experiment.widths):
            labels, accuracies[task] = self._labels[task], []
            for views in self._views[task]:
                logits = self._judged_model.predict(views, batch_size=JUDGED, verbose=0)
                right, loss = accuracy_and_loss(logits[:, start:start + width], labels)
                accuracies[task].append(right)
                losses.append(loss)
            start += width
        return accuracies, float(np.mean(losses))

    def _show(self, row: dict[str, Any], now: float) -> None:
        text = (f"loss {row['loss']} acc {row['accuracy']} val {row['val_accuracy']} "
                f"({row['val_accuracy_each']}) best {row['best']}")
        self._bar.update(1)
        self._bar.set_postfix_str(text)
        if self._bar.disable:
            print(f'{self._experiment.name} {self.epoch}/{self._experiment.training.epochs} '
                  f'{now - self._epoch_started:.1f} s {text}', file=sys.stderr, flush=True)

    def _finish_epoch(self, now: float) -> None:
        """Save the state if it is time; stop where the next epoch would not fit."""
        last = self.epoch >= self._experiment.training.epochs
        took = now - self._epoch_started
        over = self._deadline > 0.0 and now + 1.2 * took + 1.0 > self._deadline
        if last or over or now - self._state_written > STATE_PERIOD:
            self._kept.set_weights(self._network.get_weights())
            self._run.save(self._kept, 'last')
            self._run.save_state(self.model, epoch=self.epoch, best=self.best,
                                 seconds=self._seconds + now - self._started)
            self._state_written = time.monotonic()
        if over and not last:
            print(f'{self._experiment.name}: time is up after epoch {self.epoch}; the same '
                  'command resumes the training', file=sys.stderr, flush=True)
            self.model.stop_training = True
