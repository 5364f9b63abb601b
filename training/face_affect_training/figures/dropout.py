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

"""Learning curves of the five-layer CNN at several rates of dropout (Srivastava et al. 2014)."""

from pathlib import Path
from typing import Any

from face_affect_training.figures import markdown, pictures, results

NAME = 'dropout'
COMMAND = 'face_affect figures run dropout'
KEY = 'network.options.dropout'
UNITS = {'accuracy': 'accuracy', 'loss': 'negative log-likelihood'}


def draw(folder: Path, out: Path) -> list[Path]:
    """Write dropout_accuracy.png and dropout_loss.png from dropout.json."""
    cells = _cells(results.read(folder, NAME, COMMAND))
    return [_plot(cells, figure, unit, out / f'{NAME}_{figure}.png')
            for figure, unit in UNITS.items()]


def section(folder: Path) -> str:
    """Return the page's section."""
    facts = results.read(folder, NAME, COMMAND)
    cells = _cells(facts)
    rows = [(f'{cell["changes"][KEY]:g}', *(markdown.percent(cell[when][f'{split}_accuracy'])
                                            for when in ('final', 'best')
                                            for split in ('train', 'val')),
             str(cell['best']['epoch'])) for cell in cells]
    return markdown.paragraphs(
        '## Dropout',
        f'The five-layer CNN at {len(cells)} rates of dropout before its two dense layers. '
        f"{markdown.setting(facts['experiment'], cells[0])} Both splits are judged after every "
        'epoch, without augmentation and with dropout switched off.',
        markdown.not_run(facts['missing']),
        f'![Accuracy by epoch and rate of dropout]({NAME}_accuracy.png)',
        f'![Loss by epoch and rate of dropout]({NAME}_loss.png)',
        markdown.table(('dropout', 'train, last epoch', 'validation, last epoch',
                        'train, best epoch', 'validation, best epoch', 'best epoch'), rows),
        f'Numbers: [{NAME}.json]({NAME}.json).',
        markdown.commands(COMMAND))


def _cells(facts: dict[str, Any]) -> list[dict[str, Any]]:
    return sorted(facts['cells'], key=lambda cell: float(cell['changes'][KEY]))


def _plot(cells: list[dict[str, Any]], figure: str, unit: str, path: Path) -> Path:
    drawing, axes = pictures.panels(1, 2, sharey=True)
    for axis, split, title in zip(axes[0], ('train', 'val'), ('training faces',
                                                              'validation faces')):
        for cell, colour, marker in zip(cells, pictures.COLOURS, pictures.MARKERS):
            curve = [float('nan') if value is None else value
                     for value in cell['curves'][f'{split}_{figure}']]
            axis.plot(range(1, len(curve) + 1), curve, color=colour, marker=marker, markersize=4,
                      markevery=max(1, len(curve) // 10), label=f'{cell["changes"][KEY]:g}')
        axis.set(title=title, xlabel='epoch')
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[0, 0].set_ylabel(unit)
    drawing.legend(*axes[0, 0].get_legend_handles_labels(), title='dropout',
                   loc='outside right upper')
    return pictures.save(drawing, path)
