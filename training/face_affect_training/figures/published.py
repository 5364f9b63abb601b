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
What the paper's own published weights reach, on the faces that ours are judged on.

The weights are not part of the repository: they are looked for under FACE_AFFECT_SHARED.
"""

from dataclasses import dataclass
import hashlib
from pathlib import Path
from typing import Any

from face_affect_ros.affect.crop import CropSpec
from face_affect_ros.affect.types import AffectError, LABELS
from face_affect_training import tflite
from face_affect_training.data.types import FaceData
from face_affect_training.evaluate import faces_of_reader
from face_affect_training.figures import markdown, results
from face_affect_training.metrics import report
from face_affect_training.views import plain_views
import numpy as np

NAME = 'published_weights'
COMMAND = 'face_affect figures published'


@dataclass(frozen=True)
class Published:
    """
    A published network: network input = pixel * scale + offset, (size, size) grey.

    reader, path, split: its faces, path below the shared folder. zooms: of the chip; below 1 it
    takes a part of the input only, and its edge pixels are repeated around it.
    """

    file: str
    task: str
    reader: str
    path: str
    split: str
    zooms: tuple[float, ...]
    scale: float = 1.0 / 255.0
    offset: float = 0.0
    size: int = 64


NETWORKS = (
    Published('arriaga2017_emotion_mini_xception.tflite', 'emotion', 'fer2013_sheets',
              'data/fer2013', 'PublicTest', (1.0,), scale=2.0 / 255.0, offset=-1.0),
    Published('arriaga2017_gender_mini_xception.tflite', 'gender', 'fairface',
              'data/faces_gender', 'val', (1.0, 1.0 / 1.4)),
)


def measure(shared: Path) -> dict[str, Any]:
    """Return the figures of each published network. Raises AffectError where a file is missing."""
    return {'command': COMMAND,
            'networks': [_measure(wanted, shared) for wanted in NETWORKS]}


def section(folder: Path) -> str:
    """Return the page's section."""
    facts = results.read(folder, NAME, COMMAND)
    rows = [(f"{entry['task']}, {entry['file']}", entry['data'], f"{entry['faces']:,}",
             _context(view['context']),
             markdown.percent(view['accuracy']), markdown.percent(view['balanced_accuracy']))
            for entry in facts['networks'] for view in entry['views']]
    return markdown.paragraphs(
        '## The published weights',
        "The paper's own weights, as TFLite, on the same faces. The emotion network was chosen by "
        'its authors on PublicTest and PrivateTest together, so that its figure is no clean test; '
        'the gender network was trained on IMDB crops, and sees more around the face there.',
        markdown.table(('network', 'faces', 'number', 'crop', 'accuracy', 'mean recall'), rows),
        f'Numbers: [{NAME}.json]({NAME}.json).',
        markdown.commands(COMMAND))


def _context(share: float) -> str:
    return f'chip and {share:.0%} on each side'.replace('%', ' %') if share else 'chip'


def _measure(wanted: Published, shared: Path) -> dict[str, Any]:
    path = shared / 'reference' / wanted.file
    if not path.is_file():
        raise AffectError(f'{path}: the published weights are not there; set FACE_AFFECT_SHARED '
                          'to the folder that holds reference/')
    faces = faces_of_reader(wanted.reader, shared / wanted.path, wanted.split)
    return {'file': wanted.file, 'sha256': hashlib.sha256(path.read_bytes()).hexdigest(),
            'bytes': path.stat().st_size, 'task': wanted.task, 'data': faces.source,
            'faces': len(faces),
            'input': {'size': wanted.size, 'scale': wanted.scale, 'offset': wanted.offset},
            'views': [_judge(path, wanted, faces, zoom) for zoom in wanted.zooms]}


def _judge(path: Path, wanted: Published, faces: FaceData, zoom: float) -> dict[str, Any]:
    views = plain_views(faces.images, CropSpec(wanted.size, 1), zoom).astype(np.float32)
    inputs = views * np.float32(wanted.scale) + np.float32(wanted.offset)
    figures = report(tflite.predict(path, inputs), faces.labels, LABELS[wanted.task])
    return {'context': round((1.0 / zoom - 1.0) / 2.0, 3),
            **{key: round(figures[key], 4) for key in ('accuracy', 'balanced_accuracy')},
            'recall': {name: round(entry['recall'], 4)
                       for name, entry in figures['per_class'].items()}}
