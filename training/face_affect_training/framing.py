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
Which crop margin suits a model on the robot: accuracy behind the robot's own detector.

Data sets come as chips that somebody else cut. On the robot a detector draws the box, and the
margin of the card makes a crop of it. The margin should give what the network saw in training.
"""

from collections.abc import Sequence
import dataclasses
from typing import Any

import cv2
from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.crop import extract_crops
from face_affect_ros.affect.detectors import Detector, make_detector
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.types import AffectError, Detections, ImageArray
from face_affect_training.data.types import FaceData
import numpy as np

#: Chips are enlarged to this many pixels, so that the detector sees a face of a usual size.
CHIP_SIZE = 224
#: Margins that are tried, as shares of the box on each side.
MARGINS = (-0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2)


def accuracy_by_margin(model: str, faces: FaceData, margins: Sequence[float],
                       detector: str) -> dict[str, Any]:
    """
    Return the accuracy at each margin, on the faces that the detector finds.

    model: name or folder. faces: chips with labels of one of the model's tasks. detector: see
    make_detector. The key 'chosen' holds the margin for the card. Raises AffectError for a model
    or detector that cannot be loaded, and where no face is found.
    """
    card = load_card(model)
    network = Classifier(card, tasks=[faces.task] if faces.task else None)
    finder, task = make_detector(detector), network.heads[0].task
    crops: dict[float, list[ImageArray]] = {margin: [] for margin in margins}
    labels = []
    for chip, label in zip(faces.images, faces.labels):
        image = with_border(chip)
        face = middle_face(finder, image)
        if face is not None:
            labels.append(label)
            for margin in margins:
                spec = dataclasses.replace(card.crop, margin=margin)
                crops[margin].append(extract_crops(image, face.boxes, face.landmarks, spec))
    if not labels:
        raise AffectError(f'{faces.source}: {detector} finds no face in any of the {len(faces)} '
                          'pictures')
    accuracy = {margin: round(float(np.mean(network(np.concatenate(views))[task].argmax(1)
                                            == np.array(labels))), 4)
                for margin, views in sorted(crops.items())}
    return {'model': card.name, 'sha256': card.sha256, 'task': task, 'data': faces.source,
            'detector': detector, 'faces': len(faces), 'found': len(labels),
            'accuracy': {f'{margin:g}': value for margin, value in accuracy.items()},
            'chosen': chosen(accuracy)}


def chosen(accuracy: dict[float, float]) -> float:
    """
    Return the margin with the best mean over itself and its neighbours, as no box is exact.

    accuracy: by margin, from the smallest to the largest; with fewer than three, the best counts.
    """
    margins, values = list(accuracy), np.array(list(accuracy.values()))
    if len(values) < 3:
        return margins[int(values.argmax())]
    return margins[1 + int(np.convolve(values, np.ones(3), 'valid').argmax())]


def chosen_for_all(framings: Sequence[dict[str, Any]]) -> float:
    """Return the margin for the mean of what accuracy_by_margin gave, one for each task."""
    found = [framing['accuracy'] for framing in framings]
    return chosen({float(margin): float(np.mean([each[margin] for each in found]))
                   for margin in found[0]})


def with_border(chip: ImageArray) -> ImageArray:
    """Return an enlarged chip in the middle of repeated edge pixels."""
    large = cv2.resize(chip, (CHIP_SIZE, CHIP_SIZE), interpolation=cv2.INTER_CUBIC)
    border = CHIP_SIZE // 2
    return np.asarray(np.pad(large, [(border, border)] * 2 + [(0, 0)] * (large.ndim - 2), 'edge'),
                      np.uint8)


def middle_face(finder: Detector, image: ImageArray) -> Detections | None:
    """Return the detection nearest to the middle of the image."""
    found = finder(image)
    if not len(found):
        return None
    away = found.boxes[:, :2] + found.boxes[:, 2:] / 2 - np.array(image.shape[1::-1]) / 2
    nearest = int(np.argmin(np.linalg.norm(away, axis=1)))
    return found[nearest:nearest + 1]
