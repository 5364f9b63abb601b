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

"""What the boxes lose where the detector does not run on every image."""

from dataclasses import asdict

from face_affect_bench.agreement import compare, Finder, moved, track
from face_affect_bench.context import Context
from face_affect_bench.frames import clip, CLIPS
from face_affect_bench.timing import Row
from face_affect_ros.affect.detectors import Detector, make_detector
from face_affect_ros.affect.searching import Search
from face_affect_ros.affect.settings import PipelineSettings

INTERVALS = (0.1, 0.2, 0.3)


def run(context: Context) -> list[Row]:
    """Return a row for each clip and way; the reference is the detector at every image."""
    settings = PipelineSettings()
    detector = make_detector(settings.detector, min_score=settings.min_score)
    rows: list[Row] = []
    for name in CLIPS:
        frames = clip(context.shared, name)
        every = track(lambda image, stamp: detector(image), frames)
        for way, finder in _ways(detector).items():
            agreement = asdict(compare(track(finder, frames), every))
            rows.append({'clip': name, 'way': way, **{
                key: round(value, 3) for key, value in agreement.items()}})
    return rows


def _ways(detector: Detector) -> dict[str, Finder]:
    ways: dict[str, Finder] = {
        'detector at every image, moved by half a pixel': moved(detector, 0.5)}
    for interval in INTERVALS:
        ways[f'detector every {interval:g} s, followed'] = Search(detector, interval=interval)
    return ways
