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

#: The models that are the paper's own networks.
OURS = {'emotion': 'emotion_mini_xception', 'gender': 'gender_mini_xception'}


def section(folder: Path, models: Path) -> str:
    """Return the page's section. models: folder of the shipped models."""
    weights = results.read(folder, published.NAME, published.COMMAND)['networks']
    sizes = results.read(folder, networks_table.SIZES, networks_table.SIZES_COMMAND)['networks']
    theirs = {entry['task']: entry for entry in weights}
    cards = {card['name']: card for card in shipped.trained(models)}
    judged = {task: shipped.figures(folder, cards[name])[task]['validation']
              for task, name in OURS.items() if name in cards}
    rows = [
        ('expression: 66 % on FER-2013', _published(theirs['emotion']), _accuracy(judged,
                                                                                  'emotion')),
        ('gender: 95 to 96 % on IMDB', _published(theirs['gender']), _accuracy(judged, 'gender')),
        ('sequential fully-CNN: about 600,000 parameters', markdown.UNKNOWN,
         markdown.count(sizes['sequential_fully_cnn']['parameters'])),
        ('mini-Xception: about 60,000 parameters', markdown.UNKNOWN,
         markdown.count(sizes['mini_xception']['parameters'])),
        ('mini-Xception: 855 KB', f"{theirs['emotion']['bytes'] / 1000:.0f} KB as TFLite",
         '; '.join(f"{cards[name]['bytes'] / 1000:.0f} KB, `{name}`" for name in OURS.values()
                   if name in cards) or markdown.UNKNOWN),
        ('0.22 ms a face', markdown.UNKNOWN,
         '; '.join(_speed(facts) for facts in judged.values()
                   if facts['milliseconds_per_face']) or markdown.UNKNOWN),
    ]
    return markdown.paragraphs(
        '## The paper, and what we measured',
        'Left what "Real-time Convolutional Neural Networks for Emotion and Gender '
        'Classification" (Arriaga, Valdenegro-Toro, Plöger 2017) says; the other columns are '
        'measured: [published_weights.json](published_weights.json), '
        "[network_sizes.json](network_sizes.json), and the models' own files.",
        markdown.table(('the paper', 'its published weights', 'the same network, trained here'),
                       rows).replace('---:', '---'))


def _published(entry: dict[str, Any]) -> str:
    found = [view['accuracy'] for view in entry['views']]
    figures = ' to '.join(dict.fromkeys(map(markdown.percent, (min(found), max(found)))))
    return f"{figures} on {entry['data']}"


def _accuracy(judged: dict[str, Any], task: str) -> str:
    facts = judged.get(task)
    return (f"{markdown.percent(facts['accuracy'])} on {facts['data']}, `{OURS[task]}`"
            if facts else markdown.UNKNOWN)


def _speed(facts: dict[str, Any]) -> str:
    speed = facts['milliseconds_per_face']
    return (f"{speed['alone']:.2f} ms alone, {speed['in_batch']:.2f} ms in a batch of "
            f"{speed['batch']}, `{facts['model']}` on one core of {speed['cpu']}")
