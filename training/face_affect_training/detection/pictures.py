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

"""Labelled pictures for training a face detector."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import cv2
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray
from face_affect_training.data.files import iterate_table
import numpy as np
import numpy.typing as npt

#: Columns of a box file that hold the five landmarks: eyes, nose, corners of the mouth, of which
#: left and right are the person's own.
POINTS = ('right_eye', 'left_eye', 'nose', 'right_mouth', 'left_mouth')
#: A box that one teacher alone reports is a face from this score; below, nothing is learned there.
SINGLE_TEACHER_SCORE = 0.75
#: Labels of one teacher, of a turned image, that show a hand, a shoe or a wheel; seen by eye.
NO_FACES = Path(__file__).with_name('no_faces.csv')


@dataclass(frozen=True)
class Faces:
    """
    The labels of one picture.

    boxes: (N, 4) float32, x, y, width, height in pixels. landmarks: (N, 5, 2) float32 in the order
    of POINTS, NaN where unknown. certain: (N,) whether a box is a face; the loss ignores the
    others.
    """

    boxes: FloatArray
    landmarks: FloatArray
    certain: npt.NDArray[np.bool_]

    @classmethod
    def empty(cls) -> 'Faces':
        """Return the labels of a picture without a face."""
        return cls(np.zeros((0, 4), np.float32), np.zeros((0, len(POINTS), 2), np.float32),
                   np.zeros(0, bool))

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True)
class Picture:
    """
    A picture, (H, W, 3) BGR uint8, its labels, and boxes of what looks like a face and is none.

    look_alikes: (N, 4) float32, x, y, width, height in pixels.
    """

    pixels: ImageArray
    faces: Faces = field(default_factory=Faces.empty)
    look_alikes: FloatArray = field(default_factory=lambda: np.zeros((0, 4), np.float32))


def read_pictures(folder: Path) -> list[Picture]:
    """
    Return the pictures of `train_images.csv` with the labels of `train_boxes.csv`.

    Raises AffectError where a file is missing or no picture, or a column is absent.
    """
    wrong = {(row['file'], row['x'], row['y']) for row in iterate_table(NO_FACES, ('file',))}
    by_file: dict[str, list[dict[str, str]]] = defaultdict(list)
    no_faces: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in iterate_table(folder / 'train_boxes.csv', ('file',)):
        known = (row['file'], row['x'], row['y']) in wrong
        (no_faces if known else by_file)[row['file']].append(row)
    pictures = []
    for row in iterate_table(folder / 'train_images.csv', ('file',)):
        path = folder / row['file']
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if pixels is None:
            raise AffectError(f'{path}: not a picture that OpenCV reads; restore the data set')
        pictures.append(Picture(np.asarray(pixels, np.uint8), _faces(by_file[row['file']]),
                                _faces(no_faces[row['file']]).boxes))
    return pictures


def _faces(rows: list[dict[str, str]]) -> Faces:
    if not rows:
        return Faces.empty()
    boxes = np.array([[float(row[key]) for key in 'xywh'] for row in rows], np.float32)
    points = np.array([[[float(row[f'{name}_{axis}'] or 'nan') for axis in 'xy']
                        for name in POINTS] for row in rows], np.float32)
    certain = [row['human'] == '1' or row['teacher'] in ('human', 'both')
               or float(row['score']) >= SINGLE_TEACHER_SCORE for row in rows]
    return Faces(boxes, points, np.array(certain))
