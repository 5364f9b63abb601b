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
Which faces a model cannot judge: its accuracy on small, blurred and turned ones, measured.

Faces of the validation split are found by the robot's detector in their enlarged chips, degraded
step by step, and classified in the robot's crops. Out of the curves come the limits of the card.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cv2
from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.crop import extract_crops
from face_affect_ros.affect.detectors import DEFAULT_DETECTOR, make_detector
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.quality import sharpness_of, turn_of
from face_affect_ros.affect.types import AffectError, Detections, ImageArray
from face_affect_training.data.types import FaceData
from face_affect_training.framing import middle_face, with_border
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Sides of the face box in pixels, and blur as sigma in shares of that side.
SIDES = (48, 32, 24, 20, 16, 12, 10, 8)
BLURS = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08)
#: A face is beyond the limits where accuracy has fallen by so much.
LOSS = 0.1
#: Share of the validation faces as they are that a limit of score, turn or sharpness may refuse.
REFUSED = 0.01
#: Bins of equal numbers of faces for accuracy by turn and by sharpness.
BINS = 10


@dataclass(frozen=True)
class Found:
    """Faces as the detector sees them. images: enlarged chips with a border. labels: (N,)."""

    images: list[ImageArray]
    faces: list[Detections]
    labels: npt.NDArray[np.int64]


def measure(model: str, faces: FaceData, *, limit: int = 0,
            detector: str = DEFAULT_DETECTOR) -> dict[str, Any]:
    """
    Return curves and limits of a model as plain values.

    model: name or folder. limit: of the number of faces, evenly spread; 0 for all. Raises
    AffectError for a model that does not answer these labels, and where no face is found.
    """
    card = load_card(model)
    network = Classifier(card, tasks=[faces.task] if faces.task else None)
    found = _find(faces, limit, detector)

    def judge(images: Iterable[ImageArray]) -> tuple[npt.NDArray[np.bool_], Floats]:
        """Return whether each answer is right, and the sharpness of each crop."""
        crops = np.concatenate([extract_crops(image, face.boxes, face.landmarks, card.crop)
                                for image, face in zip(images, found.faces)])
        said = network(crops)[network.heads[0].task].argmax(1)
        return said == found.labels, np.array([sharpness_of(crop) for crop in crops])

    right, sharp = judge(found.images)
    sizes = {side: judge(_smaller(image, face, side) for image, face in
                         zip(found.images, found.faces))[0] for side in SIDES}
    blurred = {sigma: judge(_blurred(image, face, sigma) for image, face in
                            zip(found.images, found.faces)) for sigma in BLURS}
    turns = np.array([turn_of(face.landmarks[0]) for face in found.faces])
    scores = np.array([float(face.scores[0]) for face in found.faces])
    full = float(right.mean())
    every_right = np.concatenate([right, *(hits for hits, _ in blurred.values())])
    every_sharp = np.concatenate([sharp, *(values for _, values in blurred.values())])
    return {
        'model': card.name, 'sha256': card.sha256, 'task': network.heads[0].task,
        'data': faces.source, 'detector': detector, 'faces': len(found.labels),
        'accuracy': _short(full),
        'by_side': {str(side): _short(hits.mean()) for side, hits in sizes.items()},
        'by_blur': {f'{sigma:g}': _short(hits.mean()) for sigma, (hits, _) in blurred.items()},
        'by_turn': _binned(turns, right), 'by_sharpness': _binned(every_sharp, every_right),
        # For the detector's card, see Detector.face_score.
        'face_score': round(float(np.floor(np.quantile(scores, REFUSED) * 100) / 100), 2),
        'limits': {
            'min_side': float(min(side for side in SIDES
                                  if all(sizes[other].mean() >= full - LOSS
                                         for other in SIDES if other >= side))
                              if sizes[SIDES[0]].mean() >= full - LOSS else SIDES[0]),
            'max_turn': round(float(np.ceil(np.quantile(turns, 1.0 - REFUSED) * 100) / 100), 2),
            'min_sharpness': _sharpness_limit(sharp, every_sharp, every_right, full)}}


def _find(faces: FaceData, limit: int, detector: str) -> Found:
    finder = make_detector(detector)
    count = min(limit, len(faces)) if limit else len(faces)
    images, detections, labels = [], [], []
    for row in np.linspace(0, len(faces) - 1, count).astype(np.int64):
        image = with_border(faces.images[row])
        face = middle_face(finder, image)
        if face is not None:
            images.append(image)
            detections.append(face)
            labels.append(int(faces.labels[row]))
    if not images:
        raise AffectError(f'{faces.source}: {detector} finds no face in any of the {count} '
                          'pictures')
    return Found(images, detections, np.array(labels))


def _smaller(image: ImageArray, face: Detections, side: float) -> ImageArray:
    """Return the image as if the face had so few pixels, enlarged to its size again."""
    height, width = image.shape[:2]
    factor = side / float(max(face.boxes[0, 2:]))
    if factor >= 1.0:
        return image
    small = cv2.resize(image, (max(1, round(width * factor)), max(1, round(height * factor))),
                       interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _blurred(image: ImageArray, face: Detections, sigma: float) -> ImageArray:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma * float(max(face.boxes[0, 2:]))),
                      np.uint8)


def _sharpness_limit(sharp: Floats, every: Floats, right: npt.NDArray[np.bool_],
                     full: float) -> float:
    """Return the sharpness below which accuracy is lost, refusing few of the faces as they are."""
    order = np.argsort(every)
    means = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    lost = np.flatnonzero(means <= full - LOSS)
    limit = float(every[order[lost[-1]]]) if len(lost) else 0.0
    return round(min(limit, float(np.quantile(sharp, REFUSED))), 4)


def _binned(values: Floats, right: npt.NDArray[np.bool_]) -> list[dict[str, float]]:
    """Return upper edge, accuracy and number of faces of bins of equal numbers."""
    order = np.argsort(values, kind='stable')
    return [{'up_to': _short(values[rows[-1]]), 'accuracy': _short(right[rows].mean()),
             'faces': len(rows)} for rows in np.array_split(order, BINS) if len(rows)]


def _short(value: Any) -> float:
    return round(float(min(value, 1e6)), 4)
