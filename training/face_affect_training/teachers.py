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

"""Networks whose opinion of each view another network learns from (Hinton et al. 2015)."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
import hashlib
import os
from pathlib import Path
from typing import TypeAlias

import cv2
from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.crop import CropSpec
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray
from face_affect_training.data.targets import Targets
from face_affect_training.experiment import (
    Distillation,
    Experiment,
    is_file_of_run,
    load_experiment,
)
from face_affect_training.networks.lowering import lowered
from face_affect_training.runs import build_network, from_pixels, take_weights
from face_affect_training.views import plain_views
import numpy as np

#: Views that a teacher is asked about at a time, and that are handed to Keras at a time.
BATCH, PART = 256, 4096
#: Gives (N, K) of views (N, S, S, C) uint8.
Answer: TypeAlias = Callable[[ImageArray], FloatArray]


class Teachers:
    """
    The mean opinion of some trained networks.

    Each is a .keras file beside the experiment.yaml of its run, or a model as the robot names it.
    Raises AffectError where one is missing or has other classes.
    """

    def __init__(self, distillation: Distillation, experiment: Experiment, task: str) -> None:
        self._plan = distillation
        self._teachers = [_teacher(entry, experiment, task) for entry in distillation.teachers]

    def opinion(self, views: ImageArray) -> Targets:
        """Return the teachers' opinion of these views, (N, K) float32."""
        return _mean([teacher.opinion(views, self._plan) for teacher in self._teachers])

    def blend_once(self, images: ImageArray, zooms: Sequence[float], targets: Targets) -> Targets:
        """
        Return targets moved towards the opinion of the undisturbed chips at these zooms.

        images: (N, H, W) grey or (N, H, W, 3) BGR. Answers of an earlier run are taken.
        """
        return self.moved(targets, _mean([teacher.kept_opinion(images, zooms, self._plan)
                                          for teacher in self._teachers]))

    def moved(self, targets: Targets, opinion: Targets) -> Targets:
        """Return targets moved towards an opinion, (N, K) float32."""
        weight = self._plan.weight
        return np.asarray((1.0 - weight) * targets + weight * opinion, np.float32)


class _Teacher:
    """
    One of them.

    answer: gives logits (N, K) of views (N, S, S, C) uint8 of its own size; what is the same for
    all classes of a view does not count. file: beside which its answers are kept, if at all.
    """

    def __init__(self, answer: Answer, spec: CropSpec, file: Path | None) -> None:
        self._answer, self._spec, self._file = answer, spec, file

    def opinion(self, views: ImageArray, plan: Distillation) -> Targets:
        """Return probabilities (N, K) float32 of views (N, S, S, 1 or 3) uint8 of any size."""
        if views.shape[3] != self._spec.channels:
            views = _grey(views) if self._spec.channels == 1 else np.repeat(views, 3, axis=3)
        if views.shape[1] != self._spec.size:
            views = _resized(views, self._spec.size)
        sides = (views, views[:, :, ::-1]) if plan.mirror else (views,)
        found = []
        for side in sides:
            logits = self._answer(side)
            powers = np.exp((logits - logits.max(1, keepdims=True)) / plan.temperature)
            found.append(powers / powers.sum(1, keepdims=True))
        return _mean(found)

    def kept_opinion(self, images: ImageArray, zooms: Sequence[float],
                     plan: Distillation) -> Targets:
        """Return the mean probabilities of the chips, read from beside the teacher if known."""
        if self._file is None:
            return self._plain_opinion(images, zooms, plan)
        asked = hashlib.sha256(self._file.read_bytes())
        asked.update(repr((images.shape, tuple(zooms), plan.mirror, plan.temperature)).encode())
        asked.update(np.ascontiguousarray(images).data)
        file = self._file.with_name(f'{self._file.stem}.opinion-{asked.hexdigest()[:12]}.npy')
        if not file.is_file():
            part = file.with_suffix(f'.{os.getpid()}.part')   # others may ask the same
            with part.open('wb') as stream:
                np.save(stream, self._plain_opinion(images, zooms, plan))
            part.replace(file)
        return np.asarray(np.load(file), np.float32)

    def _plain_opinion(self, images: ImageArray, zooms: Sequence[float],
                       plan: Distillation) -> Targets:
        return _mean([self.opinion(plain_views(images, self._spec, zoom), plan)
                      for zoom in zooms])


def _teacher(entry: str, experiment: Experiment, task: str) -> _Teacher:
    if is_file_of_run(entry):
        return _trained(Path(entry).expanduser(), experiment, task)
    return _shipped(entry, experiment, task)


def _trained(path: Path, experiment: Experiment, task: str) -> _Teacher:
    """Return a network of a training run."""
    own = load_experiment(path.with_name('experiment.yaml'))
    _check(path, own.task, experiment, task)
    network = build_network(own, precision=experiment.training.precision)
    take_weights(network, path)
    model = from_pixels(lowered(network), own)
    # not of all at once, which Keras would turn into as many 32-bit numbers
    return _Teacher(_in_parts(lambda part: np.asarray(model.predict(
        part, batch_size=BATCH, verbose=0)), PART), own.input.spec(), path)


def _shipped(name: str, experiment: Experiment, task: str) -> _Teacher:
    """Return a model that robots run, with its calibration."""
    card = load_card(name)
    answers = {head.task for head in card.heads}
    _check(card.path, task if task in answers else '', experiment, task)
    network = Classifier(card, tasks=[task])

    answer = _in_parts(lambda part: network(part)[task], BATCH)
    return _Teacher(lambda views: np.log(np.maximum(answer(views), 1e-9)), card.crop, None)


def _in_parts(answer: Answer, size: int) -> Answer:
    """Return what asks about so many views at a time."""
    return lambda views: np.concatenate([answer(views[start:start + size])
                                         for start in range(0, len(views), size)])


def _check(path: Path, found: str, experiment: Experiment, task: str) -> None:
    if found != task:
        raise AffectError(f'{path}: a teacher of {experiment.name} must know {task}')


def _mean(opinions: list[Targets]) -> Targets:
    return np.asarray(np.mean(opinions, axis=0), np.float32)


def _grey(views: ImageArray) -> ImageArray:
    return np.stack([cv2.cvtColor(view, cv2.COLOR_RGB2GRAY) for view in views])[..., np.newaxis]


def _resized(views: ImageArray, size: int) -> ImageArray:
    resized = np.empty((len(views), size, size, views.shape[3]), np.uint8)

    def resize(index: int) -> None:
        resized[index] = cv2.resize(views[index], (size, size)).reshape(resized.shape[1:])
    with ThreadPoolExecutor() as pool:
        list(pool.map(resize, range(len(views))))   # also raises what went wrong in a thread
    return resized
