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

"""
From a finished run to a model: margin, limits, export, evaluation, card and page.

Results are stored in the folder of the run, so that the same command resumes.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
import shutil
import sys
from typing import Any

from face_affect_ros.affect.model_store import CARD, read_card, sha256_of
from face_affect_training import tflite
from face_affect_training.data import faces_of_reader, load_split
from face_affect_training.data.faces import FaceData
from face_affect_training.evaluate import evaluate
from face_affect_training.experiment import (
    data_path,
    Experiment,
    Export,
    load_experiment,
    portable_path,
)
from face_affect_training.export import export
from face_affect_training.figures import models as model_pages
from face_affect_training.figures import results
from face_affect_training.robot_crops import best_margin, input_limits, tune_margin
from face_affect_training.saliency import bias
import joblib

#: Keys of an evaluation on training faces, and on the faces of --also, in the result file.
SHORT = ('data', 'faces', 'accuracy', 'balanced_accuracy', 'ece')
ELSEWHERE = (*SHORT, 'per_class', 'groups', 'group_gaps')


def ship(run: Path, plan: Export, models: Path, folder: Path, *, cache: Path | None = None,
         also: Sequence[Sequence[str]] = ()) -> list[Path]:
    """
    Write the model of a finished run, its result file and its page.

    Args:
        run: folder of the run.
        plan: settings of the export.
        models: folder of the models, written after all files are compared with Keras.
        folder: of result files.
        cache: folder for decoded images.
        also: reader, path and split of further data sets for the evaluation.

    Returns:
        The paths.

    Raises:
        AffectError: a step fails.
    """
    experiment = load_experiment(run / 'experiment.yaml')
    name, trial = experiment.name, run / 'models'
    faces = {task: _faces(experiment, task, 'validation', cache) for task in experiment.tasks}
    further = [faces_of_reader(*each) for each in also]
    step = partial(joblib.Memory(run / 'ship', verbose=0).cache(_step, ignore=['work']),
                   sha256_of(run / 'best.keras'), plan)

    def write(*others: str, **options: Any) -> None:
        for line in export(run, trial, precisions=(plan.precision, *others), mirror=plan.mirror,
                           cache=cache, **options):
            print(line, file=sys.stderr, flush=True)

    # with the exported file; the limits depend on the margin
    step('trial', write)
    margins = {task: step(f'margins {task}', partial(
        tune_margin, str(trial / name), faces[task])) for task in faces}
    margin = best_margin([each['accuracy'] for each in margins.values()])
    step('trial with margin', lambda: write(margin=margin))
    limits = {task: step(f'limits {task}', partial(
        input_limits, str(trial / name), faces[task])) for task in faces}
    others = [each for each in tflite.PRECISIONS if each != plan.precision]
    write(*others, margin=margin, saliency=plan.saliency,
          limits={task: metrics['limits'] for task, metrics in limits.items()})
    shutil.copytree(trial / name, models / name, dirs_exist_ok=True)

    tasks, written = {}, []
    for task in faces:
        evaluated = {plan.precision: evaluate(str(models / name), faces[task], task=task), **{
            each: evaluate(str(trial / f'{name}_{each}'), faces[task], task=task)
            for each in others}}
        tasks[task] = {
            'validation': evaluated[plan.precision],
            'train': _short(evaluate(str(models / name), _faces(experiment, task, 'train', cache),
                                     task=task), SHORT),
            'elsewhere': [_short(evaluate(str(models / name), each, task=task), ELSEWHERE)
                          for each in further if each.task == task],
            'margins': margins[task], 'limits': limits[task],
            'precisions': {precision: _short(metrics, ('bytes', 'accuracy', 'ece'))
                           for precision, metrics in evaluated.items()}}
        if plan.saliency:
            written += _bias(models / name, experiment, task, faces[task], folder)
    result = folder / f'{name}.json'
    results.write(result, {'model': name, 'sha256': evaluated[plan.precision]['sha256'],
                           'experiment': name, 'tasks': tasks})
    return [models / name, result, *written,
            model_pages.write_page(folder, models / name, read_card(models / name / CARD))]


def _step(sha256: str, plan: Export, name: str, work: Callable[[], Any]) -> Any:
    """Do a step; its result is stored for a checkpoint, its export settings and the name."""
    print(f'ship: {name}', file=sys.stderr, flush=True)
    return work()


def _faces(experiment: Experiment, task: str, entry: str, cache: Path | None) -> FaceData:
    data = experiment.tasks[task].data   # the detector needs colour
    return load_split(data, getattr(data, entry), channels=3, cache=cache)


def _bias(model: Path, experiment: Experiment, task: str, faces: FaceData,
          folder: Path) -> list[Path]:
    data = experiment.tasks[task].data
    report, explained = bias.bias_report(str(model), faces)
    return bias.write_report(
        report, explained, folder, f'face_affect bias-report --model {model.name} --data '
        f'{data.reader} {portable_path(str(data_path(data.path)))} {data.validation}')


def _short(metrics: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: metrics[key] for key in keys if key in metrics}
