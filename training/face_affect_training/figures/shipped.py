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

"""What the shipped models are worth, out of their cards and the one result file of each."""

import csv
from pathlib import Path
from typing import Any

from face_affect_training.figures import markdown, results
import yaml

#: Age groups that are no adults.
YOUNG = ('0-2', '3-9', '10-19')


def trained(models: Path) -> list[dict[str, Any]]:
    """Return the cards of the models that this repository has trained."""
    found = [yaml.safe_load(path.read_text(encoding='utf-8'))
             for path in sorted(models.glob('*/card.yaml'))]
    return [card for card in found if card['kind'] == 'classifier' and 'training' in card]


def command(name: str) -> str:
    """Return what makes a model and its result file anew."""
    return f'face_affect ship training/experiments/{name}.yaml'


def figures(folder: Path, card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """
    Return the content of a model's result file by task, see ship.measure.

    Raises AffectError where there is none, or where it is of another file than the card.
    """
    name = str(card['name'])
    facts = results.read(folder, name, command(name))
    if facts.get('sha256') != card['sha256']:
        results.refuse(folder / f'{name}.json', 'is of another file than the card', command(name))
    return dict(facts['tasks'])


def section(folder: Path, models: Path) -> str:
    """Return the page's section. models: folder of the shipped models."""
    own = [(card, task, facts) for card in trained(models)
           for task, facts in figures(folder, card).items()]
    return markdown.paragraphs(
        '## The shipped models',
        "Accuracy is that of the TFLite file behind the robot's own crop code, on faces cut as "
        'the data set has them. Checkpoints, temperatures and thresholds were chosen on the '
        'validation faces, so that faces never seen do a little worse. Precision and recall by '
        "class, accuracy by group and by size of the face are on each model's page.",
        markdown.table(('model', 'task', 'parameters', 'TFLite bytes', 'train', 'validation',
                        'mean recall', 'calibration error', 'UNKNOWN below', 'epochs'),
                       [_row(folder, *each) for each in own]),
        'One command makes a model, its teachers first, and its page and figures:',
        markdown.commands(command('NAME'), 'face_affect figures page'),
        '### Precisions',
        'Weights in half the bytes (float16), 8-bit weights with activations whose range is '
        'measured in every run (dynamic), 8-bit integers throughout (int8). The shipped one is '
        'bold.',
        markdown.table(('model', 'task', 'precision', 'bytes', 'accuracy', 'calibration error'),
                       [row for each in own for row in _precisions(*each)]),
        '### On faces of another data set',
        'No network here has learned from these or was chosen on them. Adults are those of 20 '
        'years and more.',
        markdown.table(('model', 'data', 'faces', 'accuracy', 'adults', 'accuracy of adults',
                        'recall by class'),
                       [_elsewhere(card, facts) for card, _, each in own
                        for facts in each.get('elsewhere', ())]),
        "### Behind the robot's detector",
        'Accuracy by crop margin, on the faces that the detector finds in the enlarged pictures. '
        "The card's margin, in bold, is the one with the best mean over itself and its "
        'neighbours, because no box is exact.',
        *_margins(own))


def _row(folder: Path, card: dict[str, Any], task: str, facts: dict[str, Any]) -> tuple[str, ...]:
    log = folder / 'training' / f"{card['training']['experiment']}.csv"
    epochs = markdown.UNKNOWN
    if log.is_file():
        with log.open(newline='', encoding='utf-8') as file:
            epochs = f'[{len(list(csv.DictReader(file)))}](training/{log.name})'
    judged = facts['validation']
    [head] = [head for head in card['heads'] if head['task'] == task]
    return (f"[{card['name']}](../../models/{card['name']}/README.md)", task,
            markdown.count(card['parameters']), markdown.count(card['bytes']),
            markdown.percent(facts['train']['accuracy']), markdown.percent(judged['accuracy']),
            markdown.percent(judged['balanced_accuracy']), markdown.percent(judged['ece']),
            f"{head['threshold']:g}", epochs)


def _precisions(card: dict[str, Any], task: str, facts: dict[str, Any]) -> list[tuple[str, ...]]:
    return [(card['name'], task,
             f'**{precision}**' if precision == card['precision'] else precision,
             markdown.count(each['bytes']), f"{100.0 * each['accuracy']:.2f} %",
             markdown.percent(each['ece']))
            for precision, each in facts['precisions'].items()]


def _elsewhere(card: dict[str, Any], facts: dict[str, Any]) -> tuple[str, ...]:
    adults = [entry for age, entry in facts.get('groups', {}).get('age', {}).items()
              if age not in YOUNG]
    faces = sum(entry['faces'] for entry in adults)
    right = sum(entry['accuracy'] * entry['faces'] for entry in adults)
    return (card['name'], facts['data'], markdown.count(facts['faces']),
            markdown.percent(facts['accuracy']), markdown.count(faces) if faces else '',
            markdown.percent(right / faces) if faces else '',
            ', '.join(f"{name} {markdown.percent(entry['recall'])}"
                      for name, entry in facts['per_class'].items()))


def _margins(own: list[tuple[dict[str, Any], str, dict[str, Any]]]) -> list[str]:
    if not own:
        return []
    margins = list(own[0][2]['framing']['accuracy'])
    rows = []
    for card, task, facts in own:
        framing, chosen = facts['framing'], f"{card['crop']['margin']:g}"
        values = {margin: markdown.percent(framing['accuracy'].get(margin)) for margin in margins}
        rows.append((card['name'], task, f"{framing['found']:,} of {framing['faces']:,}",
                     *(f'**{value}**' if margin == chosen else value
                       for margin, value in values.items())))
    return [markdown.table(('model', 'task', 'found', *margins), rows)]
