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
Time, range and faces found by each detector: the tables of docs/detectors.md.

python benchmarks/detectors.py [--shared FOLDER]
"""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
import inspect
import math
import os
from pathlib import Path
import platform
import tempfile
import time

import cv2
from face_affect_ros.affect.boxes import longer_side
from face_affect_ros.affect.detectors import Detector, make_detector
from face_affect_ros.affect.model_store import sha256_of
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import ImageArray
from face_affect_ros.media import open_media
import numpy as np

#: Clips with the number of people who are in every frame.
CLIPS = {'classroom.gif': 4, 'face-demographics-walking-and-pause.gif': 3,
         'head-pose-face-detection-female-and-male.gif': 2, 'robocup_team.png': 6}
#: Detector to which the ratios of the times refer.
REFERENCE = 'blazeface_back'
OWN = 'face_residual_fpn'
BLAZEFACES = (REFERENCE,)
IMAGES = ((640, 480), (1280, 720), (1920, 1080))
SIZES = (0, 320, 480, 960)
#: Width of a face in metres, horizontal field of view of an Intel RealSense D435's colour camera
#: in degrees, and the height and width of a face in pixels at which most are found.
FACE, FIELD = 0.16, 69.0
PIXELS = (16, 32)
ROUNDS = 60


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=inspect.cleandoc(__doc__).splitlines()[0])
    parser.add_argument('--shared', type=Path, default=Path(os.environ.get(
        'FACE_AFFECT_SHARED', Path(__file__).resolve().parents[2] / 'shared')))
    shared = parser.parse_args().shared
    clips = {name: read(shared / 'media' / name) for name in CLIPS}
    with yunet(shared / 'reference' / 'yunet_n_dynamic.onnx') as card:
        choices = [(OWN, size) for size in SIZES]
        choices += [(card, size) for size in (0, 320)] + [(name, 0) for name in BLAZEFACES]
        detectors = {(name.rstrip('/').rpartition('/')[2], size): make_detector(
            name, size=size, min_score=PipelineSettings().start_score) for name, size in choices}
        print_times(detectors, clips)
        print_clips(detectors, clips)
    print_range()
    print(f'\n{processor()}, one thread, OpenCV {cv2.__version__}, Python '
          f'{platform.python_version()}.')


def print_times(detectors: dict[tuple[str, int], Detector],
                clips: dict[str, list[ImageArray]]) -> None:
    """Print the median time of an image by detector, and the ratio to that of REFERENCE."""
    frames = [frame for frames in clips.values() for frame in frames[:8]]
    medians: dict[tuple[str, int], list[float]] = {choice: [] for choice in detectors}
    for size in IMAGES:
        images = [np.asarray(cv2.resize(frame, size), np.uint8) for frame in frames]
        times: dict[tuple[str, int], list[float]] = {choice: [] for choice in detectors}
        for number in range(ROUNDS + 3):
            for choice, detector in detectors.items():
                started = time.perf_counter()
                detector(images[number % len(images)])
                times[choice].append(time.perf_counter() - started)
        for choice in detectors:
            medians[choice].append(float(np.median(times[choice][3:])) * 1e3)
    row('detector', '`detector_size`', *(f'{width}x{height}, ms (ratio)'
                                         for width, height in IMAGES))
    row(*['---'] * (2 + len(IMAGES)))
    for (name, size), values in medians.items():
        row(name, size or ('auto' if name not in BLAZEFACES else 'fixed'),
            *(f'{value:.1f} ({value / base:.2f})'
              for value, base in zip(values, medians[REFERENCE, 0])))


def print_clips(detectors: dict[tuple[str, int], Detector],
                clips: dict[str, list[ImageArray]]) -> None:
    """Print the faces found in the clips."""
    print()
    row('detector', '`detector_size`', *(f'{name} ({count * len(clips[name])} faces)'
                                         for name, count in CLIPS.items()))
    row(*['---'] * (2 + len(CLIPS)))
    for (name, size), detector in detectors.items():
        row(name, size or ('auto' if name not in BLAZEFACES else 'fixed'),
            *(count_faces(detector, frames, CLIPS[clip]) for clip, frames in clips.items()))


def print_range() -> None:
    """Print up to which distance a face has PIXELS in an input of a free size."""
    print()
    row('image', '`detector_size`', *(f'{pixels} px' for pixels in PIXELS))
    row(*['---'] * (2 + len(PIXELS)))
    for width, height in IMAGES:
        focal = width / 2 / math.tan(math.radians(FIELD / 2))
        for size in SIZES:
            side = longer_side((height, width), size)
            row(f'{width}x{height}', size or f'auto ({side})',
                *(f'{focal * FACE * side / width / pixels:.1f} m' for pixels in PIXELS))


@contextmanager
def yunet(network: Path) -> Iterator[str]:
    """Give the name of a YuNet card for a network's file."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / 'yunet'
        folder.mkdir()
        (folder / 'card.yaml').write_text(
            f'{{name: yunet, kind: detector, decoder: yunet, file: {network.resolve()}, '
            f'sha256: {sha256_of(network)}, nms_overlap: 0.3, '
            'input: {size: 640, channels: 3, scale: 1.0, offset: 0.0}}\n')
        yield f'{folder}/'


def read(path: Path) -> list[ImageArray]:
    """Return all frames of a clip."""
    with open_media(str(path)) as media:
        return [frame.image for frame in media]


def count_faces(detector: Detector, frames: list[ImageArray], people: int) -> str:
    """Return found faces, and how many more than people there are were reported."""
    counts = np.array([len(detector(frame)) for frame in frames])
    extra = int(np.maximum(counts - people, 0).sum())
    return f'{np.minimum(counts, people).sum()}' + (f' (+{extra} false)' if extra else '')


def row(*cells: object) -> None:
    """Print a row of a Markdown table."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)


def processor() -> str:
    """Return the processor's name."""
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.partition(':')[2].strip()
    return platform.processor()


if __name__ == '__main__':
    cv2.setNumThreads(1)
    main()
