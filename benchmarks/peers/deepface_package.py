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

"""The package deepface with OpenCV's detector: expression and gender."""

from pathlib import Path

from deepface import DeepFace
from peer import main, Process


def make(reference: Path) -> Process:
    """Return the pipeline."""
    def process(image: object) -> int:
        found = DeepFace.analyze(image, actions=('emotion', 'gender'), detector_backend='opencv',
                                 enforce_detection=False, silent=True)
        return sum(each['face_confidence'] > 0 for each in found)
    return process


if __name__ == '__main__':
    main(make)
