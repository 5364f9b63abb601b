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

"""How often the attributes of a face are asked for."""

from face_affect_bench.ideas.base import Ideas
from face_affect_bench.timing import ratio, Work
from face_affect_ros.affect.pipeline import AffectPipeline
from face_affect_ros.affect.settings import make_pipeline, PipelineSettings
from face_affect_ros.affect.types import Face, ImageArray
import numpy as np

SHIPPED = PipelineSettings().gender_interval


def ideas(images: list[ImageArray], rounds: int) -> Ideas:
    """Try intervals of the gender network on two faces; times at 30 Hz, labels at 12 Hz."""
    every = _faces(images, 0.0)
    for interval in sorted({SHIPPED, 1.0}):
        value = ratio(_at_30_hz(0.0), _at_30_hz(interval), images[:30], rounds=rounds)
        pairs = [(face.estimates['gender'].label, other.estimates['gender'].label)
                 for faces, others in zip(_faces(images, interval), every, strict=True)
                 for face, other in zip(faces, others, strict=True)]
        same = sum(label == other for label, other in pairs)
        yield (f'gender asked every {interval:g} s, the whole pipeline', value,
               'yes, the default of `gender_interval`' if interval == SHIPPED else
               'as a choice', f'{same} of {len(pairs)} labels as when asked in every image')


def _pipeline(interval: float) -> AffectPipeline:
    return make_pipeline(PipelineSettings(gender_interval=interval))


def _faces(images: list[ImageArray], interval: float) -> list[list[Face]]:
    pipeline = _pipeline(interval)
    return [pipeline.process(image, index / 12.0) for index, image in enumerate(images)]


def _at_30_hz(interval: float) -> Work:
    pipeline, stamps = _pipeline(interval), iter(np.arange(1e3, 1e7, 1.0 / 30.0))
    return lambda image: pipeline.process(image, float(next(stamps)))
