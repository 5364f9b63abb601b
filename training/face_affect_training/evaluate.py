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

"""Evaluation of models on labelled faces, with the crop code and the classifier of the node."""

from collections.abc import Callable
import contextlib
from dataclasses import dataclass
from pathlib import Path
import platform
import re
import sys
import time
from typing import Any

import cv2
from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.crop import CropSpec
from face_affect_ros.affect.model_store import CARD, Head, load_card, sha256_of
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray, LABELS
from face_affect_ros.paths import expanded
from face_affect_training.data.faces import FaceData
from face_affect_training.metrics import coverage, coverage_curve, report
from face_affect_training.views import plain_views
import numpy as np
from tqdm import tqdm

#: Batch size.
BATCH = 64
#: Number of single faces that are timed, batch size and number of batches that are timed.
TIMED_FACES, TIMED_BATCH, REPETITIONS = 200, 16, 25
#: Number of batches before the time is measured.
WARM_UP = 5


@dataclass(frozen=True)
class Candidate:
    """One task of a model to evaluate."""

    name: str   # of the model, or folder and file of the checkpoint
    form: str   # 'tflite' or 'keras'
    path: Path
    head: Head
    spec: CropSpec
    # from (N, size, size, channels) uint8 to calibrated probabilities (N, K)
    predict: Callable[[ImageArray], FloatArray]


def open_candidate(model: str, *, task: str | None = None) -> Candidate:
    """
    Open a model or a checkpoint.

    Args:
        model: name, folder, card or .tflite file of a model; or folder or .keras file of a run.
        task: required if there are several.

    Raises:
        AffectError: the model does not exist or does not have the task.
    """
    path = expanded(model)
    if (path / 'experiment.yaml').is_file() and not (path / CARD).is_file():
        path = path / 'best.keras'
    if path.suffix == '.keras':
        return _checkpoint(path, task)
    card = load_card(str(path.with_name(CARD)) if path.suffix == '.tflite' else model)
    if path.suffix == '.tflite' and not (path.is_file() and card.path.samefile(path)):
        raise AffectError(f'{path}: the {CARD} beside it is of another file, {card.path.name}')
    if card.kind != 'classifier':
        raise AffectError(f"model '{card.name}' is a {card.kind}, only classifiers can be "
                          'evaluated')
    head = card.heads[_index_of(card.name, [head.task for head in card.heads], task)]
    classifier = Classifier(card, tasks=[head.task])
    return Candidate(card.name, 'tflite', card.path, head, card.crop,
                     lambda crops: classifier(crops)[head.task])


def _checkpoint(file: Path, task: str | None) -> Candidate:
    from face_affect_training.runs import load_run  # imports Keras
    experiment, network = load_run(file)
    name, tasks = f'{file.parent.name}/{file.name}', list(experiment.tasks)
    index = _index_of(name, tasks, task)

    def predict(crops: ImageArray) -> FloatArray:
        outputs = network.predict_on_batch(experiment.input.scaled(crops))
        return np.asarray(outputs[index] if isinstance(outputs, list) else outputs, np.float32)

    # the export determines temperature and threshold
    head = Head(tasks[index], index, LABELS[tasks[index]], threshold=0.0, temperature=1.0)
    return Candidate(name, 'keras', file, head, experiment.input.spec(), predict)


def _index_of(name: str, tasks: list[str], task: str | None) -> int:
    known = ' and '.join(tasks)
    if task is None and len(tasks) > 1:
        raise AffectError(f"model '{name}' classifies {known}; choose one with --task")
    if task not in (None, *tasks):
        raise AffectError(f"model '{name}' classifies {known}, not {task}")
    return tasks.index(task) if task else 0


def evaluate(model: str, faces: FaceData, *, task: str | None = None) -> dict[str, Any]:
    """
    Return the metrics of a model on some faces, see docs/evaluation.md.

    Args:
        model: see open_candidate.
        faces: whole images are the crops.
        task: of the model; by default that of the faces.

    Raises:
        AffectError: the model cannot be run, or the labels are of another task.
    """
    candidate = open_candidate(model, task=task or faces.task or None)
    head, labels = candidate.head, faces.labels
    if faces.task not in ('', head.task):
        raise AffectError(f'{faces.source}: has labels of {faces.task}, not of {head.task}')
    if labels.min() < 0 or labels.max() >= len(head.labels):
        known = ', '.join(f'{index} {name}' for index, name in enumerate(head.labels))
        raise AffectError(f'{faces.source}: labels range from {labels.min()} to {labels.max()}; '
                          f'those of {head.task} are {known}')
    probabilities = _predict(candidate, faces)
    return {'model': candidate.name, 'form': candidate.form,
            'sha256': sha256_of(candidate.path), 'bytes': candidate.path.stat().st_size,
            'task': head.task, 'data': faces.source,
            'temperature': head.temperature,
            **report(probabilities, labels, head.labels, faces.groups),
            **coverage(probabilities, labels, head.threshold),
            'coverage_curve': coverage_curve(probabilities, labels),
            'milliseconds_per_face': milliseconds_per_face(candidate, faces.images)}


def _predict(candidate: Candidate, faces: FaceData) -> FloatArray:
    """Return the calibrated probabilities (N, K) of all faces. Raises AffectError for NaN."""
    probabilities = np.concatenate([
        candidate.predict(plain_views(faces.images[start:start + BATCH], candidate.spec))
        for start in tqdm(range(0, len(faces), BATCH), unit='face', unit_scale=BATCH,
                          desc=candidate.name, disable=None, file=sys.stderr)])
    wrong = np.flatnonzero(~np.isfinite(probabilities).all(1))
    if len(wrong):
        raise AffectError(f'{candidate.path}: the output is NaN for {len(wrong)} of {len(faces)} '
                          f'faces, the first is {faces.names[wrong[0]]}')
    return probabilities


def milliseconds_per_face(candidate: Candidate, images: ImageArray) -> dict[str, Any] | None:
    """
    Return the median times per face, alone and in a batch, and the processor.

    Times are from the image to calibrated probabilities. cpu_time is that of all threads, which
    depends less on other processes than the wall time. The result is None for checkpoints.

    Args:
        candidate: model.
        images: (N, H, W) or (N, H, W, 3), whole images are the crops.
    """
    if candidate.form != 'tflite':
        return None
    singles = [images[row:row + 1] for row in np.arange(TIMED_FACES) % len(images)]
    batches = [images[np.arange(TIMED_BATCH) % len(images)]] * REPETITIONS
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        alone, together = _medians(candidate, singles), _medians(candidate, batches)
    finally:
        cv2.setNumThreads(before)
    return {'alone': alone[0], 'in_batch': together[0],
            'cpu_time': {'alone': alone[1], 'in_batch': together[1]},
            'batch': TIMED_BATCH, 'threads': 1, 'cpu': cpu_model()}


def _medians(candidate: Candidate, batches: list[ImageArray]) -> tuple[float, float]:
    """Return the median wall time and CPU time per face, milliseconds."""
    times = []
    for batch in batches[:WARM_UP] + batches:
        started, worked = time.perf_counter(), time.process_time()
        candidate.predict(plain_views(batch, candidate.spec))
        times.append((time.perf_counter() - started, time.process_time() - worked))
    clock, processor = 1e3 * np.median(times[WARM_UP:], axis=0) / len(batches[0])
    return round(float(clock), 4), round(float(processor), 4)


def cpu_model() -> str:
    """Return the name of the processor, or its architecture if the name is unknown."""
    with contextlib.suppress(OSError):   # not Linux
        text = Path('/proc/cpuinfo').read_text(encoding='utf-8')
        if found := re.search(r'^(?:model name|Model)[ \t]*:[ \t]*(\S.*)$', text, re.MULTILINE):
            return found[1].strip()
    return platform.processor() or platform.machine()
