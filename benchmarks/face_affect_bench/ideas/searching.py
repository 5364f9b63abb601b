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

"""Where and how often the detector runs."""

from typing import Any

from face_affect_bench.agreement import compare, Finder, track
from face_affect_bench.ideas.base import Ideas
from face_affect_bench.ideas.regions import by_size, Regions
from face_affect_bench.timing import ratio
from face_affect_ros.affect.detectors import make_detector
from face_affect_ros.affect.searching import Search
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import ImageArray
from face_affect_ros.media import Frame
import numpy as np


def ideas(images: list[ImageArray], rounds: int) -> Ideas:
    """Try them on two faces; times at 30 Hz, boxes at the clip's own 12 Hz."""
    settings = PipelineSettings()
    detector = make_detector(settings.detector, min_score=settings.min_score)
    short = make_detector('blazeface_short_range', min_score=settings.min_score)
    ways: dict[str, tuple[Finder, str]] = {
        'detector every 0.1 s, faces followed in between': (
            Search(detector, interval=0.1), 'yes, the default of `detection_interval`'),
        'detector every 0.2 s, faces followed in between': (
            Search(detector, interval=0.2), 'as a choice: boxes and newcomers come later'),
        'short-range network in a region around each face, all of the image at every 5th': (
            Regions(detector, short, every=5), 'no: slower, and the two networks draw their boxes '
            'differently, so that faces jump'),
        'short-range network for all of the image while the faces are large': (
            by_size(detector, short), 'no: somebody far away is not seen meanwhile')}
    frames = [Frame(index, index / 12.0, image) for index, image in enumerate(images)]
    every = track(lambda image, stamp: detector(image), frames)
    stamps = iter(np.arange(1e3, 1e7, 1.0 / 30.0))
    for name, (way, kept) in ways.items():
        def timed(image: Any, way: Finder = way) -> Any:
            return way(image, float(next(stamps)))
        value = ratio(detector, timed, images[:30], rounds=rounds)
        agreed = compare(track(way, frames), every)
        yield name, value, kept, (
            f'overlap {agreed.overlap:.3f} with the boxes of the detector at every image, '
            f'{agreed.missing} faces missing, {agreed.swaps} swaps')
