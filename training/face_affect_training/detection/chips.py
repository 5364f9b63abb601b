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

"""Single faces of FairFace, located by a teacher, to be pasted into pictures."""

import csv
from pathlib import Path
import zipfile

import cv2
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray
from face_affect_training.detection.pictures import Faces, Picture
import numpy as np

#: Enlargement before the teacher sees a chip of 112 pixels.
ENLARGED = 2
#: A chip in which the teacher is less sure is left out.
MIN_SCORE = 0.8


def read_chips(folder: Path, teacher: Path, count: int, seed: int) -> list[Picture]:
    """
    Return up to `count` faces of `fairface_train.zip`, chosen at random.

    teacher: YuNet's ONNX file, which gives box and landmarks; a chip in which it does not find
    exactly one face is left out. Raises AffectError where a file is missing.
    """
    try:
        with (folder / 'fairface_train.csv').open(newline='') as file:
            names = [row['file'] for row in csv.DictReader(file)]
        chosen = np.random.default_rng(seed).permutation(len(names))[:count]
        detector = cv2.FaceDetectorYN.create(str(teacher), '', (32, 32), MIN_SCORE)
        with zipfile.ZipFile(folder / 'fairface_train.zip') as archive:
            pictures = (_decoded(archive.read(names[index])) for index in sorted(chosen))
            return [Picture(pixels, faces) for pixels in pictures
                    if (faces := _labelled(detector, pixels)) is not None]
    except (OSError, KeyError, cv2.error) as error:
        raise AffectError(f'{folder}, {teacher}: the faces of FairFace or YuNet cannot be read: '
                          f'{error}; set chips: 0 to train without them') from error


def _decoded(data: bytes) -> ImageArray:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def _labelled(detector: cv2.FaceDetectorYN, pixels: ImageArray) -> Faces | None:
    larger = cv2.resize(pixels, None, fx=ENLARGED, fy=ENLARGED, interpolation=cv2.INTER_CUBIC)
    detector.setInputSize((larger.shape[1], larger.shape[0]))
    found = detector.detect(larger)[1]
    if found is None or len(found) != 1:
        return None
    values: FloatArray = np.asarray(found[0, :14] / ENLARGED, np.float32)
    return Faces(values[np.newaxis, :4], values[4:].reshape(1, 5, 2), np.ones(1, bool))
