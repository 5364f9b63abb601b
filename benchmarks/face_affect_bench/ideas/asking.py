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

from dataclasses import replace
import time

from face_affect_bench.frames import moving, VGA
from face_affect_bench.ideas.base import Ideas
from face_affect_bench.timing import ratio, Work
from face_affect_ros.affect.pipeline import AffectPipeline
from face_affect_ros.affect.searching import Search
from face_affect_ros.affect.settings import make_pipeline, PipelineSettings
from face_affect_ros.affect.types import Face, ImageArray
import numpy as np

#: Intervals to try beside the default, seconds.
TRIED = {'emotion': 0.1, 'gender': 1.0}
#: The percentile that stands for the slowest images.
SLOW = 95


def ideas(images: list[ImageArray], rounds: int) -> Ideas:
    """Try intervals of both networks on two faces; times at 30 Hz, labels at 12 Hz."""
    every = _faces(images, {})
    for task, tried in TRIED.items():
        name = f'{task}_interval'
        shipped = getattr(PipelineSettings(), name)
        for interval in (shipped, tried):
            value = ratio(_at_30_hz({}), _at_30_hz({name: interval}), images[:30], rounds=rounds)
            pairs = [(face.estimates[task].label, other.estimates[task].label)
                     for faces, others in zip(_faces(images, {name: interval}), every, strict=True)
                     for face, other in zip(faces, others, strict=True)]
            same = sum(label == other for label, other in pairs)
            yield (f'{task} asked every {interval:g} s, the whole pipeline', value,
                   f'yes, the default of `{name}`' if interval == shipped else 'as a choice',
                   f'{same} of {len(pairs)} labels as when asked in every image')
    yield ('faces wait for an image without the detector, the slowest images', _slowest(rounds),
           'yes', f'{SLOW}th percentile of the whole pipeline at 30 Hz')


class _NeverBusy(Search):
    """A search that nobody waits for."""

    @property
    def busy(self) -> bool:
        """Return False."""
        return False


def _slowest(rounds: int) -> float:
    """Return new by old of the slowest images of two heads that sway, interleaved."""
    old, new = make_pipeline(PipelineSettings()), make_pipeline(PipelineSettings())
    old.search = _NeverBusy(old.detector, interval=old.search.interval)
    times: dict[AffectPipeline, list[float]] = {old: [], new: []}
    frames = moving(VGA, 2, 30)
    for round_ in range(rounds + 1):
        for frame in frames:
            for pipeline, own in times.items():
                started = time.process_time()
                pipeline.process(frame.image, round_ + frame.stamp)
                if round_:
                    own.append(time.process_time() - started)
    return float(np.percentile(times[new], SLOW) / np.percentile(times[old], SLOW))


def _pipeline(intervals: dict[str, float]) -> AffectPipeline:
    always = {f'{task}_interval': 0.0 for task in TRIED}
    return make_pipeline(replace(PipelineSettings(), **(always | intervals)))


def _faces(images: list[ImageArray], intervals: dict[str, float]) -> list[list[Face]]:
    pipeline = _pipeline(intervals)
    return [pipeline.process(image, index / 12.0) for index, image in enumerate(images)]


def _at_30_hz(intervals: dict[str, float]) -> Work:
    pipeline, stamps = _pipeline(intervals), iter(np.arange(1e3, 1e7, 1.0 / 30.0))
    return lambda image: pipeline.process(image, float(next(stamps)))
