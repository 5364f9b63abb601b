"""The paper's table: train and validation accuracy of each network, and what it costs."""

import csv
from pathlib import Path
from typing import Any

import yaml

from face_affect_training.figures import markdown, pictures, results

NAME, SIZES = 'networks', 'network_sizes'
COMMAND, SIZES_COMMAND = 'face_affect figures run networks', 'face_affect figures sizes'
RANDOM = 'network.options.weights'
DATA = {'emotion': ('FER-2013 Training', 'FER-2013 PublicTest'),
        'gender': ('FairFace train', 'FairFace val')}


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


def section(folder: Path, models: Path) -> str:
    """Return the page's section. models: folder of the shipped models."""
    facts = results.read(folder, NAME, COMMAND)
    sizes = results.read(folder, SIZES, SIZES_COMMAND)['networks']
    return markdown.paragraphs(
        '## Networks',
        f"{markdown.setting(facts['experiment'], facts['cells'][0])} All networks get the same "
        'faces and number of epochs, far fewer than they could use: the table compares them, it '
        'does not show what each can reach. Accuracy is taken on undisturbed views after the '
        'training, for both splits with the same code.',
        markdown.not_run(facts['missing']),
        markdown.table(('network', 'parameters', 'multiply-accumulates', 'TFLite bytes',
                        'learning rate', 'train, last epoch', 'validation, last epoch',
                        'train, best epoch', 'validation, best epoch', 'best epoch'),
                       [_row(cell, sizes[cell['name']], facts['experiment'])
                        for cell in facts['cells']]),
        f'![Accuracy of each network, the cheapest at the bottom]({NAME}.png)',
        f'Numbers: [{NAME}.json]({NAME}.json), [{SIZES}.json]({SIZES}.json).',
        markdown.commands(COMMAND, SIZES_COMMAND),
        '### Trained to the end',
        "The shipped models. Their accuracy is that of the TFLite file behind the robot's own "
        'crop code; checkpoints were chosen on the validation faces. The logs hold each epoch.',
        markdown.table(('model', 'network', 'parameters', 'TFLite bytes', 'train', 'validation',
                        'epochs', 'best validation in the log'), _shipped(folder, models)),
        markdown.commands('face_affect train training/experiments/NAME.yaml',
                          'face_affect export runs/NAME',
                          'face_affect evaluate --model NAME --data READER FOLDER SPLIT'))


def _row(cell: dict[str, Any], size: dict[str, Any], base: dict[str, Any]) -> tuple[str, ...]:
    random = ', random weights' if cell['changes'].get(RANDOM) == 'random' else ''
    rate = cell['changes'].get('training.learning_rate', base['training']['learning_rate'])
    return (f"{cell['name']}{random}", markdown.count(cell['parameters']),
            markdown.count(size['macs']), markdown.count(size['tflite_bytes']), f'{rate:g}',
            *(markdown.percent(cell[when][f'{split}_accuracy'])
              for when in ('final', 'best') for split in ('train', 'val')),
            str(cell['best']['epoch']))


def _shipped(folder: Path, models: Path) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for path in sorted(models.glob('*/card.yaml')):
        card = yaml.safe_load(path.read_text(encoding='utf-8'))
        if card['kind'] != 'classifier' or 'training' not in card:
            continue
        train, validation = (
            results.evaluations(folder, card['heads'][0]['task'], data).get(card['name'])
            for data in DATA[card['heads'][0]['task']])
        name = card['training']['experiment']
        log = folder / 'training' / f'{name}.csv'
        epochs, best, link = markdown.UNKNOWN, markdown.UNKNOWN, card['name']
        if log.is_file():
            with log.open(newline='', encoding='utf-8') as file:
                lines = list(csv.DictReader(file))
            epochs, best = str(len(lines)), markdown.percent(float(lines[-1]['best']))
            link = f"[{card['name']}](training/{log.name})"
        rows.append((link, card['network'], markdown.count(card['parameters']),
                     markdown.count(card['bytes']), _accuracy(train), _accuracy(validation),
                     epochs, best))
    return rows


def _accuracy(found: tuple[Path, dict[str, Any]] | None) -> str:
    if found is None:
        return markdown.UNKNOWN
    path, facts = found
    return f"[{markdown.percent(facts['accuracy'])}]({path})"
