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

from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_training.experiment import build_dataclass, Experiment, load_experiment, read_yaml
from face_affect_training.figures import results
from face_affect_training.metrics import accuracy_and_loss
from face_affect_training.networks.lowering import lowered
from face_affect_training.runs import best_metrics, from_pixels, load_run, read_log
from face_affect_training.train import load_data, train
from face_affect_training.views import plain_views
import keras
import numpy as np
import numpy.typing as npt

#: Folder of the plans that are given by name.
FOLDER = Path(__file__).resolve().parents[2] / 'experiments' / 'figures'
BATCH = 256


@dataclass(frozen=True)
class Plan:
    """
    An experiment and its variations.

    Attributes:
        base: YAML file of the experiment, relative to that of the plan.
        curves: whether the training faces are evaluated after every epoch.
        cells: changes of each variation by its name, 'section.key' to value.
        grid: values by 'section.key', which are combined with each other and with the cells.
        path: YAML file of the plan.
    """

    base: str
    curves: bool = False
    cells: dict[str, dict[str, Any]] = field(default_factory=lambda: {'': {}})
    grid: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    path: Path = Path()

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
        max_minutes: float = 0.0) -> list[str]:
    """
    Train the cells that are not finished, and write the results of all finished cells.

    Args:
        folder: contains one run per cell.
        summary: path of the result file.
        cache: folder for decoded images.
        max_minutes: save the state and stop after this time; 0 for no limit.

    Returns:
        The names of the cells that are not finished.

    Raises:
        AffectError: the run of a cell is of a different experiment.
    """
    deadline = time.monotonic() + 60.0 * max_minutes if max_minutes else math.inf
    done = {}
    for cell in plan.cells:
        left = (deadline - time.monotonic()) / 60.0
        if left > 0.0:
            print(f'{plan.name}: {cell}', file=sys.stderr, flush=True)
            result = _train(plan, cell, folder / cell, cache, left if max_minutes else 0.0)
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
           max_minutes: float) -> dict[str, Any] | None:
    """Train and evaluate one cell; return None if it is not finished within the time limit."""
    experiment = plan.experiment(cell)
    faces, validation = load_data(experiment, cache)[experiment.task]
    spec = experiment.input.spec()
    splits = {'train': (plain_views(faces.images, spec), faces.labels),
              'val': (plain_views(validation.images, spec), validation.labels)}
    keras.backend.clear_session()   # free the previous network
    if not train(experiment, own, cache=cache, max_minutes=max_minutes,
                 curves=plan.curves)['finished']:
        return None

    def measure(file: str) -> dict[str, Any]:
        """Return accuracy and loss without augmentation on both splits."""
        _, network = load_run(own / file)
        model = from_pixels(lowered(network), experiment)
        found = {split: _evaluate(model, *each) for split, each in splits.items()}
        return {f'{split}_{figure}': value for split, pair in found.items()
                for figure, value in zip(('accuracy', 'loss'), pair)}

    best, rows = best_metrics(own), read_log(own)
    curves = {f'{split}_{figure}': [_number(row[f'{split}_{figure}']) for row in rows]
              for split in splits for figure in ('accuracy', 'loss') if plan.curves}
    return {'name': cell, 'changes': plan.cells[cell], 'backend': keras.backend.backend(),
            'network': experiment.network.name,
            'parameters': load_run(own / 'best.keras')[1].count_params(),
            'train': faces.source, 'train_faces': len(faces), 'validation': validation.source,
            'validation_faces': len(validation), 'epochs': experiment.training.epochs,
            'final': measure('last.keras'),
            'best': {'epoch': best['epoch'], **measure('best.keras')},
            **({'curves': curves} if curves else {})}


def _evaluate(model: keras.Model, crops: ImageArray,
              labels: npt.NDArray[np.int64]) -> tuple[float, float | None]:
    accuracy, loss = accuracy_and_loss(keras.ops.convert_to_numpy(
        model.predict(crops, batch_size=BATCH, verbose=0)), labels)
    return round(accuracy, 4), _number(round(loss, 4))


def _number(value: Any) -> float | None:
    """Return None for infinity and NaN."""
    return float(value) if math.isfinite(float(value)) else None
