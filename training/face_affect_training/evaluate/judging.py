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

"""The judgement: every figure of a model on some labelled faces."""

import sys
from typing import Any

from face_affect_ros.affect.types import AffectError, FloatArray
from face_affect_training.data.types import FaceData
from face_affect_training.evaluate.contestants import Contestant, open_contestant
from face_affect_training.evaluate.crops import whole_crops
from face_affect_training.evaluate.speed import milliseconds_per_face
from face_affect_training.metrics import coverage, coverage_curve, report
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

#: Pictures that are cropped and classified at a time.
BATCH = 64


def evaluate(model: str, faces: FaceData, *, task: str | None = None,
             threads: int = 1) -> dict[str, Any]:
    """
    Return the figures of a model on some faces as plain values, see docs/models.md.

    model: see open_contestant. faces: each whole picture is taken as the crop. task: which head;
    by default that of the faces. threads: of the TFLite runtime. Raises AffectError for a model
    that cannot be run, and for labels that its head does not have.
    """
    contestant = open_contestant(model, task=task or faces.task or None, threads=threads)
    head = contestant.head
    _check(faces, head.task, head.labels)
    probabilities = predict(contestant, faces)
    labels = faces.labels
    return {'model': contestant.name, 'form': contestant.form, 'sha256': contestant.sha256,
            'bytes': contestant.path.stat().st_size, 'task': head.task, 'data': faces.source,
            'crop': 'whole picture', 'temperature': head.temperature,
            **report(probabilities, labels, head.labels, faces.groups),
            **coverage(probabilities, labels, head.threshold),
            'coverage_curve': coverage_curve(probabilities, labels),
            'milliseconds_per_face': milliseconds_per_face(contestant, faces.images)}


def predict(contestant: Contestant, faces: FaceData) -> FloatArray:
    """
    Return the calibrated probabilities (N, K) of all faces; a progress bar on a terminal.

    Raises AffectError where the network's answer is not a number.
    """
    answers: list[npt.NDArray[np.float32]] = []
    with tqdm(total=len(faces), unit='face', desc=contestant.name, disable=None,
              file=sys.stderr) as bar:
        for start in range(0, len(faces), BATCH):
            images = faces.images[start:start + BATCH]
            answers.append(contestant.answer(whole_crops(images, contestant.spec)))
            bar.update(len(images))
    probabilities = np.concatenate(answers)
    wrong = np.flatnonzero(~np.isfinite(probabilities).all(1))
    if len(wrong):
        raise AffectError(f'{contestant.path}: answers {len(wrong)} of {len(faces)} faces with '
                          f'NaN, the first of them is {faces.names[wrong[0]]}')
    return probabilities


def _check(faces: FaceData, task: str, names: tuple[str, ...]) -> None:
    if faces.task not in ('', task):
        raise AffectError(f'{faces.source}: holds labels of {faces.task}, not of {task}')
    if len(faces) == 0:
        raise AffectError(f'{faces.source}: there are no faces to judge')
    low, high = int(faces.labels.min()), int(faces.labels.max())
    if low < 0 or high >= len(names):
        known = ', '.join(f'{index} {name}' for index, name in enumerate(names))
        raise AffectError(f'{faces.source}: labels reach from {low} to {high}; those of {task} '
                          f'are {known}')
