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

"""YuNet through OpenCV, and the paper's networks under TFLite."""

from pathlib import Path

import cv2
from peer import main, Process
from published import classify, tflite_networks


def make(reference: Path) -> Process:
    """Return the pipeline."""
    cv2.setNumThreads(1)
    detector = cv2.FaceDetectorYN.create(str(reference / 'yunet_n_dynamic.onnx'), '', (32, 32),
                                         0.6, 0.3)
    networks = tflite_networks(reference)

    def process(image: object) -> int:
        detector.setInputSize((image.shape[1], image.shape[0]))
        found = detector.detect(image)[1]
        boxes = [] if found is None else found[:, :4].astype(int).tolist()
        return classify(networks, cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), boxes)
    return process


if __name__ == '__main__':
    main(make)
