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

"""The package fer with its own cascade and network, as its page shows: expressions only."""

from pathlib import Path

from fer.fer import FER
from peer import main, Process


def make(reference: Path) -> Process:
    """Return the pipeline."""
    detector = FER(mtcnn=False)
    return lambda image: len(detector.detect_emotions(image))


if __name__ == '__main__':
    main(make)
