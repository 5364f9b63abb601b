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

"""Recall of a detector by size, roll, light, masks and groups of people."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
from face_affect_ros.affect.detectors import Detector, make_detector
from face_affect_ros.affect.rotated_search import RotatedSearch
from face_affect_ros.affect.types import AffectError, Detections, FloatArray, ImageArray
from face_affect_training.data.gender import read_fairface
from face_affect_training.detection.evaluation import evaluate, LabelledPicture, LEAST_SCORE
import numpy as np

#: Height of the faces of FairFace in pixels, and height and width of the grey image around them.
GROUP_HEIGHT, GROUP_IMAGE = 32, (240, 320)
#: Height of the face relative to a FairFace image.
CHIP_FACE = 0.66
#: Minimum heights of the faces in pixels.
HEIGHTS = (12, 16, 24, 32, 64)
ROLLS = (45.0, 90.0, 180.0)
WIDE = (1280, 720)
TAGS = {'mask=on': 'surgical mask', 'illum=1': 'extreme light', 'occ=2': 'half hidden',
        'pose=1': 'turned away', 'blur=2': 'blurred'}


def report(name: str, pictures: Sequence[LabelledPicture], *, size: int = 0,
           min_score: float | None = None, false_alarms: int = 6,
           rotated_search: bool = False) -> dict[str, Any]:
    """
    Evaluate a detector on labelled images.

    Args:
        name: name or folder of the detector.
        min_score: score threshold; None for the lowest one with at most `false_alarms` false
            detections in the images without a face.
        rotated_search: also run it on the rotated image.
    """
    search = RotatedSearch(make_detector(name, size=size, min_score=LEAST_SCORE),
                           min_score=LEAST_SCORE, enabled=rotated_search)

    def detector(image: ImageArray) -> Detections:
        search.reset()   # in both directions, as in the first image of a clip
        return search(image, 0.0)

    upright = evaluate(detector, pictures)
    score = upright.score_for(false_alarms) if min_score is None else min_score
    result: dict[str, Any] = {
        'detector': name, 'detector_size': size, 'min_score': round(score, 3),
        'pictures': len(pictures), 'faces': len(upright.heights),
        'average_precision': round(upright.average_precision(), 4),
        **{f'recall_{height}': round(upright.recall(height, score), 4) for height in HEIGHTS},
        'false_per_picture': round(float((upright.false >= score).sum()) / len(pictures), 3),
        'faceless_pictures': upright.pictures_without,
        'false_on_faceless': int((upright.faceless >= score).sum()),
        'tags': {text: round(upright.recall(32, score, tag), 4) for tag, text in TAGS.items()
                 if any(tag in each for each in upright.tags)},
        'rolled': {}}
    for degrees in ROLLS:
        rolled = evaluate(detector, pictures, roll=degrees).recall(32, score)
        result['rolled'][f'{degrees:g}'] = {
            'recall_32': round(rolled, 4),
            'of_upright': round(rolled / max(upright.recall(32, score), 1e-9), 4)}
    wide = evaluate(detector, pictures, canvas=WIDE)
    result['in_1280x720'] = {f'recall_{height}': round(wide.recall(height, score), 4)
                             for height in (16, 32)}
    return result


def landmark_error(name: str, reference: str, pictures: Sequence[LabelledPicture], *,
                   size: int = 0, min_score: float = 0.5) -> dict[str, Any]:
    """
    Return the distance to the landmarks of another detector, relative to the eye distance.

    The faces are those that both detect, with a height of at least 24 pixels and an eye distance
    of at least a quarter of the width. AffectError if there is none.
    """
    ours, other = (make_detector(each, size=each_size, min_score=min_score)
                   for each, each_size in ((name, size), (reference, 640)))
    errors: list[FloatArray] = []
    for picture in pictures:
        image = np.asarray(cv2.imread(str(picture.path)), np.uint8)
        found, expected = ours(image), other(image)
        for box, points in zip(expected.boxes, expected.landmarks):
            eyes = float(np.linalg.norm(points[1] - points[0]))
            if not len(found) or box[3] < 24 or eyes < 0.25 * box[2]:
                continue
            away = np.linalg.norm(found.boxes[:, :2] + found.boxes[:, 2:] / 2
                                  - box[:2] - box[2:] / 2, axis=1)
            nearest = int(np.argmin(away))
            if away[nearest] < 0.3 * box[2]:
                distances = np.linalg.norm(found.landmarks[nearest] - points, axis=1)
                errors.append(distances / eyes)
    if not errors:
        raise AffectError(f'{name}, {reference}: no face is found by both')
    values = np.stack(errors)
    return {'faces': len(values), 'mean': round(float(values.mean()), 4),
            'median': round(float(np.median(values.mean(axis=1))), 4)}


def by_group(detector: Detector, folder: Path) -> dict[str, float]:
    """Return the recall for small validation faces of FairFace by its seven groups of race."""
    faces = read_fairface(folder, 'val')
    found = np.array([len(detector(_on_grey(chip))) > 0 for chip in faces.images])
    races = faces.groups['race']
    return {str(race): round(float(found[races == race].mean()), 4) for race in np.unique(races)}


def _on_grey(chip: ImageArray) -> ImageArray:
    side = round(GROUP_HEIGHT / CHIP_FACE)
    image = np.full((*GROUP_IMAGE, 3), 128, np.uint8)
    top, left = ((length - side) // 2 for length in GROUP_IMAGE)
    image[top:top + side, left:left + side] = cv2.resize(chip, (side, side),
                                                         interpolation=cv2.INTER_AREA)
    return image
