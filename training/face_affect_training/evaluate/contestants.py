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

"""What can be judged: a model of the robot, or a network that Keras has just trained."""

from collections.abc import Callable
from dataclasses import dataclass
import hashlib
from pathlib import Path
from typing import Any

from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.crop import CropSpec
from face_affect_ros.affect.model_store import CARD, Head, load_card, ModelCard
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray, LABELS
from face_affect_training.evaluate.checkpoints import experiment_of, load_network
from face_affect_training.experiment import Experiment
import numpy as np

Answer = Callable[[ImageArray], FloatArray]


@dataclass(frozen=True)
class Contestant:
    """
    One head of a model, ready to be asked.

    form: 'tflite' or 'keras'. spec: its crop. answer: from (N, size, size, channels) uint8 to
    calibrated probabilities (N, K). threads: that it runs on, 0 where the framework decides.
    """

    name: str
    form: str
    path: Path
    sha256: str
    head: Head
    spec: CropSpec
    answer: Answer
    threads: int


def open_contestant(model: str, *, task: str | None = None, threads: int = 1) -> Contestant:
    """
    Return a model to judge.

    model: name of one of the robot's models, its folder, its card or the .tflite file beside the
    card; or a run's folder, or a .keras file beside its experiment.yaml. task: which head, where
    there are several. Raises AffectError where the model is not found or lacks the task.
    """
    path = Path(model).expanduser()
    if path.suffix == '.keras':
        return _checkpoint(path, task)
    if (path / 'experiment.yaml').is_file() and not (path / CARD).is_file():
        return _checkpoint(path / 'best.keras', task)
    if path.suffix == '.tflite':
        return _robot_model(_card_beside(path), task, threads)
    return _robot_model(load_card(model), task, threads)


def _card_beside(path: Path) -> ModelCard:
    if not (path.parent / CARD).is_file():
        raise AffectError(f'{path}: there is no {CARD} beside it, which says what the network '
                          'wants to see')
    card = load_card(str(path.parent / CARD))
    if not path.is_file() or not card.path.samefile(path):
        raise AffectError(f'{path}: is not the file of the {CARD} beside it, that is '
                          f'{card.path.name}')
    return card


def _robot_model(card: ModelCard, task: str | None, threads: int) -> Contestant:
    if card.kind != 'classifier':
        raise AffectError(f"model '{card.name}' is a {card.kind}, only classifiers can be judged")
    head = _head(card, task)
    classifier = Classifier(card, tasks=[head.task], num_threads=threads)
    return Contestant(name=card.name, form='tflite', path=card.path, sha256=card.sha256, head=head,
                      spec=card.crop, threads=threads,
                      answer=lambda crops: classifier(crops)[head.task])


def _head(card: ModelCard, task: str | None) -> Head:
    heads = [head for head in card.heads if task in (None, head.task)]
    known = ' and '.join(head.task for head in card.heads) or 'no task'
    if not heads:
        raise AffectError(f"model '{card.name}' answers {known}, not {task}")
    if len(heads) > 1:
        raise AffectError(f"model '{card.name}' answers {known}; choose one with --task")
    return heads[0]


def _checkpoint(file: Path, task: str | None) -> Contestant:
    experiment = experiment_of(file)
    tasks = list(experiment.tasks)
    if task is None and len(tasks) > 1:
        raise AffectError(f"{file}: answers {' and '.join(tasks)}; choose one with --task")
    task = task or tasks[0]
    if task not in tasks:
        raise AffectError(f"{file}: answers {' and '.join(tasks)}, not {task}")
    network = load_network(file, experiment)
    # nothing is calibrated before export, and no threshold chosen
    head = Head(task, tasks.index(task), LABELS[task], threshold=0.0, temperature=1.0)
    return Contestant(name=f'{file.parent.name}/{file.name}', form='keras', path=file,
                      sha256=hashlib.sha256(file.read_bytes()).hexdigest(), head=head,
                      spec=experiment.input.spec(), threads=0,
                      answer=_of_keras(network, experiment, head.output))


def _of_keras(network: Any, experiment: Experiment, output: int) -> Answer:
    def answer(crops: ImageArray) -> FloatArray:
        outputs = network.predict_on_batch(experiment.input.scaled(crops))
        chosen = outputs[output] if isinstance(outputs, list) else outputs
        return np.asarray(chosen, np.float32)
    return answer
