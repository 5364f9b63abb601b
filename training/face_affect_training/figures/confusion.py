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
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.evaluate.report_files import draw_confusion
from face_affect_training.figures import markdown, pictures, results

DATA = 'FER-2013 PublicTest'
COMMAND = ('face_affect evaluate --model {} --data fer2013_sheets '
           '$FACE_AFFECT_SHARED/data/fer2013 PublicTest > docs/results/{}')


def draw(folder: Path, out: Path) -> list[Path]:
    """Write confusion_MODEL.png for each emotion model that was judged on PublicTest."""
    return [_plot(path, facts, out / f'confusion_{model}.png')
            for model, (path, facts) in results.evaluations(folder, 'emotion', DATA).items()]


def section(folder: Path) -> str:
    """Return the page's section."""
    parts = []
    for model, (path, facts) in results.evaluations(folder, 'emotion', DATA).items():
        parts += [f"`{model}`, {facts['faces']:,} faces, accuracy "
                  f"{markdown.percent(facts['accuracy'])}, mean recall "
                  f"{markdown.percent(facts['balanced_accuracy'])} ([{path.name}]({path})):",
                  f'![Confusion matrix of {model}](confusion_{model}.png)',
                  markdown.commands(COMMAND.format(model, path))]
    return markdown.paragraphs(
        '## Confusion matrix',
        f'Rows are the labels of {DATA}, columns what the model says; each row adds up to 1.',
        *parts)


def _plot(path: Path, facts: dict[str, Any], picture: Path) -> Path:
    if 'confusion_normalised' not in facts:
        raise AffectError(f'{path}: was written by an older version; make it again with: '
                          f"{COMMAND.format(facts['model'], path)}")
    draw_confusion(facts, picture)
    return pictures.shrink(picture, colours=128)
