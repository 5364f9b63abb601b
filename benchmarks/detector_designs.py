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
Time of designs of the detector, with random weights: a table of docs/detectors.md.

Needs what `make training` installs and the wheel of requirements/detector.txt.

python benchmarks/detector_designs.py
"""

import os
from pathlib import Path
import tempfile
import time
from typing import Any

os.environ['KERAS_BACKEND'] = 'tensorflow'

from detectors import processor, row  # noqa: E402
from face_affect_ros.affect.interpreter import open_interpreter  # noqa: E402
from face_affect_ros.affect.model_store import load_card  # noqa: E402
from face_affect_training.detection.export import convert  # noqa: E402
from face_affect_training.detection.network import residual_fpn  # noqa: E402
import numpy as np  # noqa: E402

REFERENCE = 'blazeface_back'
#: The first is the one that is trained.
DESIGNS: dict[str, dict[str, Any]] = {
    'stem 16, stages 32/64/96': {'stem': 16, 'widths': (32, 64, 96), 'blocks': (1, 2, 2),
                                 'neck': (32, 48, 64)},
    'stem 32, stages 32/64/96': {'stem': 32, 'widths': (32, 64, 96), 'blocks': (1, 2, 2),
                                 'neck': (32, 48, 64)},
    'stem 16, stages 32/48/96': {'stem': 16, 'widths': (32, 48, 96), 'blocks': (1, 2, 2),
                                 'neck': (32, 48, 64)},
    'stem 32, stages 48/64/96': {'stem': 32, 'widths': (48, 64, 96), 'blocks': (2, 2, 2),
                                 'neck': (48, 64, 64)},
    '4x4 patches, stages 48/64/96': {'stem': 32, 'widths': (48, 64, 96), 'blocks': (2, 2, 2),
                                     'neck': (48, 64, 64), 'stem_kernel': 1},
    'stem 32, stages 64/96/128': {'stem': 32, 'widths': (64, 96, 128), 'blocks': (2, 2, 2),
                                  'neck': (64, 64, 64)},
}
SIZES = ((256, 320), (384, 512), (480, 640))
ROUNDS = 40


def main() -> None:
    """Print the table."""
    views = list(np.random.default_rng(0).integers(0, 256, (4, 480, 640, 3), np.uint8))
    with tempfile.TemporaryDirectory() as scratch:
        runs: dict[tuple[str, tuple[int, int]], Any] = {}
        about: dict[str, tuple[str, str]] = {}
        for name, options in DESIGNS.items():
            network = residual_fpn(**options)
            for precision in ('int8', 'float32'):
                file = Path(scratch) / f'{len(about)}.tflite'
                file.write_bytes(convert(network, precision, views))
                label = f'{name}, {precision}'
                about[label] = (f'{network.count_params():,}', f'{file.stat().st_size:,}')
                for size in SIZES:
                    runs[label, size] = open_interpreter(file, shape=(1, *size))
        reference = open_interpreter(load_card(REFERENCE).path, shape=(1,))
        times = measure({**runs, (REFERENCE, (0, 0)): reference})
    base = times[REFERENCE, (0, 0)]
    row('design', 'parameters', 'bytes', *(f'{width}x{height}' for height, width in SIZES))
    row(*['---'] * (3 + len(SIZES)))
    for label in about:
        row(label, *about[label], *(f'{times[label, size] / base:.2f}' for size in SIZES))
    print(f'\nLeast time of {ROUNDS} runs of the network alone, in turn, beside {REFERENCE} '
          f'({base * 1e3:.1f} ms). {processor()}, one thread.')


def measure(runs: dict[Any, Any]) -> dict[Any, float]:
    """Return the least time of each interpreter in seconds, run in turn."""
    least = dict.fromkeys(runs, float('inf'))
    for interpreter in runs.values():
        detail = interpreter.get_input_details()[0]
        interpreter.set_tensor(detail['index'], np.zeros(detail['shape'], detail['dtype']))
    for _ in range(ROUNDS):
        for key, interpreter in runs.items():
            started = time.perf_counter()
            interpreter.invoke()
            least[key] = min(least[key], time.perf_counter() - started)
    return least


if __name__ == '__main__':
    main()
