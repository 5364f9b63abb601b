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
Faces found and time taken by each detector on the shared clips: docs/detectors.md's table.

python benchmarks/detectors.py [--shared FOLDER]
"""

import argparse
import inspect
import os
from pathlib import Path
import platform
import statistics
import time

import cv2
from face_affect_ros.affect.detectors import Detector, DETECTORS, make_detector
from face_affect_ros.affect.model_files import sha256_of
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import ImageArray
from face_affect_ros.media import open_media
import numpy as np

#: Clips with the number of people who are in every frame.
CLIPS = {'classroom.gif': 4, 'face-demographics-walking-and-pause.gif': 3,
         'head-pose-face-detection-female-and-male.gif': 2, 'robocup_team.png': 6}
SIZE = (640, 480)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=inspect.cleandoc(__doc__).splitlines()[0])
    parser.add_argument('--shared', type=Path, default=Path(os.environ.get(
        'FACE_AFFECT_SHARED', Path(__file__).resolve().parents[2] / 'shared')))
    shared = parser.parse_args().shared
    yunet = shared / 'reference' / 'yunet_n_dynamic.onnx'
    clips = {name: read(shared / 'media' / name) for name in CLIPS}
    print('| detector | ' + ' | '.join(f'{name} ({count * len(clips[name])} faces)'
                                       for name, count in CLIPS.items())
          + f' | median ms at {SIZE[0]}x{SIZE[1]} |')
    print('|' + ' --- |' * (len(CLIPS) + 2))
    for name in DETECTORS:
        detector = make_detector(name, min_score=PipelineSettings().min_score,
                                 model=str(yunet), sha256=sha256_of(yunet))
        cells = [count_faces(detector, frames, CLIPS[clip]) for clip, frames in clips.items()]
        print(f'| {name} | {" | ".join(cells)} | {median_ms(detector, clips):.1f} |', flush=True)
    print(f'\n{processor()}, one thread, OpenCV {cv2.__version__}, Python '
          f'{platform.python_version()}.')


def read(path: Path) -> list[ImageArray]:
    """Return all frames of a clip."""
    with open_media(str(path)) as media:
        return [frame.image for frame in media]


def count_faces(detector: Detector, frames: list[ImageArray], people: int) -> str:
    """Return found faces, and how many more than people there are were reported."""
    counts = np.array([len(detector(frame)) for frame in frames])
    extra = int(np.maximum(counts - people, 0).sum())
    return f'{np.minimum(counts, people).sum()}' + (f' (+{extra} false)' if extra else '')


def median_ms(detector: Detector, clips: dict[str, list[ImageArray]]) -> float:
    """Return the median time of one frame."""
    frames = [cv2.resize(frame, SIZE) for frames in clips.values() for frame in frames]
    times = []
    for frame in frames[:5] + frames:
        started = time.perf_counter()
        detector(np.asarray(frame, np.uint8))
        times.append(time.perf_counter() - started)
    return statistics.median(times[5:]) * 1e3


def processor() -> str:
    """Return the processor's name."""
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            return line.partition(':')[2].strip()
    return platform.processor()


if __name__ == '__main__':
    cv2.setNumThreads(1)
    main()
