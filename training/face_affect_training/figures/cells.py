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

"""Training the cells of a plan, one after the other; what its summary holds stays done."""

import csv
import json
from pathlib import Path
import sys
import time
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.experiment import Experiment, make_experiment
from face_affect_training.figures import results
from face_affect_training.figures.measure import measure, PlainCurve, read_curve
from face_affect_training.figures.plans import Cell, Plan
from face_affect_training.train import load_data, train
from face_affect_training.views import plain_views
import keras

CURVE = 'train_curve.json'
#: Only a resume needs these, and they are large.
PASSING = ('state.npz', 'last.keras')


def run(plan: Plan, folder: Path, summary: Path, *, cache: Path,
        max_minutes: float = 0.0) -> list[str]:
    """
    Train what is not yet trained; return the names of the cells that are still missing.

    folder: of the runs, one below it for each cell. summary: the JSON file that is written anew
    after each cell; what it holds of the same experiment is not trained again. cache: folder for
    decoded pictures. max_minutes: stop cleanly after this time, 0 for no limit; the next call
    goes on from there. Raises AffectError where a cell's folder holds a different experiment.
    """
    deadline = time.monotonic() + 60.0 * max_minutes if max_minutes else float('inf')
    done = _kept(plan, summary)
    for cell in plan.cells:
        if cell.name not in done and time.monotonic() < deadline:
            print(f'{plan.name}: {cell.name}', file=sys.stderr, flush=True)
            left = (deadline - time.monotonic()) / 60.0 if max_minutes else 0.0
            result = _train(plan, cell, folder / cell.name, cache=cache, max_minutes=left)
            if result is not None:
                done[cell.name] = result
                _summarise(plan, done, summary)
    return [cell.name for cell in plan.cells if cell.name not in done]


def _kept(plan: Plan, summary: Path) -> dict[str, dict[str, Any]]:
    """Return the results of this plan's cells that are in its summary."""
    if not summary.is_file():
        return {}
    facts = results.read(summary.parent, summary.stem, plan.command)
    wanted = {cell.name: cell.changes for cell in plan.cells}
    kept = {}
    if _same(facts.get('experiment'), plan.base_experiment()):
        kept = {cell['name']: cell for cell in facts['cells']
                if wanted.get(cell['name']) == cell['changes']}
    others = len(facts.get('cells', [])) - len(kept)
    print(f'{summary}: holds {len(kept)} of {len(wanted)} cells'
          + (f'; {others} of other experiments will be replaced' if others else ''),
          file=sys.stderr, flush=True)
    return kept


def _same(facts: Any, experiment: Experiment) -> bool:
    """Return whether a summary is of this experiment; entries that it does not name are usual."""
    try:
        return make_experiment(facts, 'the summary') == experiment
    except AffectError:
        return False


def _train(plan: Plan, cell: Cell, own: Path, *, cache: Path,
           max_minutes: float) -> dict[str, Any] | None:
    """Train and judge one cell; None where the time was up before its end."""
    experiment = plan.experiment(cell)
    faces, judged = load_data(experiment, cache)[experiment.task]
    curve = []
    if plan.curves:
        views = plain_views(faces.images, experiment.input.spec())
        curve = [PlainCurve(own / CURVE, views, faces.labels)]
    keras.backend.clear_session()   # many networks one after the other
    if not train(experiment, own, cache_folder=cache, max_minutes=max_minutes,
                 callbacks=curve)['finished']:
        return None
    best = json.loads((own / 'best.json').read_text(encoding='utf-8'))
    network = keras.models.load_model(own / 'best.keras', compile=False)
    result = {
        'name': cell.name, 'changes': cell.changes, 'backend': keras.backend.backend(),
        'network': experiment.network.name, 'parameters': network.count_params(),
        'train': faces.source, 'train_faces': len(faces),
        'validation': judged.source, 'validation_faces': len(judged),
        'epochs': experiment.training.epochs,
        'final': measure(own / 'last.keras', experiment, train=faces, validation=judged),
        'best': {'epoch': best['epoch'],
                 **measure(own / 'best.keras', experiment, train=faces, validation=judged)},
        'curves': _curves(own),
    }
    for name in PASSING:
        (own / name).unlink(missing_ok=True)
    return result


def _curves(own: Path) -> dict[str, list[float | None]]:
    """Return the numbers of each epoch: the log's, and those on plain training faces if any."""
    with (own / 'log.csv').open(newline='', encoding='utf-8') as file:
        rows = list(csv.DictReader(file))
    names = {'learning_rate': 'learning_rate', 'running_loss': 'loss',
             'running_accuracy': 'accuracy', 'val_loss': 'val_loss',
             'val_accuracy': 'val_accuracy'}
    curves = {name: [_number(row[column]) for row in rows] for name, column in names.items()}
    plain = read_curve(own / CURVE)
    if plain:
        curves['train_accuracy'] = [plain[epoch][0] for epoch in range(len(rows))]
        curves['train_loss'] = [plain[epoch][1] for epoch in range(len(rows))]
    return curves


def _number(text: str) -> float | None:
    """Return a number of the log; None for what JSON cannot say."""
    value = float(text)
    return value if abs(value) < float('inf') else None


def _summarise(plan: Plan, done: dict[str, dict[str, Any]], summary: Path) -> None:
    results.write(summary, {
        'plan': plan.name, 'command': plan.command,
        'experiment': plan.base_experiment().as_mapping(),
        'missing': [cell.name for cell in plan.cells if cell.name not in done],
        'cells': [done[cell.name] for cell in plan.cells if cell.name in done]})
