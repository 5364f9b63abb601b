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

"""Plans: one YAML file names an experiment and its variations, the cells of a figure or table."""

from dataclasses import dataclass
import itertools
import json
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.experiment import Experiment, load_experiment
import yaml

#: Where plans are looked for by their name.
FOLDER = Path(__file__).resolve().parents[2] / 'experiments' / 'figures'
ENTRIES = {'base', 'curves', 'cells', 'grid'}


@dataclass(frozen=True)
class Cell:
    """One variation. name: of its folder. changes: 'section.key' of the experiment to value."""

    name: str
    changes: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """
    An experiment and its variations.

    base: the experiment's YAML file. curves: judge the training faces after every epoch, too.
    """

    name: str
    base: Path
    curves: bool
    cells: tuple[Cell, ...]

    @property
    def command(self) -> str:
        """Return what a person types to run it."""
        return f'face_affect figures run {self.name}'

    def base_experiment(self) -> Experiment:
        """Return what all cells share."""
        return load_experiment(self.base)

    def experiment(self, cell: Cell) -> Experiment:
        """Return the experiment of one cell."""
        named = {**cell.changes, 'name': f'{self.name}/{cell.name}'}
        # JSON is YAML, and load_experiment() checks types and names
        return load_experiment(self.base, [f'{key}={json.dumps(value)}'
                                           for key, value in named.items()])


def load_plan(name: str) -> Plan:
    """
    Read a plan by its name in experiments/figures, or by its path.

    Its entries: `base`, an experiment beside it; `cells`, a mapping of names to changes, or
    `grid`, a mapping of keys to lists of values that are combined, or both; `curves`. Raises
    AffectError for anything else.
    """
    path = Path(name) if name.endswith('.yaml') else FOLDER / f'{name}.yaml'
    if not path.is_file():
        known = ', '.join(sorted(file.stem for file in FOLDER.glob('*.yaml')))
        raise AffectError(f"there is no plan '{name}'; choose one of {known or 'none'}, or give "
                          'the path of a .yaml file')
    try:
        facts = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise AffectError(f'{path}: cannot be read as YAML: {error}') from error
    if not isinstance(facts, dict) or 'base' not in facts or set(facts) - ENTRIES:
        raise AffectError(f"{path}: a plan has the entries {', '.join(sorted(ENTRIES))}, and "
                          'base must be there')
    cells, grid = facts.get('cells', {'': {}}), facts.get('grid', {})
    if not _is_table(cells, dict) or not _is_table(grid, list):
        raise AffectError(f'{path}: cells maps names to changes, and grid keys to lists of values')
    plan = Plan(path.stem, path.parent / facts['base'], bool(facts.get('curves', False)),
                tuple(_combined(cells, grid)))
    for cell in plan.cells:
        plan.experiment(cell)   # a wrong entry is found now, not after an hour
    return plan


def _is_table(value: Any, kind: type) -> bool:
    return isinstance(value, dict) and all(isinstance(entry, kind) for entry in value.values())


def _combined(cells: dict[str, dict[str, Any]], grid: dict[str, list[Any]]) -> list[Cell]:
    result = []
    for name, changes in cells.items():
        for values in itertools.product(*grid.values()):
            parts = [name, *(f"{key.split('.')[-1]}_{value}" for key, value in zip(grid, values))]
            result.append(Cell('-'.join(part for part in parts if part),
                               {**changes, **dict(zip(grid, values))}))
    return result
