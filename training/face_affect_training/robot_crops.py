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
Accuracy behind the face detector by crop margin, and by size, blur and turn of the face.

Data sets contain crops from other detectors. These images are enlarged, the detector of the node
finds the face, and the crop is classified, also with reduced resolution and blur.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile
from typing import Any

import cv2
from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.crop import CropSpec, extract_crops
from face_affect_ros.affect.detectors import DEFAULT_DETECTOR, make_detector
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.quality import sharpness_of, turn_of
from face_affect_ros.affect.types import AffectError, Detections, ImageArray
from face_affect_training.data.faces import evenly, FaceData
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Side of the enlarged images, pixels.
CHIP_SIZE = 224
#: Margins to compare, as shares of the box on each side.
MARGINS = (-0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2)
#: Sides of the face box in pixels; sigma of a blur, and path of a motion, in shares of that side.
SIDES = (48, 32, 24, 20, 16, 12, 10, 8)
BLURS = (0.01, 0.02, 0.03, 0.04, 0.06, 0.08)
MOTIONS = (0.05, 0.1, 0.2, 0.3, 0.4)
#: Loss of accuracy that defines a limit.
LOSS = 0.1
#: Share of the unchanged faces that a limit of score, turn or sharpness may refuse.
REFUSED = 0.01


@dataclass(frozen=True)
class Found:
    """Faces that the detector has found, in N of `total` images."""

    total: int
    images: list[ImageArray]   # enlarged, with a border
    faces: list[Detections]   # one in each image
    rows: npt.NDArray[np.int64]   # (N,) of the data set

    def crops(self, spec: CropSpec,
              change: Callable[[ImageArray, float], ImageArray] | None = None) -> ImageArray:
        """
        Return the crops, (N, size, size, channels) uint8.

        change: function of the image and the longer side of the face box in pixels, applied first.
        """
        return np.concatenate([extract_crops(
            image if change is None else change(image, float(max(face.boxes[0, 2:]))),
            face.boxes, face.landmarks, spec) for image, face in zip(self.images, self.faces)])


def find_faces(faces: FaceData, detector: str, *, count: int = 0) -> Found:
    """
    Return the detection nearest to the centre of each image.

    Args:
        faces: data set.
        detector: see make_detector.
        count: number of images, evenly from the data set; 0 for all.

    Raises:
        AffectError: the detector cannot be loaded, or finds no face.
    """
    detect = make_detector(detector)
    chosen = evenly(len(faces), count or len(faces))
    images, found, rows = [], [], []
    for row in chosen:
        image = with_border(faces.images[row])
        seen = detect(image)
        if len(seen):
            offset = seen.boxes[:, :2] + seen.boxes[:, 2:] / 2 - np.array(image.shape[1::-1]) / 2
            nearest = int(np.argmin(np.linalg.norm(offset, axis=1)))
            images.append(image)
            found.append(seen[nearest:nearest + 1])
            rows.append(row)
    if not rows:
        raise AffectError(f'{faces.source}: {detector} finds no face in any of {len(chosen)} '
                          'images')
    return Found(len(chosen), images, found, np.array(rows))


def tune_margin(model: str, faces: FaceData, *,
                detector: str = DEFAULT_DETECTOR) -> dict[str, Any]:
    """
    Return the accuracy at each of MARGINS, on the faces that the detector finds.

    Args:
        model: name or folder.
        faces: data set of a task of the model.
        detector: see make_detector.

    Returns:
        A mapping for JSON; 'chosen' is the margin for the card.

    Raises:
        AffectError: a model or detector cannot be loaded, or no face is found.
    """
    card = load_card(model)
    network = Classifier(card, tasks=[faces.task])
    found = find_faces(faces, detector)
    accuracy = {margin: _short((
        network(found.crops(replace(card.crop, margin=margin)))[faces.task].argmax(1)
        == faces.labels[found.rows]).mean()) for margin in MARGINS}
    return {'model': card.name, 'sha256': card.sha256, 'task': faces.task, 'data': faces.source,
            'detector': detector, 'faces': len(faces), 'found': len(found.rows),
            'accuracy': {f'{margin:g}': value for margin, value in accuracy.items()},
            'chosen': best_margin([accuracy])}


def best_margin(accuracies: Sequence[dict[Any, float]]) -> float:
    """
    Return the margin with the best moving average of three accuracies, since boxes are not exact.

    accuracies: of each task, by at least three margins in ascending order.
    """
    margins = [float(margin) for margin in accuracies[0]]
    values = np.mean([list(each.values()) for each in accuracies], axis=0)
    return margins[1 + int(np.convolve(values, np.ones(3), 'valid').argmax())]


def input_limits(model: str, faces: FaceData, *, count: int = 0,
                 detector: str = DEFAULT_DETECTOR) -> dict[str, Any]:
    """
    Return the accuracy by size, blur and motion of the face, and the limits for the card.

    See tune_margin for the arguments. count: number of faces, evenly from the data set; 0 for all.
    """
    card = load_card(model)
    network = Classifier(card, tasks=[faces.task])
    found = find_faces(faces, detector, count=count)
    labels = faces.labels[found.rows]

    def classify(change: Callable[[ImageArray, float], ImageArray] | None = None
                 ) -> tuple[npt.NDArray[np.bool_], Floats]:
        """Return whether each class is correct, and the sharpness of each crop."""
        crops = found.crops(card.crop, change)
        right = network(crops)[faces.task].argmax(1) == labels
        return right, np.array([sharpness_of(crop) for crop in crops])

    right, sharp = classify()
    sizes = {side: float(classify(partial(_smaller, side))[0].mean()) for side in SIDES}
    blurred = {sigma: classify(partial(_blurred, sigma)) for sigma in BLURS}
    moved = {path: classify(partial(_moved, path)) for path in MOTIONS}
    turns = np.array([turn_of(face.landmarks[0]) for face in found.faces])
    scores = np.array([float(face.scores[0]) for face in found.faces])
    unsharp = [*blurred.values(), *moved.values()]
    every_right = np.concatenate([right, *(hits for hits, _ in unsharp)])
    every_sharp = np.concatenate([sharp, *(values for _, values in unsharp)])
    full = float(right.mean())
    usable = takewhile(lambda side: sizes[side] >= full - LOSS, SIDES)
    return {
        'model': card.name, 'sha256': card.sha256, 'task': faces.task, 'data': faces.source,
        'detector': detector, 'faces': len(labels), 'accuracy': _short(full),
        'by_side': {str(side): _short(value) for side, value in sizes.items()},
        'by_blur': {f'{sigma:g}': _short(hits.mean()) for sigma, (hits, _) in blurred.items()},
        'by_motion': {f'{path:g}': _short(hits.mean()) for path, (hits, _) in moved.items()},
        # For the detector's card, see Detector.face_score.
        'face_score': round(float(np.floor(np.quantile(scores, REFUSED) * 100) / 100), 2),
        'limits': {
            'min_side': float(min(usable, default=SIDES[0])),
            'max_turn': round(float(np.ceil(np.quantile(turns, 1.0 - REFUSED) * 100) / 100), 2),
            'min_sharpness': sharpness_limit(sharp, every_sharp, every_right, full)}}


def sharpness_limit(sharp: Floats, every: Floats, right: npt.NDArray[np.bool_],
                    full: float) -> float:
    """
    Return the sharpness below which the accuracy falls by LOSS; it refuses at most REFUSED faces.

    Args:
        sharp: (N,) sharpness of the unchanged faces.
        every: (M,) sharpness of the unchanged and of the blurred faces.
        right: (M,) whether the class of each is correct.
        full: accuracy of the unchanged faces.
    """
    order = np.argsort(every)
    means = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    lost = np.flatnonzero(means <= full - LOSS)
    limit = float(every[order[lost[-1]]]) if len(lost) else 0.0
    return round(min(limit, float(np.quantile(sharp, REFUSED))), 4)


def with_border(chip: ImageArray) -> ImageArray:
    """Return an enlarged image with a border of repeated edge pixels."""
    large = cv2.resize(chip, (CHIP_SIZE, CHIP_SIZE), interpolation=cv2.INTER_CUBIC)
    border = CHIP_SIZE // 2
    return np.asarray(cv2.copyMakeBorder(large, border, border, border, border,
                                         cv2.BORDER_REPLICATE), np.uint8)


def _blurred(sigma: float, image: ImageArray, box: float) -> ImageArray:
    """Return a blurred image. sigma: share of the side of the face box. box: this side, pixels."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma * box), np.uint8)


def _moved(path: float, image: ImageArray, box: float) -> ImageArray:
    """Return an image blurred by a horizontal motion. path: share of the side of the face box."""
    return np.asarray(cv2.blur(image, (max(1, round(path * box)), 1)), np.uint8)


def _smaller(side: float, image: ImageArray, box: float) -> ImageArray:
    """Return the image reduced to a face box of `side` pixels and enlarged again."""
    (height, width), factor = image.shape[:2], side / box
    if factor >= 1.0:
        return image
    small = cv2.resize(image, (max(1, round(width * factor)), max(1, round(height * factor))),
                       interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _short(value: Any) -> float:
    return round(float(value), 4)
