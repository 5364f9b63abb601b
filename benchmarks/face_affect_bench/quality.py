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

from collections.abc import Sequence
from dataclasses import asdict

from face_affect_bench.agreement import compare, moved, track, Tracks
from face_affect_bench.context import Context
from face_affect_bench.frames import clip, CLIPS
from face_affect_bench.timing import Row
from face_affect_ros.affect.detectors import Detector, make_detector
from face_affect_ros.affect.scheduling import DetectOrTrack
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import Detections, ImageArray
from face_affect_ros.media import Frame

INTERVALS = (0.1, 0.2, 0.3)


def run(context: Context) -> list[Row]:
    """Return a row for each clip and way; the reference is the detector at every image."""
    settings = PipelineSettings()
    detector = make_detector(settings.detector, min_score=settings.min_score)
    rows: list[Row] = []
    for name in CLIPS:
        frames = clip(context.shared, name)
        every = track(lambda image, stamp: detector(image), frames)
        shaken = track(moved(detector, 0.5), frames)
        rows.append({'clip': name, 'way': 'detector at every image, moved by half a pixel',
                     **_rounded(shaken, every, range(len(frames)))})
        for interval in INTERVALS:
            tracks, images = _follow(detector, interval, frames)
            rows.append({'clip': name, 'way': f'detector every {interval:g} s, followed',
                         **_rounded(tracks, every, images)})
    return rows


def _follow(detector: Detector, interval: float,
            frames: Sequence[Frame]) -> tuple[Tracks, list[int]]:
    """Return the tracks, and the numbers of the images on which the detector did not run."""
    locate = DetectOrTrack(detector)
    tracked: list[int] = []
    number = iter(range(len(frames)))

    def find(image: ImageArray, stamp: float) -> Detections:
        located = locate(image, stamp, interval)
        index = next(number)
        if not located.detected:
            tracked.append(index)
        return located.faces
    return track(find, frames), tracked


def _rounded(result: Tracks, reference: Tracks, images: Sequence[int]) -> Row:
    agreement = asdict(compare(result, reference, images))
    return {'images compared': len(images),
            **{key: round(value, 3) for key, value in agreement.items()}}
