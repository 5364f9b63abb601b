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

"""Evaluation of models on labelled faces, through the robot's own crop, scale and classifier."""

from collections.abc import Callable
from dataclasses import dataclass, replace
import os
from pathlib import Path
import platform
import sys
import time
from typing import Any

import cv2
from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.crop import box_of_chip, CropSpec, extract_crops
from face_affect_ros.affect.model_store import CARD, Head, load_card, sha256_of
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray, LABELS, LANDMARKS
from face_affect_training.data import read
from face_affect_training.data.faces import FaceData, repeats
from face_affect_training.metrics import coverage, coverage_curve, report
import numpy as np
import numpy.typing as npt
from tqdm import tqdm

#: Pictures that are cropped and classified at a time.
BATCH = 64
#: Faces that are timed one by one, and the faces of a batch and its repetitions.
ALONE, TOGETHER, REPEATED = 200, 16, 25
#: Runs before the clock counts.
WARM_UP = 5


@dataclass(frozen=True)
class Candidate:
    """
    One head of a model to evaluate.

    Attributes:
        name, path: of its file.
        form: 'tflite' or 'keras'.
        head: its labels, threshold and temperature.
        spec: its crop.
        predict: from (N, size, size, channels) uint8 to calibrated probabilities (N, K).
    """

    name: str
    form: str
    path: Path
    head: Head
    spec: CropSpec
    predict: Callable[[ImageArray], FloatArray]


def open_candidate(model: str, *, task: str | None = None) -> Candidate:
    """
    Return a model to evaluate.

    Args:
        model: name of one of the robot's models, its folder, its card or the .tflite file beside
            the card; or a run's folder, or a .keras file beside its experiment.yaml.
        task: which head, where there are several.

    Raises:
        AffectError: the model is not found or lacks the task.
    """
    path = Path(model).expanduser()
    if (path / 'experiment.yaml').is_file() and not (path / CARD).is_file():
        path = path / 'best.keras'
    if path.suffix == '.keras':
        return _checkpoint(path, task)
    card = load_card(str(path.with_name(CARD)) if path.suffix == '.tflite' else model)
    if path.suffix == '.tflite' and not (path.is_file() and card.path.samefile(path)):
        raise AffectError(f'{path}: is not the file of the {CARD} beside it, that is '
                          f'{card.path.name}')
    if card.kind != 'classifier':
        raise AffectError(f"model '{card.name}' is a {card.kind}, only classifiers can be "
                          'evaluated')
    head = card.heads[_index_of(card.name, [head.task for head in card.heads], task)]
    classifier = Classifier(card, tasks=[head.task])
    return Candidate(card.name, 'tflite', card.path, head, card.crop,
                     lambda crops: classifier(crops)[head.task])


def _checkpoint(file: Path, task: str | None) -> Candidate:
    from face_affect_training.runs import load_run  # brings Keras
    experiment, network = load_run(file)
    name, tasks = f'{file.parent.name}/{file.name}', list(experiment.tasks)
    index = _index_of(name, tasks, task)

    def predict(crops: ImageArray) -> FloatArray:
        outputs = network.predict_on_batch(experiment.input.scaled(crops))
        return np.asarray(outputs[index] if isinstance(outputs, list) else outputs, np.float32)

    # nothing is calibrated before export, and no threshold chosen
    head = Head(tasks[index], index, LABELS[tasks[index]], threshold=0.0, temperature=1.0)
    return Candidate(name, 'keras', file, head, experiment.input.spec(), predict)


def _index_of(name: str, tasks: list[str], task: str | None) -> int:
    known = ' and '.join(tasks)
    if task is None and len(tasks) > 1:
        raise AffectError(f"model '{name}' classifies {known}; choose one with --task")
    if task not in (None, *tasks):
        raise AffectError(f"model '{name}' classifies {known}, not {task}")
    return tasks.index(task) if task else 0


def faces_of_reader(reader: str, path: Path, split: str, *, without: str = '') -> FaceData:
    """
    Return one split of a data set.

    without: another split, whose pictures are left out where they are in both, pixel by pixel.
    Raises AffectError where all are.
    """
    faces = read(reader, path, split)
    if not without:
        return faces
    seen, _ = repeats(faces, read(reader, path, without))
    if seen.all():
        raise AffectError(f"{path}: every picture of '{split}' is in '{without}' as well")
    return replace(faces.select(~seen), source=f'{faces.source} without what is in {without}')


def whole_crops(images: ImageArray, spec: CropSpec) -> ImageArray:
    """
    Return the crops whose edges are the pictures' own, (N, size, size, channels) uint8.

    images: (N, H, W) grey or (N, H, W, 3) BGR. No landmarks are known, so nothing is turned; where
    a picture is not square, its edge pixels are repeated.
    """
    height, width = images.shape[1:3]
    box = box_of_chip(width, height, spec.margin)[np.newaxis]
    nowhere = np.full((1, len(LANDMARKS), 2), np.nan, np.float32)
    return np.concatenate([extract_crops(image, box, nowhere, spec) for image in images])


def evaluate(model: str, faces: FaceData, *, task: str | None = None) -> dict[str, Any]:
    """
    Return the figures of a model on some faces as plain values, see docs/evaluation.md.

    Args:
        model: see open_candidate.
        faces: each whole picture is taken as the crop.
        task: which head; by default that of the faces.

    Raises:
        AffectError: the model cannot be run, or its head does not have such labels.
    """
    candidate = open_candidate(model, task=task or faces.task or None)
    head, labels = candidate.head, faces.labels
    if faces.task not in ('', head.task):
        raise AffectError(f'{faces.source}: holds labels of {faces.task}, not of {head.task}')
    if labels.min() < 0 or labels.max() >= len(head.labels):
        known = ', '.join(f'{index} {name}' for index, name in enumerate(head.labels))
        raise AffectError(f'{faces.source}: labels reach from {labels.min()} to {labels.max()}; '
                          f'those of {head.task} are {known}')
    probabilities = predict(candidate, faces)
    return {'model': candidate.name, 'form': candidate.form,
            'sha256': sha256_of(candidate.path), 'bytes': candidate.path.stat().st_size,
            'task': head.task, 'data': faces.source,
            'crop': 'whole picture', 'temperature': head.temperature,
            **report(probabilities, labels, head.labels, faces.groups),
            **coverage(probabilities, labels, head.threshold),
            'coverage_curve': coverage_curve(probabilities, labels),
            'milliseconds_per_face': milliseconds_per_face(candidate, faces.images)}


def predict(candidate: Candidate, faces: FaceData) -> FloatArray:
    """Return the calibrated probabilities (N, K) of all faces. Raises AffectError for NaN."""
    found = []
    with tqdm(total=len(faces), unit='face', desc=candidate.name, disable=None,
              file=sys.stderr) as bar:
        for start in range(0, len(faces), BATCH):
            images = faces.images[start:start + BATCH]
            found.append(candidate.predict(whole_crops(images, candidate.spec)))
            bar.update(len(images))
    probabilities = np.concatenate(found)
    wrong = np.flatnonzero(~np.isfinite(probabilities).all(1))
    if len(wrong):
        raise AffectError(f'{candidate.path}: gives NaN for {len(wrong)} of {len(faces)} faces, '
                          f'the first of them is {faces.names[wrong[0]]}')
    return probabilities


def milliseconds_per_face(candidate: Candidate, images: ImageArray) -> dict[str, Any] | None:
    """
    Return the median times of a face alone and of a face in a batch, and what they were taken on.

    Pixels in, calibrated probabilities out. cpu_time: of all threads, which other programs do not
    lengthen as they do the time of the clock. None for Keras, which does not run on robots.

    Args:
        candidate: to time.
        images: (N, H, W) or (N, H, W, 3), each whole picture is the crop.
    """
    if candidate.form != 'tflite':
        return None
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        alone = _medians(candidate, [images[row:row + 1] for row in _rows(images, ALONE)])
        together = _medians(candidate, [images[_rows(images, TOGETHER)]] * REPEATED)
    finally:
        cv2.setNumThreads(before)
    return {'alone': alone[0], 'in_batch': together[0],
            'cpu_time': {'alone': alone[1], 'in_batch': together[1]},
            'batch': TOGETHER, 'threads': 1, 'cpu': cpu_model(),
            'cores': os.cpu_count(), 'includes': 'crop, scale, network, calibration'}


def _rows(images: ImageArray, count: int) -> npt.NDArray[np.int64]:
    """Return so many rows, from the first on and again where there are fewer."""
    return np.arange(count) % len(images)


def _medians(candidate: Candidate, batches: list[ImageArray]) -> tuple[float, float]:
    """Return the medians per face, in milliseconds, of the clock and of the processor."""
    spent = []
    for batch in batches[:WARM_UP] + batches:
        started, worked = time.perf_counter(), time.process_time()
        candidate.predict(whole_crops(batch, candidate.spec))
        spent.append((time.perf_counter() - started, time.process_time() - worked))
    clock, processor = 1e3 * np.median(spent[WARM_UP:], axis=0) / len(batches[0])
    return round(float(clock), 4), round(float(processor), 4)


def cpu_model() -> str:
    """Return the name of the processor, or of its family where the system has no more."""
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:   # not Linux
        lines = []
    for line in lines:
        key, _, value = line.partition(':')
        if key.strip() in ('model name', 'Model') and value.strip():
            return value.strip()
    return platform.processor() or platform.machine()
