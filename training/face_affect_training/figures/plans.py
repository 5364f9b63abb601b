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

"""Plans: YAML files with an experiment and its variations, the cells of a figure or table."""

from dataclasses import dataclass, field, replace
import itertools
import json
import math
from pathlib import Path
import sys
import time
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.experiment import build_dataclass, Experiment, load_experiment, read_yaml
from face_affect_training.figures import results
from face_affect_training.runs import best_metrics, read_log
from face_affect_training.train import load_data, train
import keras

#: Folder of the plans that are given by name.
FOLDER = Path(__file__).resolve().parents[2] / 'experiments' / 'figures'
#: Columns of the log without augmentation.
CURVES = ('train_accuracy', 'train_loss', 'val_accuracy', 'val_loss')


@dataclass(frozen=True)
class Plan:
    """An experiment and its variations."""

    base: str   # YAML file of the experiment, relative to that of the plan
    # changes of each variation by its name, 'section.key' to value
    cells: dict[str, dict[str, Any]] = field(default_factory=lambda: {'': {}})
    # values by 'section.key', which are combined with each other and with the cells
    grid: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    path: Path = Path()   # YAML file of the plan

    @property
    def name(self) -> str:
        """Return the name of the file without its suffix."""
        return self.path.stem

    def experiment(self, cell: str = '') -> Experiment:
        """Return the experiment of one cell, or the base if no cell is given."""
        named = {**self.cells[cell], 'name': f'{self.name}/{cell}'} if cell else {}
        # JSON is valid YAML, and load_experiment() checks names and types.
        return load_experiment(self.path.parent / self.base, [
            f'{key}={json.dumps(value)}' for key, value in named.items()])


def load_plan(name: str) -> Plan:
    """
    Read a plan by its name in experiments/figures, or by the path of a YAML file.

    Returns:
        The plan, whose cells include the combinations of the grid.

    Raises:
        AffectError: the plan does not exist, or an entry or experiment is invalid.
    """
    path = Path(name) if name.endswith('.yaml') else FOLDER / f'{name}.yaml'
    if not path.is_file():
        known = ', '.join(sorted(file.stem for file in FOLDER.glob('*.yaml')))
        raise AffectError(f"plan '{name}' does not exist; choose one of {known}, or give the path "
                          'of a .yaml file')
    plan: Plan = build_dataclass(Plan, read_yaml(path), str(path), path=path)
    combined = {}
    for cell, changes in plan.cells.items():
        for values in itertools.product(*plan.grid.values()):
            own = dict(zip(plan.grid, values))
            parts = [cell, *(f"{key.split('.')[-1]}_{value}" for key, value in own.items())]
            combined['-'.join(filter(None, parts))] = {**changes, **own}
    plan = replace(plan, cells=combined)
    if not combined:
        raise AffectError(f'{path}: there are no cells; give cells, and values for each entry of '
                          'grid')
    for cell in plan.cells:   # report invalid entries before the training
        try:
            plan.experiment(cell)
        except AffectError as error:
            raise AffectError(f"{path}: cell '{cell}': {error}") from error
    return plan


def run(plan: Plan, folder: Path, summary: Path, *, cache: Path,
        deadline: float = math.inf) -> list[str]:
    """
    Train the cells that are not finished, and write the results of all finished cells.

    Args:
        folder: contains one run per cell.
        summary: path of the result file.
        cache: folder for decoded images.
        deadline: time limit on the monotonic clock.

    Returns:
        The names of the cells that are not finished.

    Raises:
        AffectError: the run of a cell is of a different experiment.
    """
    done = {}
    for cell in plan.cells:
        if time.monotonic() < deadline:
            print(f'{plan.name}: {cell}', file=sys.stderr, flush=True)
            result = _train(plan, cell, folder / cell, cache, deadline)
            if result is not None:
                done[cell] = result
    missing = [cell for cell in plan.cells if cell not in done]
    if done:
        results.write(summary, {
            'plan': plan.name, 'command': f'face_affect figures run {plan.name}',
            'experiment': plan.experiment().as_mapping(), 'missing': missing,
            'cells': list(done.values())})
    return missing


def _train(plan: Plan, cell: str, own: Path, cache: Path,
           deadline: float) -> dict[str, Any] | None:
    """Train one cell; return its results, or None if the time limit is reached before its end."""
    experiment = plan.experiment(cell)
    keras.backend.clear_session()   # free the previous network
    if not train(experiment, own, cache=cache, deadline=deadline, curves=True)['finished']:
        return None
    faces, validation = load_data(experiment, cache)[experiment.task]
    rows = read_log(own)
    if not all(row['train_accuracy'] for row in rows):
        raise AffectError(f'{own}: its log lacks the accuracy of the training faces; remove the '
                          'folder to train the cell again')
    curves = {key: [float(row[key]) for row in rows] for key in CURVES}
    best = int(best_metrics(own)['epoch'])
    return {'name': cell, 'changes': plan.cells[cell], 'network': experiment.network.name,
            'train': faces.source, 'validation': validation.source,
            'validation_faces': len(validation), 'epochs': experiment.training.epochs,
            'final': {key: values[-1] for key, values in curves.items()},
            'best': {'epoch': best, **{key: values[best - 1] for key, values in curves.items()}},
            'curves': curves}
