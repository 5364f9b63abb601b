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

"""Recall, precision and false detections of a detector on labelled images."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
import math
from pathlib import Path

import cv2
from face_affect_ros.affect.types import AffectError, Detections, FloatArray, ImageArray
from face_affect_training.data.files import iterate_table
import numpy as np
import numpy.typing as npt

#: Faces below this height and width in pixels are ignored.
LEAST_HEIGHT, LEAST_WIDTH = 12.0, 6.0
#: Score threshold of the detector during the evaluation; any higher threshold can be evaluated.
LEAST_SCORE = 0.05
#: Maximum ratio of the sizes of detection and label.
SIZE_FACTOR = 2.5


@dataclass(frozen=True)
class LabelledPicture:
    """
    An image with labelled faces.

    Attributes:
        path: of the image file.
        boxes: (N, 4) float32, x, y, width, height in pixels.
        ignored: (N,) whether a face counts neither as missed nor as false detection.
        tags: properties of each face, e.g. 'mask=on' or 'illum=1'.
    """

    path: Path
    boxes: FloatArray
    ignored: npt.NDArray[np.bool_]
    tags: tuple[frozenset[str], ...] = ()


def read_labelled(folder: Path) -> list[LabelledPicture]:
    """
    Read the images dev/* of `images.csv` with the labels of `boxes.csv`.

    Raises:
        AffectError: a table cannot be read, a label is not a number, or there are no such images.
    """
    boxes: dict[str, list[list[float]]] = defaultdict(list)
    tags: dict[str, list[frozenset[str]]] = defaultdict(list)
    columns = ('x', 'y', 'w', 'h', 'invalid')
    table = folder / 'boxes.csv'
    for line, row in enumerate(iterate_table(table, ('image', *columns, 'tags')), start=2):
        values = [row[key] for key in columns]
        try:
            boxes[row['image']].append([float(value) for value in values])
        except ValueError as error:
            raise AffectError(f"{table}: line {line}: {', '.join(columns)} are {values}, they "
                              'must be numbers') from error
        tags[row['image']].append(frozenset(row['tags'].split(';')))
    names = [row['image'] for row in iterate_table(folder / 'images.csv', ('image',))
             if row['image'].startswith('dev/')]
    if not names:
        raise AffectError(f"{folder / 'images.csv'}: there is no image dev/*")
    pictures = []
    for name in names:
        labels = np.array(boxes[name], np.float32).reshape(-1, 5)
        ignored = ((labels[:, 4] > 0) | (labels[:, 3] < LEAST_HEIGHT)
                   | (labels[:, 2] < LEAST_WIDTH))
        pictures.append(LabelledPicture(folder / name, labels[:, :4], ignored, tuple(tags[name])))
    return pictures


@dataclass(frozen=True)
class Outcome:
    """
    Detections in labelled images.

    Attributes:
        heights: (F,) heights of all faces that are not ignored.
        tags: properties of each face.
        found: (F,) score of the detection of each face, 0 if it is missed.
        false: (K,) scores of the false detections.
        faceless: scores of the false detections in images without a face.
        pictures: number of images.
        pictures_without: number of images without a face.
    """

    heights: FloatArray
    tags: tuple[frozenset[str], ...]
    found: FloatArray
    false: FloatArray
    faceless: FloatArray
    pictures: int
    pictures_without: int

    def recall(self, height: float, score: float, tag: str = '') -> float:
        """Return the recall for faces of at least this height, with this tag; NaN for no faces."""
        tagged = np.array([not tag or tag in each for each in self.tags], bool)
        chosen = (self.heights >= height) & tagged
        return float((self.found[chosen] >= max(score, 1e-9)).mean()) if chosen.any() else math.nan

    def average_precision(self) -> float:
        """Return the area under the precision-recall curve."""
        true = self.found[self.found > 0]
        scores = np.concatenate([true, self.false])
        hits = np.concatenate([np.ones(len(true)), np.zeros(len(self.false))])
        hits = hits[np.argsort(-scores, kind='stable')]
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        best = np.maximum.accumulate(precision[::-1])[::-1]
        return float((best * hits).sum() / max(len(self.heights), 1))

    def score_for(self, false_alarms: int) -> float:
        """
        Return the lowest threshold with at most this many of the detections in `faceless`.

        It is at least LEAST_SCORE.
        """
        ranked = np.sort(self.faceless)[::-1]
        return float(ranked[false_alarms]) + 1e-6 if len(ranked) > false_alarms else LEAST_SCORE


def evaluate(detect: Callable[[ImageArray], Detections], pictures: Sequence[LabelledPicture], *,
             roll: float = 0.0, canvas: tuple[int, int] | None = None) -> Outcome:
    """
    Run a detector on labelled images.

    Args:
        roll: rotate each image by these degrees.
        canvas: fit each image into this width and height. The heights in the result are those in
            the original image.

    Raises:
        AffectError: an image cannot be read.
    """
    heights, found, false, faceless = [], [], [], []
    tags: list[frozenset[str]] = []
    for picture in pictures:
        pixels = cv2.imread(str(picture.path), cv2.IMREAD_COLOR)
        if pixels is None:
            raise AffectError(f'{picture.path}: OpenCV cannot read this image')
        image, boxes = rotated(np.asarray(pixels, np.uint8), picture.boxes, roll)
        if canvas:
            image, boxes = fitted(image, boxes, canvas)
        result = detect(image)
        scores, wrong = match(result, boxes, picture.ignored)
        heights.append(picture.boxes[~picture.ignored, 3])
        found.append(scores[~picture.ignored])
        tags += [tag for tag, ignored in zip(picture.tags, picture.ignored) if not ignored]
        false.append(wrong)
        if not len(boxes):
            faceless.append(wrong)
    empty = [np.zeros(0, np.float32)]
    return Outcome(np.concatenate(heights + empty), tuple(tags), np.concatenate(found + empty),
                   np.concatenate(false + empty), np.concatenate(faceless + empty),
                   len(pictures), sum(not len(each.boxes) for each in pictures))


def match(result: Detections, boxes: FloatArray,
          ignored: npt.NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """
    Assign detections, in descending order of their scores, to labels.

    They match if the centre of each is inside the other, and the ratio of their sizes is below
    SIZE_FACTOR.

    Args:
        result: the detections.
        boxes: (N, 4) labels.
        ignored: (N,) whether a label is ignored.

    Returns:
        The score of the detection of each label (N,), 0 if missed; scores of false detections.
    """
    scores = np.zeros(len(boxes), np.float32)
    wrong = []
    for box, score in zip(result.boxes, result.scores):
        near = list(_near(box, boxes))
        free = [index for index in near if not ignored[index] and not scores[index]]
        if free:
            scores[min(free, key=lambda index: _distance(box, boxes[index]))] = score
        elif not any(ignored[index] for index in near):
            wrong.append(score)
    return scores, np.array(wrong, np.float32)


def _near(box: FloatArray, boxes: FloatArray) -> Iterator[int]:
    away = np.abs(box[:2] + box[2:] / 2 - boxes[:, :2] - boxes[:, 2:] / 2)
    ratio = np.sqrt(box[2:].prod() / np.maximum(boxes[:, 2:].prod(axis=1), 1e-9))
    same = ((away <= boxes[:, 2:] / 2).all(axis=1) & (away <= box[2:] / 2).all(axis=1)
            & (ratio > 1 / SIZE_FACTOR) & (ratio < SIZE_FACTOR))
    yield from (int(index) for index in np.flatnonzero(same))


def _distance(box: FloatArray, label: FloatArray) -> float:
    away = (box[:2] + box[2:] / 2 - label[:2] - label[2:] / 2) / np.maximum(label[2:], 1.0)
    return float(np.linalg.norm(away))


def rotated(image: ImageArray, boxes: FloatArray, degrees: float) -> tuple[ImageArray, FloatArray]:
    """Rotate an image about its centre, on a larger canvas; the boxes keep their sizes."""
    if not degrees:
        return image, boxes
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = (round(height * sin + width * cos), round(height * cos + width * sin))
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    centres = (boxes[:, :2] + boxes[:, 2:] / 2) @ matrix[:, :2].T + matrix[:, 2]
    out = np.concatenate([centres - boxes[:, 2:] / 2, boxes[:, 2:]], axis=1)
    return np.asarray(cv2.warpAffine(image, matrix, size), np.uint8), out.astype(np.float32)


def fitted(image: ImageArray, boxes: FloatArray,
           canvas: tuple[int, int]) -> tuple[ImageArray, FloatArray]:
    """Scale an image to fit into the middle of a black canvas of this width and height."""
    height, width = image.shape[:2]
    scale = min(canvas[0] / width, canvas[1] / height)
    inner = (round(width * scale), round(height * scale))
    left, top = (canvas[0] - inner[0]) // 2, (canvas[1] - inner[1]) // 2
    out = np.zeros((canvas[1], canvas[0], 3), np.uint8)
    out[top:top + inner[1], left:left + inner[0]] = cv2.resize(image, inner)
    moved = boxes * np.float32(scale) + np.array([left, top, 0, 0], np.float32)
    return out, moved.astype(np.float32)
