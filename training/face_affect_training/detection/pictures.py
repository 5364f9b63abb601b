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

"""Training images of the face detector, and single faces of FairFace to paste into them."""

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
import zipfile

import cv2
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray
from face_affect_training.data.files import decode, iterate_table, UNREADABLE
import numpy as np
import numpy.typing as npt

#: Prefixes of the columns of the five landmarks; left and right are those of the person.
POINTS = ('right_eye', 'left_eye', 'nose', 'right_mouth', 'left_mouth')
#: A box of a single teacher with a lower score is ignored.
SINGLE_TEACHER_SCORE = 0.75
#: Labels of one teacher that are not faces, found by inspection.
NO_FACES = Path(__file__).with_name('no_faces.csv')
#: Scale of the images of FairFace for the teacher, and minimum score of the detection.
CHIP_SCALE, CHIP_SCORE = 2, 0.8


@dataclass(frozen=True)
class Faces:
    """
    The labels of an image.

    Attributes:
        boxes: (N, 4) float32, x, y, width, height in pixels.
        landmarks: (N, 5, 2) float32 in the order of POINTS, NaN if unknown.
        certain: (N,) whether a box is a face. The loss ignores the others.
    """

    boxes: FloatArray
    landmarks: FloatArray
    certain: npt.NDArray[np.bool_]

    @classmethod
    def empty(cls) -> 'Faces':
        """Return the labels of an image without a face."""
        return cls(np.zeros((0, 4), np.float32), np.zeros((0, len(POINTS), 2), np.float32),
                   np.zeros(0, bool))

    def __len__(self) -> int:
        return len(self.boxes)


@dataclass(frozen=True)
class Picture:
    """
    A training image.

    Attributes:
        pixels: (H, W, 3) BGR uint8.
        faces: labels.
        look_alikes: (N, 4) float32, boxes of hard negatives, which resemble a face.
    """

    pixels: ImageArray
    faces: Faces = field(default_factory=Faces.empty)
    look_alikes: FloatArray = field(default_factory=lambda: np.zeros((0, 4), np.float32))


def read_pictures(folder: Path) -> list[Picture]:
    """
    Read the images of `train_images.csv` with the labels of `train_boxes.csv`.

    AffectError if a file cannot be read, or a column is missing.
    """
    wrong = {(row['file'], row['x'], row['y']) for row in iterate_table(NO_FACES, ('file',))}
    by_file: dict[str, list[dict[str, str]]] = defaultdict(list)
    no_faces: dict[str, list[dict[str, str]]] = defaultdict(list)
    table = folder / 'train_boxes.csv'
    for row in iterate_table(table, ('file',)):
        known = (row['file'], row.get('x'), row.get('y')) in wrong
        (no_faces if known else by_file)[row['file']].append(row)
    pictures = []
    for row in iterate_table(folder / 'train_images.csv', ('file',)):
        path = folder / row['file']
        pixels = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if pixels is None:
            raise AffectError(f'{path}: OpenCV cannot read this image; restore the data set')
        try:
            faces, others = _faces(by_file[row['file']]), _faces(no_faces[row['file']])
        except (KeyError, ValueError) as error:
            what = f'the column {error} is missing' if isinstance(error, KeyError) else error
            raise AffectError(f"{table}: the labels of {row['file']} cannot be read: {what}"
                              ) from error
        pictures.append(Picture(np.asarray(pixels, np.uint8), faces, others.boxes))
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


def read_chips(folder: Path, teacher: Path, count: int, seed: int) -> list[Picture]:
    """
    Read at most `count` random faces of `fairface_train.zip`.

    The detector YuNet (ONNX file `teacher`) labels them. Images in which it does not detect
    exactly one face are omitted. AffectError if a file cannot be read.
    """
    try:
        table = folder / 'fairface_train.csv'
        names = [row['file'] for row in iterate_table(table, ('file',))]
        chosen = np.random.default_rng(seed).permutation(len(names))[:count]
        detector = cv2.FaceDetectorYN.create(str(teacher), '', (32, 32), CHIP_SCORE)
        with zipfile.ZipFile(folder / 'fairface_train.zip') as archive:
            chips = (_decoded(archive, names[index]) for index in sorted(chosen))
            return [Picture(pixels, faces) for pixels in chips
                    if (faces := _labelled(detector, pixels)) is not None]
    except (*UNREADABLE, AffectError, cv2.error) as error:
        raise AffectError(f'{folder}, {teacher}: FairFace or YuNet cannot be read: {error}; set '
                          'chips: 0 to train without FairFace') from error


def _decoded(archive: zipfile.ZipFile, name: str) -> ImageArray:
    """Return an image (H, W, 3) uint8 BGR. Raises ValueError if it is damaged."""
    pixels = decode(archive.read(name))
    if pixels is None:
        raise ValueError(f'{name} is damaged')
    return pixels


def _labelled(detector: cv2.FaceDetectorYN, pixels: ImageArray) -> Faces | None:
    larger = cv2.resize(pixels, None, fx=CHIP_SCALE, fy=CHIP_SCALE,
                        interpolation=cv2.INTER_CUBIC)
    detector.setInputSize((larger.shape[1], larger.shape[0]))
    found = detector.detect(larger)[1]
    if found is None or len(found) != 1:
        return None
    values: FloatArray = np.asarray(found[0, :14] / CHIP_SCALE, np.float32)
    return Faces(values[np.newaxis, :4], values[4:].reshape(1, 5, 2), np.ones(1, bool))
