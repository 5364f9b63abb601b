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

"""Train the network of an experiment, on any backend of Keras."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
import sys
import time
from typing import Any

from face_affect_ros.affect.types import AffectError, ImageArray, LABELS
from face_affect_training.batches import Batches, steps_of, stream
from face_affect_training.data.faces import FaceData, make_targets
from face_affect_training.data.loading import load_splits
from face_affect_training.distillation import Teachers
from face_affect_training.evaluation_callback import EvaluationCallback
from face_affect_training.experiment import ancestry, Experiment, Training
from face_affect_training.networks.efficientnet_lite import take_imagenet_weights
from face_affect_training.networks.lowering import lowered
from face_affect_training.networks.mobilenet import take_vggface2_weights
from face_affect_training.runs import (
    build_network,
    from_pixels,
    Run,
    take_backbone,
    take_weights,
)
from face_affect_training.views import Views
import keras
from keras import ops
import numpy as np

#: Faces on which the batch statistics of averaged weights are measured.
MEASURED = 1024
#: Share of the peak learning rate at the end, and at the start of the warm-up.
FINAL_RATE, FIRST_RATE = 0.002, 0.01
#: Functions that put pretrained weights into a network, by the name in `start_from`.
PRETRAINED = {'imagenet': take_imagenet_weights, 'vggface2': take_vggface2_weights}


def load_data(experiment: Experiment,
              cache: Path | None) -> dict[str, tuple[FaceData, FaceData]]:
    """Return the training and validation faces of each task, their counts printed and checked."""
    found = {}
    for task, wanted in experiment.tasks.items():
        faces, judged = load_splits(wanted.data, task, channels=experiment.input.channels,
                                    cache=cache)
        if wanted.data.subset:
            faces = faces.subset(wanted.data.subset, seed=experiment.seed)
        found[task] = faces, judged
    return found


def train(experiment: Experiment, folder: Path, *, cache: Path | None = None,
          max_minutes: float = 0.0, curves: bool = False) -> dict[str, Any]:
    """
    Train, or resume a training, and return the figures of the best network.

    Args:
        experiment: what to train.
        folder: of the run.
        cache: folder for decoded pictures.
        max_minutes: stop cleanly after this time, 0 for no limit.
        curves: whether the training faces are judged undisturbed after each epoch, too.

    Returns:
        'epoch', the number of those trained; 'best', the validation accuracy; 'finished'.

    Raises:
        AffectError: the data or the folder do not fit the experiment.
    """
    started = time.monotonic()
    settings = experiment.training
    ancestry(experiment)   # the card needs it: hours later would be late for an error
    keras.utils.set_random_seed(experiment.seed)
    run = Run(folder, experiment)
    data = load_data(experiment, cache)
    faces = {task: trained for task, (trained, _) in data.items()}
    kept = build_network(experiment)
    _initialise(kept, settings)
    network = lowered(build_network(experiment, precision=settings.precision))
    network.set_weights(kept.get_weights())
    print(f'{experiment.network.name}: {network.count_params():,} parameters, '
          f'backend {keras.backend.backend()}', file=sys.stderr, flush=True)
    model = from_pixels(network, experiment)
    batches = batches_of(experiment, faces)
    compile_model(model, experiment, steps_of(batches))
    epoch, best, seconds = run.resume(model)
    if epoch >= settings.epochs:
        print(f'{folder}: all {epoch} epochs are trained', file=sys.stderr)
        return {'epoch': epoch, 'best': best, 'finished': True}
    evaluation = EvaluationCallback(
        run, experiment, network=network, kept=kept,
        measured=sample_views(experiment, faces, MEASURED),
        judged={task: validation for task, (_, validation) in data.items()},
        shown=faces if curves else {}, best=best,
        seconds=seconds, deadline=started + 60.0 * max_minutes if max_minutes else 0.0)
    try:
        model.fit(stream(batches, experiment.widths, range(epoch, settings.epochs)),
                  steps_per_epoch=steps_of(batches), epochs=settings.epochs, initial_epoch=epoch,
                  callbacks=[evaluation], shuffle=False, verbose=0)
    finally:
        for part in batches:
            part.close()
        run.close()
    return {'epoch': evaluation.epoch, 'best': evaluation.best,
            'finished': evaluation.epoch >= settings.epochs}


def _initialise(network: keras.Model, settings: Training) -> None:
    """Put in the initial weights. Raises AffectError where they do not fit."""
    key = 'start_from'
    try:
        if settings.start_from in PRETRAINED:
            PRETRAINED[settings.start_from](network)
        elif settings.start_from:
            take_weights(network, Path(settings.start_from).expanduser())
        if settings.backbone_from:
            key = 'backbone_from'
            taken = take_backbone(network, Path(settings.backbone_from).expanduser())
            print(f'{settings.backbone_from}: {len(taken)} layers took its weights',
                  file=sys.stderr)
    except AffectError as error:
        raise AffectError(f'training.{key}: {error}') from error


def batches_of(experiment: Experiment, faces: dict[str, FaceData]) -> list[Batches]:
    """Return the batches of each task; faces: of each task."""
    settings, parts = experiment.training, []
    total = sum(len(each) for each in faces.values())
    for task, wanted in experiment.tasks.items():
        own, plan = faces[task], wanted.distillation
        targets = make_targets(own, len(LABELS[task]), smoothing=wanted.targets.smoothing,
                               ferplus_weight=wanted.targets.ferplus_weight)
        teachers = Teachers(plan, experiment, task) if plan.teachers else None
        if teachers and plan.once:
            targets = teachers.mixed_once(own.images, wanted.data.zooms, targets)
            teachers = None
        views = Views(own.images, experiment.input.spec(), wanted.augmentation,
                      seed=experiment.seed, epochs=settings.epochs, gentle=settings.plain_epochs,
                      rounds=plan.rounds, workers=settings.workers)
        parts.append(Batches(views, targets, settings, seed=experiment.seed, teachers=teachers,
                             batch=max(1, round(settings.batch * len(own) / total))))
    return parts


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


def compile_model(model: keras.Model, experiment: Experiment, steps: int) -> None:
    """Compile a model from pixels to logits. steps: batches of an epoch."""
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


def loss_of(widths: Sequence[int]) -> Callable[[Any, Any], Any]:
    """
    Return the sum of the tasks' cross-entropies of each face, (N,).

    It is between targets (N, K) and logits (N, K); a face without a label of a task has zeros
    there. widths: classes of each task, K in all.
    """
    def cross_entropy(y_true: Any, y_pred: Any) -> Any:
        return -sum(ops.sum(y_true[:, part] * ops.log_softmax(y_pred[:, part]), axis=-1)
                    for part in _parts(widths))

    return cross_entropy


def accuracy_of(widths: Sequence[int]) -> Callable[[Any, Any], Any]:
    """
    Return the share of each face's labels that are the most probable class of their task, (N,).

    widths: classes of each task, K columns of targets and logits in all.
    """
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
