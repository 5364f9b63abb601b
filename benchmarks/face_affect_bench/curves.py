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

"""Time of the whole pipeline by number of faces, image size and detector."""

from collections.abc import Iterator
from dataclasses import replace

from face_affect_bench.frames import moving, VGA
from face_affect_bench.timing import Context, measure, Row
from face_affect_ros.affect.pipeline import make_pipeline
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import ImageArray
import numpy as np

FACES = (0, 1, 2, 4, 8, 16)
#: Name and detector_size.
DETECTORS = (('blazeface_back', 0), ('face_residual_fpn', 0), ('face_residual_fpn', 480),
             ('face_residual_fpn', 320))
SIZES = ((320, 240), (640, 480), (1280, 720), (1920, 1080), (3840, 2160))


def run(context: Context) -> Iterator[Row]:
    """Yield a row for each point of the curves."""
    default = PipelineSettings().detector
    points = [(VGA, faces, default, 0) for faces in FACES]
    points += [(size, 2, default, 0) for size in SIZES]
    points += [(VGA, 2, *detector) for detector in DETECTORS]
    for size, faces, detector, detector_size in points:
        yield {'image': f'{size[0]}x{size[1]}', 'faces': faces, 'detector': detector,
               'detector size': detector_size or 'auto',
               **_point(context, size, faces, detector, detector_size)}


def _point(context: Context, size: tuple[int, int], faces: int,
           detector: str, detector_size: int) -> Row:
    """Return mean detections, and times with the detector on every image and by default."""
    pipeline = make_pipeline(PipelineSettings(detector=detector, detector_size=detector_size))
    images = [frame.image for frame in moving(size, faces, 10)]
    stamps = iter(np.arange(0.0, 1e6, 1.0 / 30.0))
    counts: list[int] = []

    def process(image: ImageArray) -> None:
        counts.append(len(pipeline.process(image, float(next(stamps)))))
    default = measure(process, images, times=context.times(200))
    pipeline.settings = replace(pipeline.settings, detection_interval=0.0)
    every = measure(process, images, times=context.times(200))
    return {'found': round(float(np.mean(counts)), 2), **every,
            'default settings: CPU ms': default['CPU ms']}
