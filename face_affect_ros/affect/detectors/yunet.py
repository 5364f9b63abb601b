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

"""YuNet (Wu, Peng, Yu 2023) through OpenCV's FaceDetectorYN."""

import cv2
from face_affect_ros.affect.boxes import longer_side, resized, shrunk
from face_affect_ros.affect.model_store import card_entry, ModelCard
from face_affect_ros.affect.types import AffectError, Detections, FloatArray, ImageArray
import numpy as np

#: The first version of OpenCV that reads the 2023 network with a free input size.
NEEDS_OPENCV = (4, 8)


class YuNet:
    """
    Detects faces with a YuNet network in an ONNX file.

    OpenCV has a setting of its own for threads, and `num_threads` has no effect. AffectError if
    OpenCV is too old or cannot read the file.
    """

    mouth = 'corners'

    def __init__(self, card: ModelCard, *, size: int = 0, min_score: float,
                 num_threads: int = 1) -> None:
        self.name = card.name
        self.face_score = card_entry(card.metadata, 'face_score', float, 0.0)
        self._size = size
        self._box_scale = card_entry(card.metadata, 'box_scale', float, 1.0)
        overlap = card_entry(card.metadata, 'nms_overlap', float)
        version = tuple(int(part) for part in cv2.__version__.split('.')[:2])
        if version < NEEDS_OPENCV:
            raise AffectError(f'YuNet needs OpenCV 4.8 or newer, this is {cv2.__version__}; '
                              'choose another detector or install a newer opencv-python')
        try:
            self._detector = cv2.FaceDetectorYN.create(
                str(card.path), '', (32, 32), min_score, overlap)
        except cv2.error as error:
            raise AffectError(f'{card.path}: OpenCV cannot read this model: {error.err}'
                              ) from error

    def __call__(self, image: ImageArray) -> Detections:
        """Return the faces of an image, best first."""
        pixels = shrunk(image, longer_side(image.shape, self._size))
        self._detector.setInputSize(pixels.shape[1::-1])
        found = self._detector.detect(pixels)[1]
        rows: FloatArray = np.asarray(np.empty((0, 15)) if found is None else found, np.float32)
        rows = rows[np.argsort(-rows[:, 14], kind='stable')]
        rows[:, :14] *= np.tile(np.divide(image.shape[1::-1], pixels.shape[1::-1]), 7)
        # Right eye, left eye, nose, right and left corner of the mouth.
        points = rows[:, 4:14].reshape(-1, 5, 2)
        mouth = points[:, 3:].mean(axis=1, keepdims=True)
        return Detections(resized(rows[:, :4], self._box_scale), rows[:, 14],
                          np.concatenate([points[:, :3], mouth], axis=1))
