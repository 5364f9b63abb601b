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

"""The paper's table: train and validation accuracy of each network, and what it costs."""

from pathlib import Path
from typing import Any

from face_affect_training.figures import markdown, pictures, results

NAME, SIZES = 'networks', 'network_sizes'
COMMAND, SIZES_COMMAND = 'face_affect figures run networks', 'face_affect figures sizes'


def draw(folder: Path, out: Path) -> list[Path]:
    """Write networks.png, accuracy and cost, from networks.json and network_sizes.json."""
    sizes = results.read(folder, SIZES, SIZES_COMMAND)['networks']
    cells = sorted(results.read(folder, NAME, COMMAND)['cells'],
                   key=lambda cell: float(sizes[cell['name']]['macs']))
    figure, axes = pictures.panels(1, 1, height=0.9 + 0.42 * len(cells))
    axis, places = axes[0, 0], list(range(len(cells)))
    shares = {split: [100.0 * cell['best'][f'{split}_accuracy'] for cell in cells]
              for split in ('train', 'val')}
    axis.hlines(places, shares['val'], shares['train'], color='0.6')
    for split, name, marker, colour in (('val', 'validation', 'o', 0), ('train', 'training',
                                                                        '^', 1)):
        axis.plot(shares[split], places, marker, markersize=8, label=name,
                  color=pictures.COLOURS[colour])
    axis.set_yticks(places, [f"{cell['name']}\n{sizes[cell['name']]['macs'] / 1e6:.1f} M "
                             f"multiply-accumulates, {cell['parameters'] / 1e6:.2f} M parameters"
                             for cell in cells], fontsize=8)
    axis.set_xlabel('accuracy at the best epoch, %')
    axis.legend(loc='best')
    return [pictures.save(figure, out / f'{NAME}.png', colours=32)]


def section(folder: Path) -> str:
    """Return the page's section."""
    facts = results.read(folder, NAME, COMMAND)
    sizes = results.read(folder, SIZES, SIZES_COMMAND)['networks']
    return markdown.paragraphs(
        '## Networks',
        f"{markdown.setting(facts['experiment'], facts['cells'][0])} All networks get the same "
        'faces and the same number of epochs, far fewer than they could use: the table '
        'compares them, it does not show what each can reach. Accuracy is taken on undisturbed '
        "views after the training, for both splits with the same code. The paper's fine-tuned "
        'VGG-16 and VGG-Face are not in it: no package was found that holds their weights, and '
        'with random ones they say nothing.',
        markdown.not_run(facts['missing']),
        markdown.table(('network', 'parameters', 'multiply-accumulates', 'TFLite bytes',
                        'learning rate', 'epochs', 'train, last epoch', 'validation, last epoch',
                        'train, best epoch', 'validation, best epoch', 'best epoch'),
                       [_row(cell, sizes[cell['name']], facts['experiment'])
                        for cell in facts['cells']]),
        f'![Accuracy of each network, the cheapest at the bottom]({NAME}.png)',
        f'Numbers: [{NAME}.json]({NAME}.json), [{SIZES}.json]({SIZES}.json).',
        markdown.commands(COMMAND, SIZES_COMMAND))


def _row(cell: dict[str, Any], size: dict[str, Any], base: dict[str, Any]) -> tuple[str, ...]:
    rate = cell['changes'].get('training.learning_rate', base['training']['learning_rate'])
    return (cell['name'], markdown.count(cell['parameters']),
            markdown.count(size['macs']), markdown.count(size['tflite_bytes']), f'{rate:g}',
            str(cell['epochs']),
            *(markdown.percent(cell[when][f'{split}_accuracy'])
              for when in ('final', 'best') for split in ('train', 'val')),
            str(cell['best']['epoch']))
