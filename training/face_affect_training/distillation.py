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

"""Soft targets from trained networks (Hinton et al. 2015)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import cv2
from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.crop import CropSpec
from face_affect_ros.affect.model_store import load_card, sha256_of
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray
from face_affect_ros.paths import expanded
from face_affect_training.data.faces import Targets
from face_affect_training.experiment import (
    Distillation,
    Experiment,
    is_file_of_run,
    load_experiment,
)
from face_affect_training.networks.head import lowered
from face_affect_training.runs import build_network, from_pixels, take_weights
from face_affect_training.views import plain_views
import joblib
import numpy as np
from scipy.special import softmax

#: Batch size of a teacher.
BATCH = 256
#: From images (N, S, S, C) uint8 to probabilities (N, K).
Predict: TypeAlias = Callable[[ImageArray], FloatArray]


class Teachers:
    """
    The teachers of a task.

    Raises:
        AffectError: a teacher is missing or does not classify the task.
    """

    def __init__(self, distillation: Distillation, experiment: Experiment, task: str) -> None:
        self._settings = distillation
        self._teachers = [
            (_of_run if is_file_of_run(entry) else _of_model)(entry, experiment, task)
            for entry in distillation.teachers]

    def soft_targets(self, views: ImageArray) -> Targets:
        """Return the mean probabilities (N, K) float32 of images (N, S, S, C) uint8."""
        return _mean([teacher.soft_targets(views, self._settings.mirror)
                      for teacher in self._teachers])

    def mixed_once(self, images: ImageArray, zooms: Sequence[float], targets: Targets) -> Targets:
        """
        Return targets mixed with the soft targets of the crops without augmentation.

        Args:
            images: (N, H, W) grey or (N, H, W, 3) BGR.
            zooms: of the crops; their soft targets are averaged.
            targets: (N, K).
        """
        return self.mixed(targets, _mean([
            teacher.stored(images, zooms, self._settings.mirror) for teacher in self._teachers]))

    def mixed(self, targets: Targets, soft: Targets) -> Targets:
        """Return targets mixed with soft targets, (N, K) float32."""
        weight = self._settings.weight
        return np.asarray((1.0 - weight) * targets + weight * soft, np.float32)


class _Teacher:
    """A teacher. file: its checkpoint, or None if its soft targets are not stored."""

    def __init__(self, predict: Predict, spec: CropSpec, file: Path | None) -> None:
        self._predict, self.spec, self._file = predict, spec, file

    def soft_targets(self, views: ImageArray, mirror: bool) -> Targets:
        """Return the probabilities (N, K) float32 of images (N, S, S, 1 or 3) uint8."""
        spec = self.spec
        if views.shape[3] != spec.channels:
            views = np.repeat(views, 3, axis=3) if spec.channels == 3 else np.stack([
                cv2.cvtColor(view, cv2.COLOR_RGB2GRAY) for view in views])[..., np.newaxis]
        if views.shape[1] != spec.size:
            views = np.stack([cv2.resize(view, (spec.size, spec.size)) for view in views]
                             ).reshape(-1, spec.size, spec.size, spec.channels)
        sides = (views, views[:, :, ::-1]) if mirror else (views,)
        return _mean([np.concatenate([self._predict(side[start:start + BATCH])
                                      for start in range(0, len(side), BATCH)])
                      for side in sides])

    def stored(self, images: ImageArray, zooms: Sequence[float], mirror: bool) -> Targets:
        """Return the mean probabilities of crops, from the folder of the teacher if possible."""
        if self._file is None:
            return _once(self, '', images, zooms, mirror)
        memory = joblib.Memory(self._file.with_name('soft_targets'), verbose=0)
        soft: Targets = memory.cache(_once, ignore=['teacher'])(
            self, sha256_of(self._file), images, zooms, mirror)
        return soft


def _once(teacher: _Teacher, sha256: str, images: ImageArray, zooms: Sequence[float],
          mirror: bool) -> Targets:
    """Return the mean probabilities of chips at some zooms; sha256: of the teacher's file."""
    return _mean([teacher.soft_targets(plain_views(images, teacher.spec, zoom), mirror)
                  for zoom in zooms])


def _of_run(entry: str, experiment: Experiment, task: str) -> _Teacher:
    path = expanded(entry)
    own = load_experiment(path.with_name('experiment.yaml'))
    _check(path, own.task, experiment, task)
    network = build_network(own, precision=experiment.training.precision)
    take_weights(network, path)
    model = from_pixels(lowered(network), own)
    return _Teacher(lambda views: softmax(np.asarray(
        model.predict_on_batch(views), np.float32), axis=1), own.input.spec(), path)


def _of_model(entry: str, experiment: Experiment, task: str) -> _Teacher:
    """Return an exported model with its calibration."""
    card = load_card(entry)
    _check(card.path, task if task in {head.task for head in card.heads} else '', experiment, task)
    network = Classifier(card, tasks=[task])
    return _Teacher(lambda views: network(views)[task], card.crop, None)


def _check(path: Path, found: str, experiment: Experiment, task: str) -> None:
    if found != task:
        raise AffectError(f'{path}: a teacher of {experiment.name} must classify {task}')


def _mean(each: list[FloatArray]) -> Targets:
    return np.asarray(np.mean(each, axis=0), np.float32)
