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

"""The page of a shipped model, models/NAME/README.md, out of its card and its result files."""

from pathlib import Path
import re
from typing import Any

from face_affect_ros.affect.types import LABELS
from face_affect_training.figures import markdown, results, shipped

PAGE = 'README.md'
WHAT = {'emotion': 'apparent expression', 'gender': 'apparent gender'}
MEANING = {
    'emotion': 'The answer is what a network trained on FER-2013 sees in a face, as its raters '
               'labelled pictures found on the web. It is not what the person feels.',
    'gender': "The answer is what a network trained on FairFace's two labels sees in a face. It "
              "is not the person's gender identity, and there are more than two."}
INTENDED = ('A robot that adapts its manner to the people before it, without consequences for '
            'them: a greeting, a pause, a question. Research on such robots, and on these '
            'networks.')
EXCLUDED = ('Any decision about a person: access, employment, education, policing, credit, '
            'health, attention or truthfulness. Identification. Counting people by gender. Use '
            'where the law forbids to infer emotions, as at work and in schools in the European '
            'Union (Regulation 2024/1689, article 5). Children, who '
            'cannot consent.')
#: What a network has learned from and this repository has not trained.
ORIGINS = {
    'dlib': "At the root of it are the weights of dlib's network that tells faces apart: in the "
            'public domain, trained by its author on three million faces of FaceScrub, VGG-Face '
            'and the web.',
    'imagenet': "At the root of it are EfficientNet-Lite's weights: Apache-2.0, trained by its "
                'authors on the 1.3 million pictures of ImageNet.'}
#: Confusions and groups that are named as failures.
NAMED = 3


def write_all(folder: Path, models: Path) -> list[Path]:
    """Write the page of each model that this repository has trained; return their paths."""
    written = []
    for card in shipped.trained(models):
        path = models / str(card['name']) / PAGE
        path.write_text(text(folder, card) + '\n', encoding='utf-8')
        written.append(path)
    return written


def text(folder: Path, card: dict[str, Any]) -> str:
    """Return the page. folder: of result files."""
    tasks = [head['task'] for head in card['heads']]
    size = card['input']['size']
    seen = 'colour' if card['input']['channels'] == 3 else 'grey'
    zooms = ' and '.join(f'{zoom:g}' for zoom in card.get('zooms', ()))
    ways = [f'at the zooms {zooms}'] if zooms else []
    ways += ['in the mirror as well'] if card.get('mirror') else []
    looks = f", {', '.join(ways)}, and takes the mean" if ways else ''
    return markdown.paragraphs(
        f"# {card['name']}",
        f"{' and '.join(WHAT[task] for task in tasks).capitalize()} of a face: "
        f"`{card['network']}`, {card['parameters']:,} parameters, {card['bytes']:,} bytes, sees "
        f'{size}x{size} {seen} pixels{looks}. This page is written by `face_affect figures page` '
        'from [card.yaml](card.yaml) and the files in '
        '[docs/results](../../docs/results/README.md).',
        '## Use', *(MEANING[task] for task in tasks),
        f'**Meant for.** {INTENDED}', f'**Not meant for.** {EXCLUDED}',
        '## Data', *(_data(card, task) for task in tasks), _auxiliary(card),
        _learned_from(card),
        *(part for head in card['heads'] for part in _measured(folder, card, head)),
        *_limits(folder, card),
        f"Licence: {card['licence']}.")


def _data(card: dict[str, Any], task: str) -> str:
    data = card['data'][task]
    balanced = 'balance' in card and len(LABELS[task]) == 2
    balance = ' balance of the classes,' if balanced else ''
    return (f"{WHAT[task].capitalize()}: trained on `{data['training']}`, checkpoint,{balance} "
            f"temperature and threshold chosen on `{data['chosen_on']}`. {data['origin']}. The "
            'pictures are not part of this repository.')


def _auxiliary(card: dict[str, Any]) -> str:
    groups = ' and '.join(card['training'].get('auxiliary', ()))
    return groups and (f'While it was trained, it also learned to tell the groups of {groups} '
                       'that the data name. What answered this is not part of the model.')


def _learned_from(card: dict[str, Any]) -> str:
    names = card['training'].get('learned_from', [])
    runs = ', '.join(f'[{name}](../../training/experiments/{name}.yaml)' for name in names
                     if name not in ORIGINS)
    return ' '.join(([f'It began with, or learned the opinion of: {runs}.'] if runs else [])
                    + [text for name, text in ORIGINS.items() if name in names])


def _measured(folder: Path, card: dict[str, Any], head: dict[str, Any]) -> list[str]:
    """Return the paragraphs about one task."""
    task, metrics = head['task'], card['metrics'][head['task']]
    facts = shipped.judged(folder, {**card, 'heads': [head]})[1]
    recall = (facts or metrics)['balanced_accuracy']   # the card rounds
    parts = [
        f'## {WHAT[task].capitalize()}, measured',
        f"{metrics['data']}, {metrics['faces']:,} faces: accuracy "
        f"{markdown.percent(metrics['accuracy'])}, mean recall "
        f"{markdown.percent(recall)}. These faces have chosen the "
        'checkpoint; faces never seen do a little worse.']
    if not facts:
        return parts
    parts += [markdown.table(('class', 'faces', 'precision', 'recall'), [
        (name, markdown.count(entry['faces']), markdown.percent(entry['precision']),
         markdown.percent(entry['recall'])) for name, entry in facts['per_class'].items()])]
    for kind, groups in facts.get('groups', {}).items():
        parts.append(markdown.table((kind, 'faces', 'accuracy'), [
            (name, markdown.count(entry['faces']), markdown.percent(entry['accuracy']))
            for name, entry in sorted(groups.items(), key=lambda group: _rank(group[0]))]))
    parts += [
        f"Calibrated with temperature {head['temperature']:g}; expected calibration error "
        f"{markdown.percent(facts['ece'])} over 15 bins. Below {head['threshold']:g} the answer "
        'is `unknown`:',
        markdown.table(('threshold', 'answered', 'right of these'), [
            (f"{row['threshold']:.2f}", markdown.percent(row['known_share']),
             markdown.percent(row['accuracy_where_known'])) for row in facts['coverage_curve']
            if row['threshold'] == 0.0 or row['known_share'] < 1.0])]
    speed = facts['milliseconds_per_face']
    if speed:
        parts.append(f"A face takes {speed['alone']:.2f} ms alone and {speed['in_batch']:.2f} ms "
                     f"in a batch of {speed['batch']}, crop and calibration counted, on one "
                     f"thread of {speed['cpu']}.")
    return [*parts, _failures(folder, card, facts)]


def _rank(name: str) -> tuple[int, str]:
    """Return what groups are sorted by: ages as numbers, others by their names."""
    digits = re.search('[0-9]+', name)
    return int(digits[0]) if digits else 0, name


def _failures(folder: Path, card: dict[str, Any], facts: dict[str, Any]) -> str:
    lines = []
    errors = folder / f"errors_{card['name']}.json"
    if errors.is_file() and facts['task'] == 'emotion':
        confusions = results.read(folder, errors.stem, '')['confusions'][:NAMED]
        lines += [f"- {entry['true']} is taken for {entry['taken']}, "
                  f"{markdown.percent(entry['share_of_true'])} of the time, with a mean "
                  f"probability of {markdown.number(entry['mean_probability'])}"
                  for entry in confusions]
    for kind, groups in facts.get('groups', {}).items():
        gap = facts['group_gaps'][kind]
        lowest = groups[gap['lowest']]
        lines.append(f"- by {kind}, the lowest accuracy is that of {gap['lowest']}: "
                     f"{markdown.percent(lowest['accuracy'])} of {lowest['faces']:,} faces, "
                     f"{100.0 * gap['below_mean']:.1f} points below the mean of the groups")
    return markdown.paragraphs('### Known failures', '\n'.join(lines)) if lines else ''


def _limits(folder: Path, card: dict[str, Any]) -> list[str]:
    """Return the section about limits, empty for a card that has none."""
    own = {head['task']: head.get('limits', card.get('limits')) for head in card['heads']}
    if not any(own.values()):
        return []
    return ['## Faces that it cannot judge',
            'They are `unknown`, and the message says why:',
            *(part for task, limits in own.items() if limits
              for part in _limits_of(folder, card['name'], task if len(own) > 1 else '', limits))]


def _limits_of(folder: Path, name: str, task: str, limits: dict[str, float]) -> list[str]:
    """Return the paragraphs of one task. task: '' for the only one."""
    names = {'min_side': ('too_small', "the face box's longer side in pixels below"),
             'max_turn': ('too_turned', "the nose's sideways distance from the middle between "
                          'the eyes, divided by their distance, above'),
             'min_sharpness': ('too_blurred', "the Laplacian's variance, divided by that of the "
                               'grey values, below')}
    rows = [(f'`{reason}`', f'{what} {limits[key]:g}') for key, (reason, what) in names.items()
            if key in limits]
    path = folder / f"{'_'.join(filter(None, (name, task)))}_limits.json"
    curve = ''
    if path.is_file():
        facts = results.read(folder, path.stem, '')
        curve = markdown.paragraphs(
            f"Accuracy by the side of the face box, behind the robot's detector "
            f'([{path.name}](../../docs/results/{path.name})):',
            markdown.table(('pixels', *facts['by_side']),
                           [('accuracy', *(markdown.percent(value)
                                           for value in facts['by_side'].values()))]),
            'By blur, as sigma in shares of that side:',
            markdown.table(('sigma', *facts['by_blur']),
                           [('accuracy', *(markdown.percent(value)
                                           for value in facts['by_blur'].values()))]))
    return [f'{WHAT[task].capitalize()}:' if task else '',
            markdown.table(('reason', 'when'), rows).replace('---:', '---'), curve,
            markdown.commands(f'face_affect limits --model {name} --data READER FOLDER SPLIT '
                              f'> docs/results/{path.name}')]
