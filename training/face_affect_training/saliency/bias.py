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

"""Where a model looks: the share of its saliency in each part of the face, by class and group."""

from dataclasses import dataclass
from typing import Any

from face_affect_ros.affect.crop import aligned_matrix, to_channels, warp
from face_affect_ros.affect.detectors import DEFAULT_DETECTOR, Detector, make_detector
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.saliency import heat_of_gradient, MODES, Saliency
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray
from face_affect_training.data.types import FaceData
from face_affect_training.framing import middle_face, with_border
from face_affect_training.saliency.regions import REGIONS, regions
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Pictures of fewer faces could show a person.
MANY = 20


@dataclass(frozen=True)
class Looked:
    """
    What was seen of each face that counts, N in all.

    classes: (N,) name of the class that the model takes for the most probable, and that is
    explained. shares: (N, R) of the absolute gradient in each of REGIONS. areas: (N, R) of the
    crop's pixels. crops: (N, S, S, C) uint8. heats: (N, S, S) in [0, 1]. groups: by name, (N,).
    """

    classes: npt.NDArray[np.str_]
    shares: Floats
    areas: Floats
    crops: ImageArray
    heats: FloatArray
    groups: dict[str, npt.NDArray[np.str_]]


def look(model: str, faces: FaceData, *, mode: str = 'guided', limit: int = 0,
         detector: str = DEFAULT_DETECTOR) -> tuple[dict[str, Any], Looked]:
    """
    Explain what a model says of each face; return the report and what it is made of.

    model: name or folder. mode: 'guided' or 'gradient'. limit: this many faces, evenly spread; 0
    for all. The robot's detector finds the face and its landmarks in the enlarged chip, and the
    crop is the robot's. Faces that it does not find, and profiles, are left out and counted.
    Raises AffectError for a model without gradients, and where no face is left.
    """
    if mode not in MODES[:2]:
        raise AffectError(f"mode '{mode}' is not one of {', '.join(MODES[:2])}")
    card = load_card(model)
    saliency, finder = Saliency(card), make_detector(detector)
    head = next((each for each in card.heads if each.task == faces.task), card.heads[0])
    count = min(limit, len(faces)) if limit else len(faces)
    chosen = np.linspace(0, len(faces) - 1, count).astype(np.int64)
    rows, parts = [], []
    for row in chosen:
        found = _look(faces.images[row], finder, saliency, head.task, mode)
        if found is not None:
            rows.append(row)
            parts.append(found)
    if not parts:
        raise AffectError(f'{faces.source}: {detector} finds no face, seen from the front, in any '
                          f'of the {count} pictures')
    classes, shares, areas, crops, heats = (np.stack(each) for each in zip(*parts))
    labels = head.labels
    looked = Looked(np.array(labels)[classes], shares, areas, crops, heats,
                    {name: values[rows] for name, values in faces.groups.items()})
    report = {'model': card.name, 'sha256': card.sha256, 'data': faces.source, 'mode': mode,
              'detector': detector, 'faces': count, 'left_out': count - len(rows),
              'area': _means(looked.areas), 'all': _row(looked, np.full(len(rows), True)),
              'classes': _table(looked, looked.classes, labels),
              'groups': {name: _table(looked, values, sorted(set(values.tolist())))
                         for name, values in looked.groups.items()}}
    return report, looked


def _look(chip: ImageArray, finder: Detector, saliency: Saliency, task: str, mode: str) -> Any:
    image = with_border(chip)
    face = middle_face(finder, image)
    if face is None:
        return None
    box, points, spec = face.boxes[0], face.landmarks[0], saliency.card.crop
    matrix = aligned_matrix(box, points, spec)
    parts = regions(points @ matrix[:, :2].T + matrix[:, 2], spec.size)
    if parts is None:
        return None
    crop = to_channels(warp(image, matrix, spec.size), spec.channels)
    explanation = saliency(crop, task=task, guided=mode == 'guided')
    strength = np.abs(explanation.gradient).max(axis=2).astype(np.float64)
    total = float(strength.sum())
    if total <= 0.0:
        return None
    shares = np.bincount(parts.ravel(), strength.ravel(), len(REGIONS)) / total
    areas = np.bincount(parts.ravel(), minlength=len(REGIONS)) / parts.size
    return (np.int64(explanation.label), shares, areas, crop,
            heat_of_gradient(explanation.gradient))


def _table(looked: Looked, values: npt.NDArray[np.str_], names: Any) -> dict[str, Any]:
    return {str(name): _row(looked, values == name) for name in names if (values == name).any()}


def _row(looked: Looked, which: npt.NDArray[np.bool_]) -> dict[str, Any]:
    return {'faces': int(which.sum()), 'share': _means(looked.shares[which])}


def _means(values: Floats) -> dict[str, float]:
    return {name: round(float(mean), 4) for name, mean in zip(REGIONS, values.mean(0))}


def mean_pictures(looked: Looked, values: npt.NDArray[Any],
                  names: Any) -> dict[str, tuple[Floats, Floats]]:
    """Return mean face (S, S) and mean heat (S, S), 0 to 1, by name; of MANY faces at least."""
    pictures = {}
    for name in names:
        which = values == name
        if which.sum() >= MANY:
            crops = looked.crops[which].astype(np.float64)
            pictures[str(name)] = (crops.mean((0, 3)) / 255.0,
                                   looked.heats[which].mean(0).astype(np.float64))
    return pictures
