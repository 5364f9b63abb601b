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

"""The results page and its figures, generated from the result files in the same folder."""

from pathlib import Path
from typing import Any

from face_affect_training.figures import ascent, guided, models, pictures, results
from face_affect_training.figures.plans import Plan
from face_affect_training.networks import describe
from face_affect_training.runs import build_network
from face_affect_training.saliency import bias
import numpy as np

PAGE = 'README.md'
TEMPLATE = Path(__file__).with_name('results_page.md')
DROPOUT = 'network.options.dropout'
RATE, PENALTY = 'training.learning_rate', 'network.options.regularisation'
TITLES = {'five_layer_cnn': 'max-pooling',
          'five_layer_cnn_fractional': 'fractional max-pooling'}
SIZES, SIZES_COMMAND = 'network_sizes', 'face_affect figures sizes'


def write_sizes(plan: Plan, folder: Path) -> Path:
    """Write network_sizes.json, the sizes of the networks of a plan; return its path."""
    path = folder / f'{SIZES}.json'
    results.write(path, {'command': SIZES_COMMAND, 'networks': {
        cell: describe(build_network(plan.experiment(cell))) for cell in plan.cells}})
    return path


def draw(folder: Path, shipped: Path, out: Path) -> list[Path]:
    """Draw the figures of the result files and of the models in `shipped`; return their paths."""
    return [*models.draw(folder, shipped, out), _draw_networks(folder, out),
            *_draw_dropout(folder, out), _draw_maps(folder, out)]


def text(folder: Path, shipped: Path) -> str:
    """Return the page; AffectError with the command that makes a missing result file."""
    return results.wrapped(TEMPLATE.read_text(encoding='utf-8').format(
        **_networks(folder), **models.tables(folder, shipped), **_dropout(folder), **_maps(folder),
        **guided.page_entries(folder), ascent=ascent.section(folder),
        bias=bias.section(folder)))


def _read(folder: Path, plan: str) -> dict[str, Any]:
    return results.read(folder, plan, f'face_affect figures run {plan}')


def _sizes(folder: Path) -> dict[str, Any]:
    return dict(results.read(folder, SIZES, SIZES_COMMAND)['networks'])


def _setting(record: dict[str, Any]) -> str:
    """Return the text about the training and evaluation of the cells of a plan."""
    experiment, cell = record['experiment'], record['cells'][0]
    training = experiment['training']
    batch = cell['changes'].get('training.batch', training['batch'])
    missing = f" **Not run yet:** {', '.join(record['missing'])}." if record['missing'] else ''
    return (f"Trained on {cell['train']} faces (stratified by class, seed "
            f"{experiment['seed']}) for {cell['epochs']} epochs with {training['optimizer']} and "
            f"batches of {batch}; evaluated on all {cell['validation_faces']:,} faces "
            f"of {cell['validation']}.{missing}")


def _draw_networks(folder: Path, out: Path) -> Path:
    """Write networks.png: accuracy and cost."""
    sizes = _sizes(folder)
    cells = sorted(_read(folder, 'networks')['cells'], key=lambda cell: float(
        sizes[cell['name']]['macs']))
    figure, axes = pictures.panels(1, 1, height=0.9 + 0.42 * len(cells))
    axis, places = axes[0, 0], list(range(len(cells)))
    shares = {split: [100.0 * cell['best'][f'{split}_accuracy'] for cell in cells]
              for split in ('train', 'val')}
    axis.hlines(places, shares['val'], shares['train'], color='0.6')
    for split, name, marker, colour in (('val', 'validation', 'o', 0),
                                        ('train', 'training', '^', 1)):
        axis.plot(shares[split], places, marker, markersize=8, label=name,
                  color=pictures.COLOURS[colour])
    axis.set_yticks(places, [
        f"{name}\n{sizes[name]['macs'] / 1e6:.1f} M multiply-accumulates, "
        f"{sizes[name]['parameters'] / 1e6:.2f} M parameters"
        for name in (cell['name'] for cell in cells)], fontsize=8)
    axis.set_xlabel('accuracy at the best epoch, %')
    axis.legend(loc='best')
    return pictures.save(figure, out / 'networks.png')


def _networks(folder: Path) -> dict[str, str]:
    record, sizes = _read(folder, 'networks'), _sizes(folder)
    usual = record['experiment']['training']['learning_rate']
    rows = [(cell['name'],
             *(sizes[cell['name']][key] for key in ('parameters', 'macs', 'tflite_bytes')),
             f"{cell['changes'].get(RATE, usual):g}",
             *(cell['best'][key] for key in ('train_accuracy', 'val_accuracy', 'epoch')))
            for cell in record['cells']]
    return {'networks_setting': _setting(record), 'networks': results.table(
        ('network', 'parameters', 'multiply-accumulates', 'TFLite bytes', 'learning rate',
         'train accuracy', 'validation accuracy', 'best epoch'), rows)}


def _draw_dropout(folder: Path, out: Path) -> list[Path]:
    """Write dropout_accuracy.png and dropout_loss.png: learning curves by dropout rate."""
    cells = _read(folder, 'dropout')['cells']
    written = []
    for kind, unit in (('accuracy', 'accuracy'), ('loss', 'negative log-likelihood')):
        figure, axes = pictures.panels(1, 2, sharey=True)
        for axis, split, title in zip(axes[0], ('train', 'val'), ('training faces',
                                                                  'validation faces')):
            for cell, colour, marker in zip(cells, pictures.COLOURS, pictures.MARKERS):
                curve = cell['curves'][f'{split}_{kind}']
                axis.plot(range(1, len(curve) + 1), curve, color=colour, marker=marker,
                          markersize=4, markevery=max(1, len(curve) // 10),
                          label=f"{cell['changes'][DROPOUT]:g}")
            axis.set(title=title, xlabel='epoch')
            axis.xaxis.get_major_locator().set_params(integer=True)
        axes[0, 0].set_ylabel(unit)
        figure.legend(*axes[0, 0].get_legend_handles_labels(), title='dropout',
                      loc='outside right upper')
        written.append(pictures.save(figure, out / f'dropout_{kind}.png'))
    return written


def _dropout(folder: Path) -> dict[str, str]:
    record = _read(folder, 'dropout')
    rows = [(f"{cell['changes'][DROPOUT]:g}",
             *(cell[when][f'{split}_accuracy']
               for when in ('final', 'best') for split in ('train', 'val')),
             cell['best']['epoch']) for cell in record['cells']]
    return {'dropout_setting': _setting(record), 'dropout_rates': str(len(rows)),
            'dropout': results.table(
                ('dropout', 'train, last epoch', 'validation, last epoch', 'train, best epoch',
                 'validation, best epoch', 'best epoch'), rows)}


def _draw_maps(folder: Path, out: Path) -> Path:
    """Write rate_maps.png: the best validation accuracy of each cell."""
    cells = _read(folder, 'rate_maps')['cells']
    rates, penalties = (sorted({float(cell['changes'][key]) for cell in cells})
                        for key in (RATE, PENALTY))
    networks = list(dict.fromkeys(cell['network'] for cell in cells))
    values = np.full((len(networks), len(penalties), len(rates)), np.nan)
    for cell in cells:
        values[networks.index(cell['network']), penalties.index(cell['changes'][PENALTY]),
               rates.index(cell['changes'][RATE])] = 100.0 * cell['best']['val_accuracy']
    figure, axes = pictures.panels(1, len(networks), height=3.8)
    for axis, network, accuracies in zip(axes[0], networks, values):
        drawn = pictures.heat_map(axis, accuracies, low=float(np.nanmin(values)),
                                  high=float(np.nanmax(values)), form='{:.1f}',
                                  rows=[f'{value:g}' for value in penalties],
                                  columns=[f'{value:g}' for value in rates])
        axis.set(title=TITLES.get(network, network), xlabel='learning rate')
    axes[0, 0].set_ylabel('L2 regularisation')
    figure.colorbar(drawn, ax=list(axes[0]), label='best validation accuracy, %', pad=0.02)
    return pictures.save(figure, out / 'rate_maps.png', colours=64)


def _maps(folder: Path) -> dict[str, str]:
    record, sizes = _read(folder, 'rate_maps'), _sizes(folder)
    rows = []
    for network, title in TITLES.items():
        own = [cell for cell in record['cells'] if cell['network'] == network]
        if own:
            best = max(own, key=lambda cell: float(cell['best']['val_accuracy']))
            rows.append((f'{network} ({title})', sizes[network]['parameters'], len(own),
                         best['best']['val_accuracy'], best['best']['train_accuracy'],
                         f"{best['changes'][RATE]:g}", f"{best['changes'][PENALTY]:g}"))
    return {'maps_setting': _setting(record), 'maps': results.table(
        ('network', 'parameters', 'runs', 'best validation accuracy', 'train accuracy',
         'learning rate', 'L2 penalty'), rows)}
