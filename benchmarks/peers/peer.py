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
What all peers have in common: they read frames, find faces and print what it took, as JSON.

Each peer is a script that runs in a virtual environment of its own and knows nothing of ours:

    python haar_keras.py frames.npz REFERENCE SECONDS
"""

from collections.abc import Callable
import json
import os
from pathlib import Path
import sys
import time
from typing import Any

for _name in ('OMP_NUM_THREADS', 'TF_NUM_INTRAOP_THREADS', 'TF_NUM_INTEROP_THREADS'):
    os.environ.setdefault(_name, '1')

import numpy as np  # noqa: E402 - reads the environment when it is imported

Process = Callable[[Any], int]
WARM_UP = 3


def main(make: Callable[[Path], Process]) -> None:
    """
    Run a peer over each set of frames, at most so many seconds each.

    make: gets the folder of published weights, returns what finds the faces of a (H, W, 3) BGR
    uint8 image and says of all what it can, and returns their number.
    """
    frames, reference, seconds = np.load(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
    process = make(reference)
    print(json.dumps({name: measure(process, frames[name], seconds) for name in frames.files}))


def measure(process: Process, images: Any, seconds: float) -> dict[str, Any]:
    """Return times in ms and the number of faces found in how many images."""
    for image in images[:WARM_UP]:
        process(image)
    walls, faces = [], 0
    end = time.monotonic() + seconds
    cpu = time.process_time()
    for image in images:
        started = time.perf_counter()
        faces += process(image)
        walls.append(time.perf_counter() - started)
        if time.monotonic() > end:
            break
    cpu = time.process_time() - cpu
    median, p99 = np.percentile(walls, [50, 99])
    return {'images': len(walls), 'faces': faces, 'median': median * 1e3, 'p99': p99 * 1e3,
            'cpu': cpu / len(walls) * 1e3}
