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

"""What the paper says, beside what was measured here."""

from pathlib import Path
from typing import Any

from face_affect_training.figures import markdown, networks_table, published, results, shipped

SPEED = 'milliseconds_per_face'
GENDER_DATA, EMOTION_DATA = 'FairFace val', 'FER-2013 PublicTest'


def section(folder: Path, models: Path) -> str:
    """Return the page's section. models: folder of the shipped models."""
    weights = results.read(folder, published.NAME, published.COMMAND)['networks']
    sizes = results.read(folder, networks_table.SIZES, networks_table.SIZES_COMMAND)['networks']
    theirs = {entry['task']: entry for entry in weights}
    shown = published.NAME
    rows = [
        ('expression: 66 % on FER-2013',
         _published(theirs['emotion']), _ours(folder, 'emotion', EMOTION_DATA)),
        ('gender: 95 to 96 % on IMDB', _published(theirs['gender']),
         _ours(folder, 'gender', GENDER_DATA)),
        ('sequential fully-CNN: about 600,000 parameters', markdown.UNKNOWN,
         f"{markdown.count(sizes['sequential_fully_cnn']['parameters'])} "
         f'([network_sizes.json](network_sizes.json))'),
        ('mini-Xception: about 60,000 parameters', markdown.UNKNOWN,
         f"{markdown.count(sizes['mini_xception']['parameters'])} "
         f'([network_sizes.json](network_sizes.json))'),
        ('mini-Xception: 855 KB',
         f"{theirs['emotion']['bytes'] / 1000:.0f} KB as TFLite ([{shown}.json]({shown}.json))",
         _bytes(models)),
        ('0.22 ms a face', markdown.UNKNOWN, _speed(folder)),
    ]
    return markdown.paragraphs(
        '## The paper, and what we measured',
        'Left what "Real-time Convolutional Neural Networks for Emotion and Gender '
        'Classification" (Arriaga, Valdenegro-Toro, Plöger 2017) says; the other columns are '
        'measured by the commands of this page.',
        '\n'.join(line.replace('---:', '---')
                  for line in markdown.table(('the paper', 'its published weights', 'ours'),
                                             rows).split('\n')))


def _published(entry: dict[str, Any]) -> str:
    views = list(entry['views'])
    figures = ' to '.join(dict.fromkeys(markdown.percent(value) for value in (
        min(view['accuracy'] for view in views), max(view['accuracy'] for view in views))))
    return f"{figures} on {entry['data']} ([{published.NAME}.json]({published.NAME}.json))"


def _ours(folder: Path, task: str, data: str) -> str:
    found = results.evaluations(folder, task, data)
    return '; '.join(f"{markdown.percent(facts['accuracy'])} on {data}, `{model}` "
                     f'([{path.name}]({path}))'
                     for model, (path, facts) in found.items()) or markdown.UNKNOWN


def _bytes(models: Path) -> str:
    sizes = []
    for card in shipped.cards(models):
        if card['network'] == 'mini_xception':
            sizes.append(f"{card['bytes'] / 1000:.0f} KB, `{card['name']}` "
                         f"([card](../../models/{card['name']}/card.yaml))")
    return '; '.join(sizes) or markdown.UNKNOWN


def _speed(folder: Path) -> str:
    found = []
    for path, facts in results.all_evaluations(folder):
        if facts.get(SPEED) and facts['data'] in (EMOTION_DATA, GENDER_DATA):
            speed = facts[SPEED]
            found.append(f"{speed['alone']:.2f} ms alone, {speed['in_batch']:.2f} ms in a batch "
                         f"of {speed['batch']}, `{facts['model']}` on one core of {speed['cpu']} "
                         f'([{path.name}]({path}))')
    return '; '.join(found) or markdown.UNKNOWN
