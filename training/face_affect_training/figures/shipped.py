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

"""What the shipped models are worth: accuracy, precisions, crop margins, classes and groups."""

import csv
from pathlib import Path
import shlex
from typing import Any

from face_affect_training import tflite
from face_affect_training.figures import markdown, results
import yaml

DATA = {'emotion': ('FER-2013 Training', 'FER-2013 PublicTest'),
        'gender': ('FairFace train', 'FairFace val')}
#: Faces of a data set that no network here has learned from or was chosen on.
ELSEWHERE = 'UTKFace test'
#: Age groups that are no adults.
YOUNG = ('0-2', '3-9', '10-19')
#: Below the folder of results: evaluations of the models' twins in other precisions.
PRECISIONS = 'precisions'
TWINS = ('', *(f'_{precision}' for precision in tflite.PRECISIONS))


def trained(models: Path) -> list[dict[str, Any]]:
    """Return the cards of the models that this repository has trained."""
    found = [yaml.safe_load(path.read_text(encoding='utf-8'))
             for path in sorted(models.glob('*/card.yaml'))]
    return [card for card in found if card['kind'] == 'classifier' and 'training' in card]


def cards(models: Path) -> list[dict[str, Any]]:
    """Return the same, a card with one head for each task."""
    return [{**card, 'heads': [head]} for card in trained(models) for head in card['heads']]


def section(folder: Path, models: Path) -> str:
    """Return the page's section. models: folder of the shipped models."""
    own = cards(models)
    return markdown.paragraphs(
        '## The shipped models',
        "Accuracy is that of the TFLite file behind the robot's own crop code, on faces cut as "
        'the data set has them. Checkpoints, temperatures and thresholds were chosen on the '
        'validation faces, so that faces never seen do a little worse. The logs hold each epoch.',
        markdown.table(('model', 'network', 'parameters', 'TFLite bytes', 'train', 'validation',
                        'mean recall', 'calibration error', 'UNKNOWN below', 'epochs',
                        'best in the log'), [_row(folder, card) for card in own]),
        'A model is trained by the experiment that its card names, and exported from its run:',
        markdown.commands('face_affect train training/experiments/EXPERIMENT.yaml',
                          *dict.fromkeys(ship(card) for card in own)),
        _precisions(folder, own),
        _elsewhere(folder, own),
        _margins(folder, own),
        _classes(folder, own),
        _groups(folder, own))


def judged(folder: Path, card: dict[str, Any], which: int = 1) -> tuple[Path, dict[str, Any]]:
    """Return file and content of an evaluation. which: 0 train, 1 validation."""
    task = card['heads'][0]['task']
    found = results.evaluations(folder, task, DATA[task][which]).get(card['name'])
    return found if found is not None else (Path(), {})


def _row(folder: Path, card: dict[str, Any]) -> tuple[str, ...]:
    name, link = card['training']['experiment'], card['name']
    log = folder / 'training' / f'{name}.csv'
    epochs, best = markdown.UNKNOWN, markdown.UNKNOWN
    if log.is_file():
        with log.open(newline='', encoding='utf-8') as file:
            lines = list(csv.DictReader(file))
        epochs, best = str(len(lines)), markdown.percent(float(lines[-1]['best']))
        link = f"[{card['name']}](training/{log.name})"
    facts = judged(folder, card)[1]
    return (link, card['network'], markdown.count(card['parameters']),
            markdown.count(card['bytes']),
            *(_accuracy(*judged(folder, card, which)) for which in (0, 1)),
            *(markdown.percent(facts.get(figure)) for figure in ('balanced_accuracy', 'ece')),
            f"{card['heads'][0]['threshold']:g}", epochs, best)


def ship(card: dict[str, Any]) -> str:
    """Return the command that makes a shipped model and all its figures from its run."""
    run = card['training']['experiment']
    words = [card['name'], card['precision'], card.get('saliency', {}).get('weights', ''),
             *(['--mirror'] if card.get('mirror') else []),
             *(['--pair-columns'] if card.get('pair_columns') else []),
             *(['--zooms', *(f'{zoom:g}' for zoom in card['zooms'])] if 'zooms' in card else [])]
    while not words[-1]:
        words.pop()
    return (f'RUN=runs/{run} ' if run != card['name'] else '') + shlex.join(
        ['training/ship.sh', *words])


def _accuracy(path: Path, facts: dict[str, Any]) -> str:
    return f"[{markdown.percent(facts['accuracy'])}]({path})" if facts else markdown.UNKNOWN


def _precisions(folder: Path, own: list[dict[str, Any]]) -> str:
    rows = []
    for card in own:
        task = card['heads'][0]['task']
        found = {**results.evaluations(folder / PRECISIONS, task, DATA[task][1]),
                 **results.evaluations(folder, task, DATA[task][1])}
        for name in (f"{card['name']}{twin}" for twin in TWINS):
            if name in found:
                path, facts = found[name]
                file = path if name == card['name'] else Path(PRECISIONS, path)
                rows.append((f'[{name}]({file})', markdown.count(facts['bytes']),
                             f"{100.0 * facts['accuracy']:.2f} %", markdown.percent(facts['ece'])))
    return '' if len(rows) <= len(own) else markdown.paragraphs(
        '### Precisions',
        'The same network with weights in half the bytes (float16), with 8-bit weights and '
        'activations whose range is measured in every run (dynamic), and in 8-bit integers '
        'throughout (int8). The file without a suffix is shipped; `training/ship.sh` exports and '
        'judges the others as well, and says how far they are from Keras.',
        markdown.table(('model', 'bytes', 'accuracy', 'calibration error'), rows))


def _elsewhere(folder: Path, own: list[dict[str, Any]]) -> str:
    found = results.evaluations(folder, 'gender', ELSEWHERE)
    rows = []
    names = dict.fromkeys(card['name'] for card in own)   # a card of two tasks is there twice
    for path, facts in (found[name] for name in names if name in found):
        ages = facts['groups']['age']
        adults = [entry for age, entry in ages.items() if age not in YOUNG]
        faces = sum(entry['faces'] for entry in adults)
        right = sum(entry['accuracy'] * entry['faces'] for entry in adults)
        rows.append((f"[{facts['model']}]({path})", markdown.count(facts['faces']),
                     markdown.percent(facts['accuracy']), markdown.count(faces),
                     markdown.percent(right / faces),
                     *(markdown.percent(entry['recall'])
                       for entry in facts['per_class'].values())))
    return markdown.paragraphs(
        '### On faces of another data set',
        'UTKFace, which no network here has learned from or was chosen on. Adults are those of 20 '
        'years and more.',
        markdown.table(('model', 'faces', 'accuracy', 'adults', 'accuracy of adults',
                        'recall of women', 'recall of men'), rows),
        markdown.commands('face_affect evaluate --model NAME --data utkface '
                          '$FACE_AFFECT_SHARED/data/faces_gender test')) if rows else ''


def _margins(folder: Path, own: list[dict[str, Any]]) -> str:
    found = {(facts['model'], facts['task']): (path, facts) for path, facts in (
        (path, results.read(folder, path.stem, '')) for path in
        sorted(folder.glob('*_framing.json')))}
    keys = [(card, (card['name'], card['heads'][0]['task'])) for card in own]
    shown = [(card, *found[key]) for card, key in keys if key in found]
    if not shown:
        return ''
    margins = list(dict.fromkeys(margin for _, _, facts in shown for margin in facts['accuracy']))
    rows = []
    for card, path, facts in shown:
        values = [markdown.percent(facts['accuracy'].get(margin)) for margin in margins]
        chosen = f"{card['crop']['margin']:g}"
        rows.append((f"[{card['name']}]({path.name})",
                     f"{facts['found']:,} of {facts['faces']:,}",
                     *(f'**{value}**' if margin == chosen else value
                       for margin, value in zip(margins, values))))
    return markdown.paragraphs(
        "### Behind the robot's detector",
        'Accuracy by crop margin, on the faces that the detector finds in the enlarged pictures. '
        "The card's margin, in bold, is the one with the best mean over itself and its "
        'neighbours, because no box is exact.',
        markdown.table(('model', 'found', *margins), rows),
        markdown.commands('face_affect framing --model NAME --data READER FOLDER SPLIT'))


def _classes(folder: Path, own: list[dict[str, Any]]) -> str:
    parts = []
    for card in own:
        facts = judged(folder, card)[1]
        if facts:
            per_class = facts['per_class']
            parts.append(markdown.table(
                (f"{card['name']}", *per_class),
                [(figure, *(markdown.percent(entry[figure]) for entry in per_class.values()))
                 for figure in ('precision', 'recall')]))
    return markdown.paragraphs('### Unequal', 'By class, on the validation faces:', *parts)


def _groups(folder: Path, own: list[dict[str, Any]]) -> str:
    parts = []
    for card in own:
        facts = judged(folder, card)[1]
        for kind, groups in facts.get('groups', {}).items():
            gap = facts['group_gaps'][kind]
            worst = sorted(groups.items(), key=lambda item: float(item[1]['accuracy']))
            parts += [f"`{card['name']}` by {kind}, the names being the data set's; the lowest, "
                      f"{gap['lowest']}, is {100.0 * gap['below_mean']:.1f} points below the mean "
                      'of the groups:',
                      markdown.table((kind, 'faces', 'accuracy'),
                                     [(name, markdown.count(entry['faces']),
                                       markdown.percent(entry['accuracy']))
                                      for name, entry in worst])]
    return markdown.paragraphs(*parts)
