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

"""
Measure one tree for compare.py, and print processor times as JSON.

PYTHONPATH selects the tree, old or new. Therefore only public names that both have are used, and
nothing of this package.
"""

import json
import sys
import time
from typing import Any

import cv2
from face_affect_ros.affect import make_pipeline, PipelineSettings
from face_affect_ros.affect.annotate import annotate
import numpy as np

#: Images before the measurement.
WARM_UP = 10


def main() -> None:
    """Print the processor time of each kind of work."""
    cv2.setNumThreads(1)
    times: dict[str, float] = {}
    for name, images in np.load(sys.argv[1]).items():
        pipeline = make_pipeline(PipelineSettings())
        faces: list[Any] = []
        for number in range(WARM_UP):
            faces = pipeline.process(images[number], number / 30.0)
        started = time.process_time()
        for number, image in enumerate(images, WARM_UP):
            faces = pipeline.process(image, number / 30.0)
        times[f'pipeline, {name}'] = time.process_time() - started
        started = time.process_time()
        for image in images:
            annotate(image, faces)
        times[f'annotate, {name}'] = time.process_time() - started
    print(json.dumps(times))


if __name__ == '__main__':
    main()
