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

"""Training of the network of an experiment, on any backend of Keras."""

from collections.abc import Callable, Sequence
from dataclasses import replace
import math
from pathlib import Path
import sys
from typing import Any

from face_affect_ros.affect.types import AffectError, ImageArray, LABELS
from face_affect_ros.paths import expanded
from face_affect_training.batches import Batches, stream
from face_affect_training.data import load_splits
from face_affect_training.data.faces import evenly, FaceData, make_targets
from face_affect_training.distillation import Teachers
from face_affect_training.evaluation_callback import EvaluationCallback
from face_affect_training.experiment import ancestry, Experiment, Training, VGGFACE2
from face_affect_training.networks.head import lowered
from face_affect_training.networks.mobilenet import take_vggface2_weights
from face_affect_training.runs import (
    best_metrics,
    build_network,
    from_pixels,
    is_finished,
    Run,
    take_backbone,
    take_weights,
)
from face_affect_training.views import Views
import keras
from keras import ops
import numpy as np

#: Number of samples for the batch statistics of averaged weights.
SAMPLES = 1024
#: Learning rate at the end and at the start of the warm-up, as share of the peak.
FINAL_RATE, FIRST_RATE = 0.002, 0.01


def load_data(experiment: Experiment,
              cache: Path | None) -> dict[str, tuple[FaceData, FaceData]]:
    """Return the training and validation faces of each task, see load_splits."""
    data = {}
    for task, settings in experiment.tasks.items():
        faces, validation = load_splits(settings.data, task, channels=experiment.input.channels,
                                        cache=cache)
        if settings.data.subset:
            faces = faces.subset(settings.data.subset, seed=experiment.seed)
        data[task] = faces, validation
    return data


def train(experiment: Experiment, folder: Path, *, cache: Path | None = None,
          deadline: float = math.inf, curves: bool = False) -> dict[str, Any]:
    """
    Train a network, or resume the training.

    Args:
        folder: of the run.
        cache: folder for decoded images.
        deadline: time limit on the monotonic clock; the training stops after an epoch.
        curves: whether to evaluate the training faces without augmentation after each epoch.

    Returns:
        'epoch', the number of trained epochs; 'best', the best validation accuracy; 'finished'.

    Raises:
        AffectError: the data or the folder do not match the experiment.
    """
    settings = experiment.training
    ancestry(experiment)   # missing models are reported before the training, not at the export
    keras.utils.set_random_seed(experiment.seed)
    run = Run(folder, experiment)
    if is_finished(folder):
        print(f'{folder}: all {settings.epochs} epochs are trained', file=sys.stderr)
        return {'epoch': settings.epochs, 'best': best_metrics(folder)['val_accuracy'],
                'finished': True}
    run.lock()
    data = load_data(experiment, cache)
    faces = {task: training for task, (training, _) in data.items()}
    checkpoint = build_network(experiment)
    _initialise(checkpoint, settings)
    network = lowered(build_network(experiment, precision=settings.precision))
    network.set_weights(checkpoint.get_weights())
    print(f'{experiment.network.name}: {network.count_params():,} parameters, '
          f'backend {keras.backend.backend()}', file=sys.stderr, flush=True)
    model = from_pixels(network, experiment)
    batches = batches_of(experiment, faces)
    steps = min(part.steps for part in batches)   # of an epoch
    compile_model(model, experiment, steps)
    epoch, best, seconds = run.resume(model)
    evaluation = EvaluationCallback(
        run, experiment, network=network, checkpoint=checkpoint,
        samples=sample_views(experiment, faces, SAMPLES),
        validation={task: validation for task, (_, validation) in data.items()},
        training=faces if curves else {}, best=best, seconds=seconds, deadline=deadline)
    try:
        model.fit(stream(batches, experiment.widths, range(epoch, settings.epochs)),
                  steps_per_epoch=steps, epochs=settings.epochs, initial_epoch=epoch,
                  callbacks=[evaluation], shuffle=False, verbose=0)
    finally:
        for part in batches:
            part.views.close()
        run.close()
    return {'epoch': evaluation.epoch, 'best': evaluation.best,
            'finished': evaluation.epoch >= settings.epochs}


def _initialise(network: keras.Model, settings: Training) -> None:
    """Load the initial weights. Raises AffectError if they do not fit."""
    key = 'start_from'
    try:
        if settings.start_from == VGGFACE2:
            take_vggface2_weights(network)
        elif settings.start_from:
            take_weights(network, expanded(settings.start_from))
        if settings.backbone_from:
            key = 'backbone_from'
            copied = take_backbone(network, expanded(settings.backbone_from))
            print(f'{settings.backbone_from}: weights of {len(copied)} layers loaded',
                  file=sys.stderr)
    except AffectError as error:
        raise AffectError(f'training.{key}: {error}') from error


def batches_of(experiment: Experiment, faces: dict[str, FaceData]) -> list[Batches]:
    """Return the batches of each task. faces: training faces by task."""
    settings, parts = experiment.training, []
    total = sum(len(each) for each in faces.values())
    for name, task in experiment.tasks.items():
        own, distillation = faces[name], task.distillation
        targets = make_targets(own, len(LABELS[name]), smoothing=task.targets.smoothing,
                               ferplus_weight=task.targets.ferplus_weight)
        teachers = Teachers(distillation, experiment, name) if distillation.teachers else None
        if teachers and distillation.once:
            targets = teachers.mixed_once(own.images, task.data.zooms, targets)
            teachers = None
        views = Views(own.images, experiment.input.spec(), task.augmentation,
                      seed=experiment.seed, epochs=settings.epochs, plain=settings.plain_epochs,
                      rounds=distillation.rounds, workers=settings.workers)
        parts.append(Batches(views, targets, settings, seed=experiment.seed, teachers=teachers,
                             batch=max(1, round(settings.batch * len(own) / total))))
    return parts


def sample_views(experiment: Experiment, faces: dict[str, FaceData], total: int) -> ImageArray:
    """Return augmented samples (total, S, S, C) uint8, evenly from the faces of all tasks."""
    parts = []
    for task, each in faces.items():
        rows = evenly(len(each), total // len(faces))
        views = Views(each.images[rows], experiment.input.spec(),
                      replace(experiment.tasks[task].augmentation, erase=0.0),
                      seed=experiment.seed, epochs=1)
        parts.append(views.epoch(0))
    return np.concatenate(parts)


def compile_model(model: keras.Model, experiment: Experiment, steps: int) -> None:
    """Compile a model from pixels to logits. steps: number of batches in an epoch."""
    settings = experiment.training
    total = settings.epochs * steps
    warmup = min(int(settings.warmup_epochs * steps), total - 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate * FIRST_RATE if warmup else settings.learning_rate, total - warmup,
        alpha=FINAL_RATE, warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup)
    options: dict[str, Any] = {'learning_rate': schedule}
    if settings.clip > 0.0:
        options['global_clipnorm'] = settings.clip
    if settings.ema > 0.0:
        options.update(use_ema=True, ema_momentum=settings.ema)
    if settings.optimizer == 'adamw':
        optimizer = keras.optimizers.AdamW(weight_decay=settings.weight_decay, **options)
        optimizer.exclude_from_weight_decay(var_names=['gamma', 'beta', 'bias'])
    else:
        optimizer = keras.optimizers.Adam(**options)
    # On CPUs, the convolutions of XLA are slower than those of TensorFlow.
    compiled = 'auto' if keras.backend.backend() != 'tensorflow' else False
    model.compile(optimizer, loss_of(experiment.widths),
                  metrics=[accuracy_of(experiment.widths)], jit_compile=compiled)
    optimizer.build(model.trainable_variables)


def loss_of(widths: Sequence[int]) -> Callable[[Any, Any], Any]:
    """
    Return a loss (N,) of targets (N, K) and logits (N, K): the sum of the tasks' cross-entropies.

    The targets of a task without a label are zero. widths: number of classes of each task, sum K.
    """
    def cross_entropy(y_true: Any, y_pred: Any) -> Any:
        return -sum(ops.sum(y_true[:, part] * ops.log_softmax(y_pred[:, part]), axis=-1)
                    for part in _parts(widths))

    return cross_entropy


def accuracy_of(widths: Sequence[int]) -> Callable[[Any, Any], Any]:
    """Return a metric (N,): the accuracy over the labels of each face, see loss_of."""
    def accuracy(y_true: Any, y_pred: Any) -> Any:
        hits, labels = 0.0, 0.0
        for part in _parts(widths):
            present = ops.cast(ops.sum(y_true[:, part], axis=-1) > 0.0, 'float32')
            same = ops.equal(ops.argmax(y_true[:, part], -1), ops.argmax(y_pred[:, part], -1))
            hits = hits + present * ops.cast(same, 'float32')
            labels = labels + present
        return hits / ops.maximum(labels, 1.0)

    return accuracy


def _parts(widths: Sequence[int]) -> list[slice]:
    return [slice(sum(widths[:index]), sum(widths[:index + 1])) for index in range(len(widths))]
