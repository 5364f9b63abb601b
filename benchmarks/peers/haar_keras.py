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

"""The paper's pipeline as its demo calls it: Haar cascade, Keras predict for each face."""

from pathlib import Path

import cv2
from peer import main, Process
from published import classify, haar, keras_networks


def make(reference: Path) -> Process:
    """Return the pipeline."""
    find, networks = haar(), keras_networks(reference)

    def process(image: object) -> int:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        return classify(networks, grey, find(grey))
    return process


if __name__ == '__main__':
    main(make)
