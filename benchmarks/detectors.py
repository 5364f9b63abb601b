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
Measure time, range and detections of each detector, for the tables of docs/detectors.md.

python benchmarks/detectors.py, after `. tools/env.sh`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
import math
from pathlib import Path
import platform
import tempfile
import time

import cv2
from face_affect_bench.frames import clip, HEADS, SHARED
from face_affect_bench.machine import processor, Row
from face_affect_bench.report import table
from face_affect_ros.affect.boxes import longer_side
from face_affect_ros.affect.detectors import Detector, make_detector
from face_affect_ros.affect.model_store import sha256_of
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import ImageArray
import numpy as np

#: Clips and the number of people in each frame.
PEOPLE = {'classroom.gif': 4, 'face-demographics-walking-and-pause.gif': 3, HEADS: 2,
          'robocup_team.png': 6}
#: Detector to which the ratios of the times refer.
REFERENCE = 'blazeface_back'
OWN = 'face_residual_fpn'
IMAGES = ((640, 480), (800, 600), (1280, 720), (1920, 1080))
SIZES = (0, 320, 480, 1024)
#: Width of a face in metres; horizontal field of view of the colour camera of an Intel RealSense
#: D435 in degrees; width of a face in the input in pixels.
FACE, FIELD = 0.16, 69.0
PIXELS = (16, 32)
ROUNDS = 60
#: By name and detector_size.
Detectors = dict[tuple[str, int], Detector]


def main() -> None:
    """Print the tables."""
    clips = {name: [frame.image for frame in clip(SHARED, name)] for name in PEOPLE}
    with yunet(SHARED / 'reference' / 'yunet_n_dynamic.onnx') as card:
        choices = [*((OWN, size) for size in SIZES), (card, 0), (card, 320), (REFERENCE, 0)]
        detectors = {(name.rstrip('/').rpartition('/')[2], size): make_detector(
            name, size=size, min_score=PipelineSettings().start_score) for name, size in choices}
        print(table(times(detectors, [frame for each in clips.values() for frame in each[:8]])))
        print(table(found(detectors, clips)))
    print(table(ranges()))
    print(f'\n{processor()}, one thread, OpenCV {cv2.__version__}, Python '
          f'{platform.python_version()}.')


def times(detectors: Detectors, frames: list[ImageArray]) -> list[Row]:
    """Return the median time per image by detector, and its ratio to that of REFERENCE."""
    rows: list[Row] = [named(*choice) for choice in detectors]
    for size in IMAGES:
        images = [np.asarray(cv2.resize(frame, size), np.uint8) for frame in frames]
        spent = np.zeros((ROUNDS + 3, len(detectors)))
        for number, taken in enumerate(spent):
            for index, detector in enumerate(detectors.values()):
                started = time.perf_counter()
                detector(images[number % len(images)])
                taken[index] = time.perf_counter() - started
        medians = 1e3 * np.median(spent[3:], axis=0)
        base = medians[list(detectors).index((REFERENCE, 0))]
        for row, median in zip(rows, medians):
            row[f'{size[0]}x{size[1]}, ms (ratio)'] = f'{median:.1f} ({median / base:.2f})'
    return rows


def found(detectors: Detectors, clips: dict[str, list[ImageArray]]) -> list[Row]:
    """Return the detections in the clips."""
    return [{**named(*choice), **{
        f'{name} ({PEOPLE[name] * len(frames)} faces)': count_faces(detector, frames, PEOPLE[name])
        for name, frames in clips.items()}} for choice, detector in detectors.items()]


def ranges() -> list[Row]:
    """Return the maximum distance at which a face has PIXELS in the input."""
    rows: list[Row] = []
    for width, height in IMAGES:
        focal = width / 2 / math.tan(math.radians(FIELD / 2))
        for size in SIZES:
            side = longer_side((height, width), size)
            rows.append({'image': f'{width}x{height}', '`detector_size`': size or f'auto ({side})',
                         **{f'{pixels} px': f'{focal * FACE * side / width / pixels:.1f} m'
                            for pixels in PIXELS}})
    return rows


def named(name: str, size: int) -> Row:
    """Return the first columns of a row."""
    fixed = 'fixed' if name == REFERENCE else 'auto'
    return {'detector': name, '`detector_size`': size or fixed}


@contextmanager
def yunet(network: Path) -> Iterator[str]:
    """Yield the folder of a card for the ONNX file of YuNet."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / 'yunet'
        folder.mkdir()
        (folder / 'card.yaml').write_text(
            f'{{name: yunet, kind: detector, decoder: yunet, file: {network.resolve()}, '
            f'sha256: {sha256_of(network)}, nms_overlap: 0.3, '
            'input: {size: 640, channels: 3, scale: 1.0, offset: 0.0}}\n')
        yield f'{folder}/'


def count_faces(detector: Detector, frames: list[ImageArray], people: int) -> str:
    """Return the number of detections, and of those that exceed the number of people."""
    counts = np.array([len(detector(frame)) for frame in frames])
    extra = int(np.maximum(counts - people, 0).sum())
    return f'{np.minimum(counts, people).sum()}' + (f' (+{extra} false)' if extra else '')


if __name__ == '__main__':
    cv2.setNumThreads(1)
    main()
