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

"""Train a network as an experiment says, on whichever backend Keras runs on."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
import os
from pathlib import Path
import sys
import time
from typing import Any

from face_affect_ros.affect.types import AffectError, ImageArray, LABELS
from face_affect_training.averaging import Averaged
from face_affect_training.batches import Batches, Together
from face_affect_training.data.loading import load_splits
from face_affect_training.data.subset import stratified
from face_affect_training.data.targets import class_weights, make_targets
from face_affect_training.data.types import FaceData
from face_affect_training.experiment import ancestry, Experiment, Task, Training
from face_affect_training.losses import accuracy_of, loss_of
from face_affect_training.metrics import nll
from face_affect_training.networks.efficientnet_lite import (
    imagenet_file,
    read_weights,
    take_imagenet_weights,
)
from face_affect_training.networks.face_resnet import dlib_file, take_dlib_weights
from face_affect_training.networks.lowering import lowered
from face_affect_training.runs import (
    build_network,
    device,
    from_pixels,
    Run,
    take_trunk,
    take_weights,
)
from face_affect_training.teachers import Teachers
from face_affect_training.views import plain_views, Views
import keras
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

#: The state to resume from is written at most this often, seconds.
STATE_PERIOD = 20.0
#: Faces on which the statistics of averaged weights are measured.
MEASURED = 1024
#: Validation faces that are judged at a time: their features have to fit into memory.
JUDGED = 128


def load_data(experiment: Experiment,
              folder: Path | None) -> dict[str, tuple[FaceData, FaceData]]:
    """Return the training and validation faces of each task, their counts printed and checked."""
    found = {}
    for task, wanted in experiment.tasks.items():
        faces, judged = load_splits(wanted.data, task, channels=experiment.input.channels,
                                    cache_folder=folder)
        if wanted.data.subset:
            faces = stratified(faces, wanted.data.subset, seed=experiment.seed)
        found[task] = faces, judged
    return found


def train(experiment: Experiment, folder: Path, *, cache_folder: Path | None = None,
          max_minutes: float = 0.0,
          callbacks: Sequence[keras.callbacks.Callback] = ()) -> dict[str, Any]:
    """
    Train, or go on training, and return the figures of the best network.

    folder: of the run. max_minutes: stop cleanly after this time, 0 for no limit. callbacks: of
    Keras, called before an epoch is judged and saved. Raises AffectError where the data or the
    folder do not fit the experiment.
    """
    started = time.monotonic()
    settings = experiment.training
    ancestry(experiment)   # a card will have to say it: hours later would be late for an error
    keras.utils.set_random_seed(experiment.seed)
    run = Run(folder, experiment)
    data = load_data(experiment, cache_folder)
    faces = {task: trained for task, (trained, _) in data.items()}
    judged = {task: validation for task, (_, validation) in data.items()}
    kept = build_network(experiment)
    _begin(kept, settings)
    network, model = _trainable(experiment, kept)
    batches = _batches(experiment, faces)
    _compile(model, experiment, batches.steps)
    epoch, best, seconds = run.resume(model)
    if epoch >= settings.epochs:
        print(f'{folder}: all {epoch} epochs are trained', file=sys.stderr)
        return {'epoch': epoch, 'best': best, 'finished': True}
    judge = Judge(run, experiment, network=network, kept=kept,
                  measured=sample_views(experiment, faces, MEASURED), judged=judged, best=best,
                  seconds=seconds,
                  deadline=started + 60.0 * max_minutes if max_minutes else 0.0)
    try:
        model.fit(batches.stream(epoch), steps_per_epoch=batches.steps, epochs=settings.epochs,
                  initial_epoch=epoch, callbacks=[*callbacks, judge], shuffle=False, verbose=0)
    finally:
        batches.close()
        judge.close()
    return {'epoch': judge.epoch, 'best': judge.best, 'finished': judge.epoch >= settings.epochs}


def _begin(network: keras.Model, settings: Training) -> None:
    """Put in the weights to begin with. Raises AffectError where they do not fit."""
    key = 'start_from'
    try:
        if settings.start_from == 'dlib':
            take_dlib_weights(network, dlib_file())
        elif settings.start_from == 'imagenet':
            take_imagenet_weights(network, read_weights(imagenet_file(network)))
        elif settings.start_from:
            take_weights(network, Path(settings.start_from).expanduser())
        if settings.trunk_from:
            key = 'trunk_from'
            taken = take_trunk(network, Path(settings.trunk_from).expanduser())
            print(f'{settings.trunk_from}: {len(taken)} layers took its weights', file=sys.stderr)
    except AffectError as error:
        raise AffectError(f'training.{key}: {error}') from error


def _trainable(experiment: Experiment, kept: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Return the network in the precision and layers of training, and the model around it."""
    network = lowered(build_network(experiment, precision=experiment.training.precision))
    network.set_weights(kept.get_weights())
    print(f'{experiment.network.name}: {network.count_params():,} parameters, '
          f'backend {keras.backend.backend()}', file=sys.stderr, flush=True)
    return network, from_pixels(network, experiment)


def _batches(experiment: Experiment, faces: dict[str, FaceData]) -> Batches | Together:
    total = sum(len(each) for each in faces.values())
    parts = []
    for task, wanted in experiment.tasks.items():
        batch = max(1, round(experiment.training.batch * len(faces[task]) / total))
        parts.append(_batches_of(experiment, task, wanted, faces[task], batch))
    if len(parts) == 1:
        return parts[0]
    return Together(parts, experiment.widths, experiment.training.epochs)


def _batches_of(experiment: Experiment, task: str, wanted: Task, faces: FaceData,
                batch: int) -> Batches:
    settings, classes = experiment.training, len(LABELS[task])
    targets = make_targets(faces, classes, smoothing=wanted.targets.smoothing,
                           ferplus_weight=wanted.targets.ferplus_weight,
                           ferplus_mapping=wanted.targets.ferplus_mapping)
    weights = class_weights(faces.labels, classes, settings.class_weights)[faces.labels]
    plan, teachers = wanted.distillation, None
    if plan.teachers:
        teachers = Teachers(plan, experiment, task)
        if plan.once:
            targets = teachers.blend_once(faces.images, wanted.data.zooms, targets)
    cores = max(1, (os.cpu_count() or 2) - 1)
    views = Views(faces.images, experiment.input.spec(), wanted.augmentation,
                  seed=experiment.seed, epochs=settings.epochs, gentle=settings.plain_epochs,
                  rounds=plan.rounds,
                  workers=cores if settings.workers < 0 else settings.workers)
    return Batches(views, targets, weights, settings, seed=experiment.seed,
                   teachers=None if plan.once else teachers, batch=batch)


def sample_views(experiment: Experiment, faces: dict[str, FaceData], total: int) -> ImageArray:
    """Return views (total, S, S, C) uint8 of training faces from all over the data sets."""
    count, parts = total // len(faces), []
    for task, each in faces.items():
        rows = np.linspace(0, len(each) - 1, min(count, len(each))).astype(np.int64)
        views = Views(each.images[rows], experiment.input.spec(),
                      replace(experiment.tasks[task].augmentation, erase=0.0),
                      seed=experiment.seed, epochs=1)
        parts.append(views.epoch(0))
    return np.concatenate(parts)


def _compile(model: keras.Model, experiment: Experiment, steps: int) -> None:
    settings = experiment.training
    total = settings.epochs * steps
    warmup = min(int(settings.warmup_epochs * steps), total - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate * 0.01 if warmup else settings.learning_rate, total - warmup,
        alpha=settings.final_rate, warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup)
    options: dict[str, Any] = {'learning_rate': schedule}
    if settings.clip > 0.0:
        options['global_clipnorm'] = settings.clip
    if settings.ema > 0.0:
        options.update(use_ema=True, ema_momentum=settings.ema)
    if settings.optimizer == 'adamw':
        optimizer = keras.optimizers.AdamW(weight_decay=settings.weight_decay, **options)
        optimizer.exclude_from_weight_decay(var_names=['gamma', 'beta', 'bias'])
    elif settings.optimizer == 'adam':
        optimizer = keras.optimizers.Adam(**options)
    else:
        raise AffectError(f"training.optimizer is '{settings.optimizer}', it must be adam or "
                          'adamw')
    # XLA's convolutions on CPUs are slower than TensorFlow's own
    compiled = 'auto' if keras.backend.backend() != 'tensorflow' else False
    model.compile(optimizer, loss_of(experiment.widths),
                  metrics=[accuracy_of(experiment.widths)], jit_compile=compiled)
    optimizer.build(model.trainable_variables)


class Judge(keras.callbacks.Callback):
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
        """Do it all."""
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
                self._run.save_best(self._kept, {
                    'epoch': self.epoch, 'val_accuracy': accuracy, 'val_loss': loss,
                    'val_accuracy_each': {task: dict(zip(map(str, self._zooms(task)), each))
                                          for task, each in found.items()},
                    'averaged_weights': averaged, 'device': device()})
        now = time.monotonic()
        row = {'epoch': self.epoch, 'seconds': self._seconds + now - self._started,
               'learning_rate': float(self.model.optimizer.learning_rate),
               'loss': float(logs['loss']), 'accuracy': float(logs['accuracy']),
               'val_loss': loss, 'val_accuracy': accuracy, 'best': self.best}
        self._show(self._run.log.write(row, [value for each in found.values()
                                             for value in each]), now)
        self._finish_epoch(now)

    @cached_property
    def _averages(self) -> Averaged:
        """The averages of the model, which Keras names when the training begins."""
        return Averaged(self.model, self._network, self._measured)

    def close(self) -> None:
        """Close the progress bar and the log."""
        self._run.log.close()
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
                logits = np.asarray(
                    self._judged_model.predict(views, batch_size=JUDGED, verbose=0),
                    np.float64)[:, start:start + width]
                powers = np.exp(logits - logits.max(1, keepdims=True))
                probabilities: npt.NDArray[np.float64] = powers / powers.sum(1, keepdims=True)
                accuracies[task].append(float((probabilities.argmax(1) == labels).mean()))
                losses.append(nll(probabilities, labels))
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
            self._run.save_last(self._kept)
            self._run.save_state(self.model, epoch=self.epoch, best=self.best,
                                 seconds=self._seconds + now - self._started)
            self._state_written = time.monotonic()
        if over and not last:
            print(f'{self._experiment.name}: time is up after epoch {self.epoch}; the same '
                  'command goes on from here', file=sys.stderr, flush=True)
            self.model.stop_training = True
