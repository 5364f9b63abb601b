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

"""The normalised confusion matrix of the shipped emotion models."""

from pathlib import Path

from face_affect_training.evaluate.report_files import draw_confusion
from face_affect_training.figures import markdown, pictures, shipped

TASK = 'emotion'


def draw(folder: Path, models: Path, out: Path) -> list[Path]:
    """Write confusion_MODEL.png for each emotion model. models: folder of the shipped models."""
    written = []
    for card in shipped.trained(models):
        facts = shipped.figures(folder, card)
        if TASK in facts:
            picture = out / f"confusion_{card['name']}.png"
            draw_confusion(facts[TASK]['validation'], picture)
            written.append(pictures.shrink(picture, colours=64))
    return written


def section(folder: Path, models: Path) -> str:
    """Return the page's section."""
    parts = []
    for card in shipped.trained(models):
        name, facts = card['name'], shipped.figures(folder, card).get(TASK)
        if facts:
            judged = facts['validation']
            parts += [f"`{name}`, {judged['faces']:,} faces of {judged['data']}, accuracy "
                      f"{markdown.percent(judged['accuracy'])}, mean recall "
                      f"{markdown.percent(judged['balanced_accuracy'])} "
                      f'([{name}.json]({name}.json)):',
                      f'![Confusion matrix of {name}](confusion_{name}.png)']
    return markdown.paragraphs(
        '## Confusion matrix',
        'Rows are the labels, columns what the model says; each row adds up to 1.', *parts)
