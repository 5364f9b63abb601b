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

"""The package hsemotion-onnx behind YuNet: expressions only."""

from pathlib import Path
import urllib.request  # noqa: F401 - the package downloads its network with it, unimported

import cv2
from hsemotion_onnx.facial_emotions import HSEmotionRecognizer
from peer import main, Process


def make(reference: Path) -> Process:
    """Return the pipeline."""
    cv2.setNumThreads(1)
    detector = cv2.FaceDetectorYN.create(str(reference / 'yunet_n_dynamic.onnx'), '', (32, 32),
                                         0.6, 0.3)
    recognizer = HSEmotionRecognizer(model_name='enet_b0_8_best_afew')

    def process(image: object) -> int:
        detector.setInputSize((image.shape[1], image.shape[0]))
        found = detector.detect(image)[1]
        for x, y, width, height in ([] if found is None else found[:, :4].astype(int).tolist()):
            face = image[max(0, y):y + height, max(0, x):x + width, ::-1]
            recognizer.predict_emotions(face, logits=False)
        return 0 if found is None else len(found)
    return process


if __name__ == '__main__':
    main(make)
