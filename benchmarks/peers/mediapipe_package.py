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

"""The package mediapipe: its face detector alone, without expression or gender."""

from pathlib import Path

import cv2
import mediapipe
from peer import main, Process


def make(reference: Path) -> Process:
    """Return the detector."""
    detector = mediapipe.solutions.face_detection.FaceDetection(model_selection=1)

    def process(image: object) -> int:
        found = detector.process(cv2.cvtColor(image, cv2.COLOR_BGR2RGB)).detections
        return len(found or ())
    return process


if __name__ == '__main__':
    main(make)
