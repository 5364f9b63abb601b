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

"""Validation accuracy by learning rate and regularisation, with two kinds of pooling."""

from pathlib import Path
from typing import Any

from face_affect_training.figures import markdown, networks_table, pictures, results
import numpy as np

NAME = 'rate_maps'
COMMAND = 'face_affect figures run rate_maps'
RATE, PENALTY = 'training.learning_rate', 'network.options.regularisation'
TITLES = {'five_layer_cnn': 'max-pooling',
          'five_layer_cnn_fractional': 'fractional max-pooling'}


def draw(folder: Path, out: Path) -> list[Path]:
    """Write rate_maps.png from rate_maps.json."""
    maps = _maps(results.read(folder, NAME, COMMAND)['cells'])
    every = np.concatenate([values.ravel() for _, _, values in maps.values()])
    low, high = float(np.nanmin(every)), float(np.nanmax(every))
    figure, axes = pictures.panels(1, len(maps), height=3.8)
    for axis, (network, (rates, penalties, values)) in zip(axes[0], maps.items()):
        drawn = pictures.heat_map(axis, 100.0 * values, low=100.0 * low, high=100.0 * high,
                                  rows=[f'{value:g}' for value in penalties],
                                  columns=[f'{value:g}' for value in rates], form='{:.1f}')
        axis.set(title=TITLES.get(network, network), xlabel='learning rate')
    axes[0, 0].set_ylabel('L2 regularisation')
    figure.colorbar(drawn, ax=list(axes[0]), label='best validation accuracy, %', pad=0.02)
    return [pictures.save(figure, out / f'{NAME}.png', colours=96)]


def section(folder: Path) -> str:
    """Return the page's section."""
    facts = results.read(folder, NAME, COMMAND)
    cells = facts['cells']
    rows = []
    for network, title in TITLES.items():
        own = [cell for cell in cells if cell['network'] == network]
        if own:
            best = max(own, key=lambda cell: float(cell['best']['val_accuracy']))
            rows.append((f'{network} ({title})', str(len(own)),
                         markdown.percent(best['best']['val_accuracy']),
                         markdown.percent(best['best']['train_accuracy']),
                         f'{best["changes"][RATE]:g}', f'{best["changes"][PENALTY]:g}'))
    sizes = results.read(folder, networks_table.SIZES, networks_table.SIZES_COMMAND)['networks']
    plain, fractional = (markdown.count(sizes[network]['parameters']) for network in TITLES)
    return markdown.paragraphs(
        '## Learning rate and regularisation, with and without fractional max-pooling',
        'The five-layer CNN with ordinary and with fractional max-pooling (Graham 2014) over a '
        'grid of peak learning rates and L2 penalties on its weights. '
        f"{markdown.setting(facts['experiment'], cells[0])} Each cell is one run, so that "
        'differences of a percentage point say little. Fractional pooling shrinks the picture in '
        f'smaller steps, so that more of it reaches the dense layers: {fractional} parameters '
        f'instead of {plain}.',
        markdown.not_run(facts['missing']),
        f'![Validation accuracy by learning rate and regularisation]({NAME}.png)',
        markdown.table(('network', 'runs', 'best validation', 'its train accuracy',
                        'its learning rate', 'its regularisation'), rows),
        f'Numbers: [{NAME}.json]({NAME}.json).',
        markdown.commands(COMMAND))


def _maps(cells: list[dict[str, Any]]) -> dict[str, tuple[list[float], list[float], Any]]:
    """Return rates, penalties and best accuracies (penalties, rates) of each network."""
    maps = {}
    for network in dict.fromkeys(cell['network'] for cell in cells):
        own = {(cell['changes'][PENALTY], cell['changes'][RATE]): cell['best']['val_accuracy']
               for cell in cells if cell['network'] == network}
        penalties = sorted({float(penalty) for penalty, _ in own})
        rates = sorted({float(rate) for _, rate in own})
        values = np.array([[own.get((penalty, rate), np.nan) for rate in rates]
                           for penalty in penalties], np.float64)
        maps[network] = rates, penalties, values
    return maps
