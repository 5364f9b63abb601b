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

"""
Which class is taken for which, and how sure the model was.

Sheets of single faces are data: they go where the user says and never into the repository. What
may be shown are counts, and mean faces over many people.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_training.data.types import FaceData
from face_affect_training.evaluate import open_contestant
from face_affect_training.evaluate.judging import predict
from face_affect_training.figures import markdown, results
from face_affect_training.figures.sheets import draw, Sheet
import numpy as np
import numpy.typing as npt

NAME = 'errors'
#: A mean face is made of at least so many faces.
MANY = 20
#: Single faces in a row of a sheet.
ROW = 6
#: Their width in pixels, at least: the line of text beneath has to fit.
WIDTH = 140


@dataclass(frozen=True)
class Confusion:
    """One class that was taken for another. rows: of the faces, the most confident first."""

    true: int
    taken: int
    rows: npt.NDArray[np.int64]


def make(model: str, faces: FaceData, folder: Path, sheets: Path, *, task: str | None = None,
         pairs: int = 6, count: int = 24, command: str = '') -> list[Path]:
    """
    Write errors_MODEL.json, mean_faces_MODEL.png and the sheets; return their paths.

    folder: of results. sheets: folder for the sheets of single faces, one for each of the `pairs`
    most frequent confusions, with its `count` most confident errors. Raises AffectError for a
    model that cannot be run on these faces, and for too few faces.
    """
    contestant = open_contestant(model, task=task or faces.task or None)
    probabilities, labels = predict(contestant, faces), contestant.head.labels
    taken, sure = probabilities.argmax(1), probabilities.max(1)
    confusions = _confusions(faces.labels, taken, sure)
    written = []
    for confusion in confusions[:pairs]:
        pair = f'{labels[confusion.true]}_taken_for_{labels[confusion.taken]}.png'
        rows = confusion.rows[:count]
        text = [f'{labels[confusion.true]} as {labels[confusion.taken]} {sure[row]:.2f}'
                for row in rows]
        written.append(_sheet(faces.images[rows], text, sheets / pair))
    name = contestant.name.replace('/', '_')
    result = folder / f'{NAME}_{name}.json'
    results.write(result, {
        'command': command, 'model': name, 'sha256': contestant.sha256, 'data': faces.source,
        'faces': len(faces), 'errors': int((taken != faces.labels).sum()),
        'mean_probability_right': _mean(sure[taken == faces.labels]),
        'mean_probability_wrong': _mean(sure[taken != faces.labels]),
        'confusions': [{'true': labels[entry.true], 'taken': labels[entry.taken],
                        'faces': len(entry.rows),
                        'share_of_true': round(len(entry.rows)
                                               / int((faces.labels == entry.true).sum()), 4),
                        'mean_probability': _mean(sure[entry.rows]),
                        'highest_probability': round(float(sure[entry.rows[0]]), 4)}
                       for entry in confusions]})
    picture = _mean_faces(faces, taken, labels, folder / f'mean_faces_{name}.png')
    return [result, picture, *written]


def section(folder: Path) -> str:
    """Return the page's section. Raises AffectError where no errors have been counted yet."""
    files = sorted(folder.glob(f'{NAME}_*.json'))
    if not files:
        raise AffectError(f'{folder}: there is no {NAME}_*.json; make it with: '
                          'face_affect figures errors --model NAME --data READER FOLDER SPLIT')
    parts = []
    for path in files:
        facts = results.read(folder, path.stem, '')
        rows = [(f"{entry['true']} taken for {entry['taken']}", str(entry['faces']),
                 markdown.percent(entry['share_of_true']),
                 *(markdown.number(entry[f'{which}_probability']) for which in ('mean', 'highest'))
                 ) for entry in facts['confusions'][:12]]
        parts += [
            f"`{facts['model']}` on {facts['data']}: {facts['errors']:,} of {facts['faces']:,} "
            f'faces are taken for something else, with a mean probability of '
            f"{markdown.number(facts['mean_probability_wrong'])}; where it is right, of "
            f"{markdown.number(facts['mean_probability_right'])}. The most frequent of "
            f"{len(facts['confusions'])} kinds of error ([{path.name}]({path.name})):",
            markdown.table(('error', 'faces', 'share of the label', 'mean probability',
                            'highest'), rows),
            f"![Mean faces by label and answer](mean_faces_{facts['model']}.png)",
            markdown.commands(facts['command'])]
    return markdown.paragraphs(
        '## Errors', *parts,
        f'The mean faces: rows are labels, columns answers, each the mean of at least {MANY} '
        'faces with their number beneath it; the others are left out. FER-2013 shows people who '
        'were not asked, so no single face is shown here: the command writes sheets of the most '
        'confident errors, with answer and probability, into the folder that --sheets names.')


def _confusions(labels: npt.NDArray[np.int64], taken: npt.NDArray[np.int64],
                sure: npt.NDArray[np.floating[Any]]) -> list[Confusion]:
    """Return all kinds of error, the most frequent first."""
    found = []
    for true, answer in sorted(set(zip(labels.tolist(), taken.tolist()))):
        rows = np.flatnonzero((labels == true) & (taken == answer))
        if true != answer:
            order = np.argsort(-sure[rows], kind='stable')
            found.append(Confusion(true, answer, rows[order]))
    return sorted(found, key=lambda confusion: -len(confusion.rows))


def _sheet(images: ImageArray, captions: list[str], path: Path) -> Path:
    """Write a sheet of single faces with a line of text beneath each."""
    shown = [(image if image.ndim == 2 else image[..., ::-1]) / 255.0 for image in images]
    starts = range(0, len(shown), ROW)
    return draw(Sheet([shown[start:start + ROW] for start in starts],
                      [captions[start:start + ROW] for start in starts]),
                path, scale=-(-WIDTH // images.shape[2]), colours=128)


def _mean_faces(faces: FaceData, taken: npt.NDArray[np.int64], labels: tuple[str, ...],
                path: Path) -> Path:
    means: list[list[Any]] = [[None] * len(labels) for _ in labels]
    counts = [[''] * len(labels) for _ in labels]
    for true, answer in np.ndindex(len(labels), len(labels)):
        rows = np.flatnonzero((faces.labels == true) & (taken == answer))
        if len(rows) >= MANY:
            means[true][answer] = _stretched(faces.images[rows])
            counts[true][answer] = str(len(rows))
    if not any(count for line in counts for count in line):
        raise AffectError(f'{faces.source}: has too few faces for a mean face; {MANY} are needed '
                          'with the same label and answer')
    return draw(Sheet(means, counts, rows=labels, columns=labels), path, colours=16)


def _stretched(images: ImageArray) -> npt.NDArray[np.float64]:
    """Return the mean of some faces with its contrast stretched, grey values from 0 to 1."""
    mean = np.asarray(images.mean(axis=0, dtype=np.float64), np.float64)
    grey = mean if mean.ndim == 2 else mean.mean(axis=2)
    low, high = np.percentile(grey, (1.0, 99.0))
    return np.asarray(((grey - low) / max(high - low, 1.0)).clip(0.0, 1.0), np.float64)


def _mean(values: npt.NDArray[np.floating[Any]]) -> float | None:
    return round(float(values.mean()), 4) if len(values) else None
