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
The paper's figure 4: guided back-propagation of each expression, for two networks.

Faces of the data set are not shown: what stands here are means over many people, and the portrait
that comes with scikit-image, which is in the public domain.
"""

from pathlib import Path
from typing import Any

from face_affect_ros.affect.crop import CropSpec, extract_crop
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.saliency import heat_of_gradient, Saliency
from face_affect_ros.affect.saliency_view import overlay, to_bgr
from face_affect_ros.affect.settings import make_pipeline, PipelineSettings
from face_affect_ros.affect.types import EMOTIONS, ImageArray
from face_affect_ros.media import open_media
from face_affect_training.data.types import FaceData
from face_affect_training.evaluate import whole_crops
from face_affect_training.figures import markdown, results
from face_affect_training.figures.sheets import draw, Picture, Sheet
from face_affect_training.saliency.bias import Floats, MANY
from face_affect_training.saliency.bias_files import on_face
import numpy as np
import numpy.typing as npt

NAME = 'guided'
#: A mean map is made of the faces that the model is surest of and right about, at most so many.
MOST = 200


def make(models: list[str], faces: FaceData, folder: Path, command: str) -> list[Path]:
    """
    Write guided.json and guided.png; return their paths.

    models: names or folders of expression models with gradients. faces: labelled.
    """
    rows: list[list[Picture | None]] = []
    captions: list[list[str]] = []
    names: list[str] = []
    facts: dict[str, Any] = {'command': command, 'data': faces.source, 'models': {}}
    maps: dict[str, list[Any]] = {}
    for model in models:
        saliency = Saliency(load_card(model))
        name = saliency.card.name
        drawn, counts, maps[name] = _means(saliency, faces)
        rows += [drawn, _of_portrait(saliency)]
        captions += [[str(count) for count in counts], [''] * len(EMOTIONS)]
        names += [f'{name}\nmean', 'portrait']
        facts['models'][name] = {'sha256': saliency.card.sha256,
                                 'faces': dict(zip(EMOTIONS, counts)),
                                 'likeness_of_classes': _likeness(maps[name])}
    if len(models) == 2:
        facts['likeness_of_models'] = {
            emotion: _alike(*pair) for emotion, *pair in zip(EMOTIONS, *maps.values())}
    results.write(folder / f'{NAME}.json', facts)
    picture = draw(Sheet(rows, captions, rows=names, columns=EMOTIONS), folder / f'{NAME}.png',
                   scale=2, colours=40)
    return [folder / f'{NAME}.json', picture]


def _means(saliency: Saliency, faces: FaceData) -> tuple[list[Picture | None], list[int], Any]:
    """Return for each class the mean heat over the mean face, the number of faces, the heat."""
    crops = whole_crops(faces.images, saliency.card.crop)
    said = np.stack([saliency(crop).probabilities for crop in crops])
    drawn: list[Picture | None] = []
    counts: list[int] = []
    heats: list[Floats | None] = []
    for label in range(len(EMOTIONS)):
        right = np.flatnonzero((faces.labels == label) & (said.argmax(1) == label))
        chosen = right[np.argsort(-said[right, label], kind='stable')][:MOST]
        counts.append(len(chosen))
        if len(chosen) < MANY:
            drawn.append(None)
            heats.append(None)
            continue
        each = [heat_of_gradient(saliency(crops[row], label).gradient) for row in chosen]
        heat: Floats = np.stack(each).mean(0, dtype=np.float64)
        heats.append(heat)
        drawn.append(on_face(crops[chosen].mean((0, 3)) / 255.0, heat))
    return drawn, counts, heats


def portrait_crop(spec: CropSpec) -> ImageArray:
    """Return the portrait's face as the robot would crop it, (S, S, C) uint8."""
    with open_media('') as media:
        image = next(iter(media)).image
    [face] = make_pipeline(PipelineSettings(emotion_model='', gender_model='')).process(image, 0.0)
    return extract_crop(image, face, spec)


def _of_portrait(saliency: Saliency) -> list[Picture | None]:
    crop = portrait_crop(saliency.card.crop)
    return [np.asarray(overlay(to_bgr(crop), saliency.heat(crop, label))[:, :, ::-1] / 255.0)
            for label in range(len(EMOTIONS))]


def _alike(first: npt.NDArray[Any] | None, second: npt.NDArray[Any] | None) -> float | None:
    if first is None or second is None:
        return None
    return round(float(np.corrcoef(first.ravel(), second.ravel())[0, 1]), 3)


def _likeness(heats: list[Any]) -> float | None:
    """Return the mean correlation of the maps of two different classes."""
    pairs = [_alike(heats[i], heats[j]) for i in range(len(heats)) for j in range(i)]
    known = [value for value in pairs if value is not None]
    return round(float(np.mean(known)), 3) if known else None


def section(folder: Path) -> str:
    """Return the page's section; nothing where the figure has not been made."""
    if not (folder / f'{NAME}.json').is_file():
        return ''
    facts = results.read(folder, NAME, '')
    alike = ', '.join(f"{facts['models'][name]['likeness_of_classes']} for `{name}`"
                      for name in facts['models'])
    between = ', '.join(f'{emotion} {value}' for emotion, value in
                        facts.get('likeness_of_models', {}).items() if value is not None)
    return markdown.paragraphs(
        '## Guided back-propagation',
        f"For each expression the mean map of the faces of {facts['data']} that the model is "
        f'surest of and right about (their number beneath, {MOST} at most, none for fewer than '
        f'{MANY}), over their mean face; and the map of each class on one portrait, whatever it '
        f'shows. Computed by the TFLite graphs that the robot runs ([{NAME}.json]({NAME}.json)).',
        f'![Guided back-propagation of each expression]({NAME}.png)',
        f'The mean maps of two classes correlate by {alike}'
        + (f'; those of the two networks, class by class: {between}.' if between else '.'),
        markdown.commands(facts['command']))
