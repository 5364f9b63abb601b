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
Figure 4 of the paper: guided back-propagation of each expression.

Single faces of the data sets are not shown, only means over many people and the public-domain
portrait of scikit-image.
"""

from pathlib import Path
from typing import Any

from face_affect_ros.affect.crop import CropSpec, extract_crop
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.pipeline import make_pipeline
from face_affect_ros.affect.saliency import heat_of_gradient, overlay, Saliency, to_bgr
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import AffectError, EMOTIONS, ImageArray
from face_affect_ros.media import open_media
from face_affect_training.data.faces import FaceData
from face_affect_training.figures import pictures, results
from face_affect_training.saliency.bias import Floats, MANY, on_face
from face_affect_training.views import plain_views
import numpy as np
import numpy.typing as npt

NAME = 'guided'
Picture = npt.NDArray[Any]
#: Maximum number of faces of a mean map: correctly classified ones with the highest confidence.
MOST = 200


def make(models: list[str], faces: FaceData, folder: Path, command: str) -> list[Path]:
    """
    Write guided.json and guided.png of expression models with gradients; return their paths.

    Raises:
        AffectError: a model or the faces are not of expressions.
    """
    if faces.task != 'emotion':
        raise AffectError(f'{faces.source}: has labels of {faces.task}, not of emotion')
    rows: list[list[Picture | None]] = []
    captions: list[list[str]] = []
    names: list[str] = []
    record: dict[str, Any] = {'command': command, 'data': faces.source, 'models': {}}
    for model in models:
        saliency = Saliency(load_card(model))
        name = saliency.card.name
        if saliency.card.heads[0].task != 'emotion':
            raise AffectError(f"model '{name}' classifies {saliency.card.heads[0].task}, not "
                              'emotion')
        drawn, counts, maps = _means(saliency, faces)
        rows += [drawn, _of_portrait(saliency)]
        captions += [[str(count) for count in counts], [''] * len(EMOTIONS)]
        names += [f'{name}\nmean', 'portrait']
        record['models'][name] = {'sha256': saliency.card.sha256,
                                  'faces': dict(zip(EMOTIONS, counts)),
                                  'likeness_of_classes': _likeness(maps)}
    results.write(folder / f'{NAME}.json', record)
    return [folder / f'{NAME}.json', pictures.sheet(
        rows, folder / f'{NAME}.png', rows=names, columns=EMOTIONS, captions=captions)]


def _means(saliency: Saliency,
           faces: FaceData) -> tuple[list[Picture | None], list[int], list[Floats]]:
    """Return by class the map drawn over the mean face and the number of faces; and the maps."""
    crops = plain_views(faces.images, saliency.card.crop)
    probabilities = np.stack([saliency(crop).probabilities for crop in crops])
    drawn: list[Picture | None] = [None] * len(EMOTIONS)
    counts: list[int] = []
    heats: list[Floats] = []
    for label in range(len(EMOTIONS)):
        right = np.flatnonzero((faces.labels == label) & (probabilities.argmax(1) == label))
        chosen = right[np.argsort(-probabilities[right, label], kind='stable')][:MOST]
        counts.append(len(chosen))
        if len(chosen) >= MANY:
            each = [heat_of_gradient(saliency(crops[row], label).gradient) for row in chosen]
            heats.append(np.stack(each).mean(0, dtype=np.float64))
            drawn[label] = on_face(crops[chosen].mean((0, 3)) / 255.0, heats[-1])
    return drawn, counts, heats


def portrait_crop(spec: CropSpec) -> ImageArray:
    """Return the crop of the face in the portrait, (S, S, C) uint8."""
    with open_media('') as media:
        image = next(iter(media)).image
    [face] = make_pipeline(PipelineSettings(emotion_model='', gender_model='')).process(image, 0.0)
    return extract_crop(image, face, spec)


def _of_portrait(saliency: Saliency) -> list[Picture | None]:
    crop = portrait_crop(saliency.card.crop)
    return [np.asarray(overlay(to_bgr(crop), saliency.heat(crop, label))[:, :, ::-1] / 255.0)
            for label in range(len(EMOTIONS))]


def _likeness(heats: list[Floats]) -> float | None:
    """Return the mean correlation between the maps of two classes."""
    if len(heats) < 2:
        return None
    correlations = np.corrcoef([heat.ravel() for heat in heats])
    return round(float(correlations[np.triu_indices(len(heats), 1)].mean()), 3)


def page_entries(folder: Path) -> dict[str, Any]:
    """Return the fields of the results page."""
    record = results.read(folder, NAME, 'face_affect figures guided')
    alike = ', '.join(f"{model['likeness_of_classes']} for `{name}`"
                      for name, model in record['models'].items())
    return {'guided_data': record['data'], 'guided_alike': alike,
            'guided_command': results.command(record['command']), 'most': MOST, 'many': MANY}
