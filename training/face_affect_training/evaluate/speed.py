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

"""How long the robot's crop and classifier take for a face, on this machine."""

import os
from pathlib import Path
import platform
import time
from typing import Any

import cv2
from face_affect_ros.affect.types import ImageArray
from face_affect_training.evaluate.contestants import Contestant
from face_affect_training.evaluate.crops import whole_crops
import numpy as np

#: Faces that are timed one by one, and the faces of a batch and its repetitions.
ALONE, TOGETHER, REPEATED = 200, 16, 25
#: Runs before the clock counts.
WARM_UP = 5


def milliseconds_per_face(contestant: Contestant, images: ImageArray) -> dict[str, Any] | None:
    """
    Return the medians of a face alone and of a face in a batch, and what they were taken on.

    images: (N, H, W) or (N, H, W, 3), each whole picture is the crop. Pixels in, calibrated
    probabilities out. cpu_time: of all threads, which other programs do not lengthen as they do
    the time of the clock. None for Keras, which does not run on robots.
    """
    if contestant.form != 'tflite':
        return None
    rows = np.arange(len(images))
    singles = [images[row:row + 1] for row in np.resize(rows, ALONE)]
    batch = images[np.resize(rows, TOGETHER)]
    before = cv2.getNumThreads()
    cv2.setNumThreads(contestant.threads)
    try:
        alone = _medians(contestant, singles)
        together = _medians(contestant, [batch] * REPEATED)
    finally:
        cv2.setNumThreads(before)
    return {'alone': alone[0], 'in_batch': together[0],
            'cpu_time': {'alone': alone[1], 'in_batch': together[1]},
            'batch': TOGETHER, 'threads': contestant.threads, 'cpu': cpu_model(),
            'cores': os.cpu_count(), 'includes': 'crop, scale, network, calibration'}


def _medians(contestant: Contestant, batches: list[ImageArray]) -> tuple[float, float]:
    """Return the medians per face, in milliseconds, of the clock and of the processor."""
    spent = []
    for batch in batches[:WARM_UP] + batches:
        started, worked = time.perf_counter(), time.process_time()
        contestant.answer(whole_crops(batch, contestant.spec))
        spent.append((time.perf_counter() - started, time.process_time() - worked))
    clock, processor = 1e3 * np.median(spent[WARM_UP:], axis=0) / len(batches[0])
    return round(float(clock), 4), round(float(processor), 4)


def cpu_model() -> str:
    """Return the name of the processor, or of its family where the system does not say more."""
    try:
        lines = Path('/proc/cpuinfo').read_text(encoding='utf-8').splitlines()
    except OSError:   # not Linux
        lines = []
    for line in lines:
        key, _, value = line.partition(':')
        if key.strip() in ('model name', 'Model') and value.strip():
            return value.strip()
    return platform.processor() or platform.machine()
