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

from pathlib import Path

import cv2
from face_affect_ros.affect.model_files import sha256_of
from face_affect_ros.affect.types import AffectError, Detections, FloatArray, ImageArray
import numpy as np

#: OpenCV 4.8 is the first whose importer reads the 2023 network with a free input size.
NEEDS_OPENCV = (4, 8)


class YuNet:
    """Detects faces with a YuNet network in an ONNX file."""

    name = 'yunet'

    def __init__(self, path: Path, *, sha256: str, min_score: float,
                 nms_overlap: float = 0.3) -> None:
        """
        Load the network; AffectError where the file is missing or OpenCV cannot read it.

        sha256: checksum of the file, in hexadecimal; another file is refused.
        min_score: detections below it are dropped, in [0, 1]. nms_overlap: IoU from which two
        detections are the same face.
        """
        if not path.is_file():
            raise AffectError(f'{path}: there is no YuNet model; set the parameter '
                              "'detector_model' (on the command line --detector-model) to a "
                              'face_detection_yunet_*.onnx file')
        digest = sha256_of(path)
        if digest != sha256.lower():
            raise AffectError(f"{path}: sha256 is {digest}, but the parameter 'detector_sha256' "
                              f"(--detector-sha256) says '{sha256}'; set it to the checksum that "
                              "the model's publisher names")
        version = tuple(int(part) for part in cv2.__version__.split('.')[:2])
        if version < NEEDS_OPENCV:
            raise AffectError(f'YuNet needs OpenCV 4.8 or newer, this is {cv2.__version__}; '
                              'choose a blazeface detector or install a newer opencv-python')
        try:
            self._detector = cv2.FaceDetectorYN.create(str(path), '', (32, 32), min_score,
                                                       nms_overlap)
        except cv2.error as error:
            raise AffectError(f'{path}: OpenCV cannot read this model: {error.err}') from error

    def __call__(self, image: ImageArray) -> Detections:
        """Return the faces of a (H, W) grey or (H, W, 3) BGR uint8 image, best first."""
        if image.ndim == 2:
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
        self._detector.setInputSize((image.shape[1], image.shape[0]))
        found = self._detector.detect(image)[1]
        if found is None:
            return Detections.empty()
        rows: FloatArray = np.asarray(found, np.float32)
        rows = rows[np.argsort(-rows[:, 14], kind='stable')]
        # Right eye, left eye, nose, right and left corner of the mouth.
        points = rows[:, 4:14].reshape(-1, 5, 2)
        mouth = points[:, 3:].mean(axis=1, keepdims=True)
        return Detections(rows[:, :4], rows[:, 14],
                          np.concatenate([points[:, :3], mouth], axis=1))
