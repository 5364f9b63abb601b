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

"""The page of a shipped model, models/NAME/README.md, out of its card and its result file."""

from pathlib import Path
import re
from typing import Any

from face_affect_training.figures import markdown, shipped
import yaml

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
#: Where the recipes are.
EXPERIMENTS = Path(__file__).resolve().parents[2] / 'experiments'
#: What a network has learned from and this repository has not trained.
ORIGINS = {
    'dlib': "The weights of dlib's network that tells faces apart: in the public domain, trained "
            'by its author on three million faces of FaceScrub, VGG-Face and the web.',
    'imagenet': "EfficientNet-Lite's weights: Apache-2.0, trained by its authors on the 1.3 "
                'million pictures of ImageNet.'}
#: Confusions that are named as failures.
NAMED = 3
#: What the limits of a card mean, and the reason that the robot gives.
LIMITS = {
    'min_side': ('too_small', "the face box's longer side in pixels is below"),
    'max_turn': ('too_turned', "the nose's sideways distance from the middle between the eyes, "
                               'divided by their distance, is above'),
    'min_sharpness': ('too_blurred', "the Laplacian's variance, divided by that of the grey "
                                     'values, is below')}
TEMPLATE = """# {name}

{what} of a face: `{network}`, {parameters:,} parameters, {bytes:,} bytes, sees {size}x{size}
{colours} pixels{looks}. This page is written by `face_affect figures page` out of
[card.yaml](card.yaml) and [its figures](../../docs/results/{name}.json).

## Use

{meaning}

**Meant for.** {intended}

**Not meant for.** {excluded}

## Data

{data}

{origin}

{tasks}

Licence: {licence}.
"""


def write_all(folder: Path, models: Path) -> list[Path]:
    """Write the page of each model that this repository has trained; return their paths."""
    return [write(folder, models / str(card['name']), card) for card in shipped.trained(models)]


def read_card(model: Path) -> dict[str, Any]:
    """Return the card in a model's folder as a mapping."""
    return dict(yaml.safe_load((model / 'card.yaml').read_text(encoding='utf-8')))


def write(folder: Path, model: Path, card: dict[str, Any]) -> Path:
    """Write the page of one model and return its path. folder: of result files."""
    path = model / PAGE
    path.write_text(text(folder, card), encoding='utf-8')
    return path


def text(folder: Path, card: dict[str, Any]) -> str:
    """Return the page. folder: of result files."""
    tasks = [head['task'] for head in card['heads']]
    figures = shipped.figures(folder, card)
    return TEMPLATE.format(
        name=card['name'], what=' and '.join(WHAT[task] for task in tasks).capitalize(),
        network=card['network'], parameters=card['parameters'], bytes=card['bytes'],
        size=card['input']['size'], colours='colour' if card['input']['channels'] == 3 else 'grey',
        looks=' and their mirror image, and gives the mean answer' if card.get('mirror') else '',
        meaning='\n\n'.join(MEANING[task] for task in tasks), intended=INTENDED,
        excluded=EXCLUDED, data='\n\n'.join(_data(card, task) for task in tasks),
        origin=_origin(card), licence=card['licence'],
        tasks=markdown.paragraphs(*(part for head in card['heads']
                                    for part in _task(card, head, figures[head['task']]))))


def _data(card: dict[str, Any], task: str) -> str:
    data = card['data'][task]
    return (f"{WHAT[task].capitalize()}: trained on `{data['training']}`, checkpoint, temperature "
            f"and threshold chosen on `{data['chosen_on']}`. {data['origin']}. The pictures are "
            'not part of this repository.')


def _origin(card: dict[str, Any]) -> str:
    """Return by what recipe and in how much time the model was made, and from what it learned."""
    training = card['training']
    experiment = training['experiment']
    parts = [f'Recipe: [{experiment}](../../training/experiments/{experiment}.yaml).']
    if 'tag' in training:
        parts.append(f"This file was made by the recipe and the code at the tag "
                     f"`{training['tag']}`; the recipe above makes its successor.")
    if training.get('hours'):
        parts.append('Hours of training: ' + ', '.join(
            f'{name} {hours:g}' for name, hours in training['hours'].items())
            + f", on {training['device']}.")
    runs = [f'[{name}](../../training/experiments/{name}.yaml)'
            if (EXPERIMENTS / f'{name}.yaml').is_file() else name
            for name in training.get('learned_from', []) if name not in ORIGINS]
    if runs:
        parts.append(f"It began with, or learned the answers of: {', '.join(runs)}.")
    found = [text for name, text in ORIGINS.items() if name in training.get('learned_from', [])]
    return ' '.join(parts + (['At the root of it:', *found] if found else []))


def _task(card: dict[str, Any], head: dict[str, Any], facts: dict[str, Any]) -> list[str]:
    """Return the paragraphs about one task."""
    task, judged = head['task'], facts['validation']
    parts = [
        f'## {WHAT[task].capitalize()}, measured',
        f"{judged['data']}, {judged['faces']:,} faces: accuracy "
        f"{markdown.percent(judged['accuracy'])}, mean recall "
        f"{markdown.percent(judged['balanced_accuracy'])}. These faces have chosen the "
        'checkpoint; faces never seen do a little worse.',
        markdown.table(('class', 'faces', 'precision', 'recall'), [
            (name, markdown.count(entry['faces']), markdown.percent(entry['precision']),
             markdown.percent(entry['recall'])) for name, entry in judged['per_class'].items()]),
        *(markdown.table((kind, 'faces', 'accuracy'), [
            (name, markdown.count(entry['faces']), markdown.percent(entry['accuracy']))
            for name, entry in sorted(groups.items(), key=lambda group: _rank(group[0]))])
          for kind, groups in judged.get('groups', {}).items()),
        f"Calibrated with temperature {head['temperature']:g}; expected calibration error "
        f"{markdown.percent(judged['ece'])} over 15 bins. Below {head['threshold']:g} the answer "
        'is `unknown`:',
        markdown.table(('threshold', 'answered', 'right of these'), [
            (f"{row['threshold']:.2f}", markdown.percent(row['known_share']),
             markdown.percent(row['accuracy_where_known'])) for row in judged['coverage_curve']
            if row['threshold'] == 0.0 or row['known_share'] < 1.0])]
    speed = judged['milliseconds_per_face']
    if speed:
        parts.append(f"A face takes {speed['alone']:.2f} ms alone and {speed['in_batch']:.2f} ms "
                     f"in a batch of {speed['batch']}, crop and calibration counted, on one "
                     f"thread of {speed['cpu']}.")
    return [*parts, *_failures(judged), *_limits(head.get('limits', card.get('limits')),
                                                 facts['limits'])]


def _rank(name: str) -> tuple[int, str]:
    """Return what groups are sorted by: ages as numbers, others by their names."""
    digits = re.search('[0-9]+', name)
    return int(digits[0]) if digits else 0, name


def _failures(judged: dict[str, Any]) -> list[str]:
    names = list(judged['per_class'])
    shares = sorted(((share or 0.0, names[true], names[taken])
                     for true, row in enumerate(judged['confusion_normalised'])
                     for taken, share in enumerate(row) if true != taken), reverse=True)
    lines = [f'- {true} is taken for {taken}: {markdown.percent(share)}'
             for share, true, taken in shares[:NAMED]]
    for kind, groups in judged.get('groups', {}).items():
        gap = judged['group_gaps'][kind]
        lowest = groups[gap['lowest']]
        lines.append(f"- by {kind}, the lowest accuracy is that of {gap['lowest']}: "
                     f"{markdown.percent(lowest['accuracy'])} of {lowest['faces']:,} faces, "
                     f"{100.0 * gap['below_mean']:.1f} points below the mean of the groups")
    return ['### Known failures', '\n'.join(lines)]


def _limits(limits: dict[str, float] | None, facts: dict[str, Any]) -> list[str]:
    """Return the section about the limits of a card. facts: what `limits` has measured."""
    if not limits:
        return []
    return ['### Faces that it cannot judge', 'They are `unknown`, and the message says why:',
            '\n'.join(f'- `{reason}`: {what} {limits[key]:g}'
                      for key, (reason, what) in LIMITS.items() if key in limits),
            "Accuracy by the side of the face box, behind the robot's detector, and by blur, as "
            'sigma in shares of that side:',
            *(markdown.table((name, *facts[key]), [('accuracy', *map(
                markdown.percent, facts[key].values()))])
              for name, key in (('pixels', 'by_side'), ('sigma', 'by_blur')))]
