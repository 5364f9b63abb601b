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

"""Animated pictures, read by Pillow."""

from collections.abc import Iterator
from pathlib import Path

from face_affect_ros.media.base import Frame, Media
from face_affect_ros.media.pictures import BROKEN, opened, to_bgr
from PIL import Image

#: Formats whose further pictures are frames; in others they are pages or thumbnails.
ANIMATED = ('GIF', 'WEBP', 'PNG', 'AVIF')
#: Frames without a duration are shown for 0.1 s, as browsers do.
DEFAULT_DURATION = 0.1
#: Frames of an animation from which its rate is taken.
RATE_FRAMES = 50


def frame_count(picture: Image.Image) -> int:
    """Return the number of frames of an opened picture, 1 where it is not animated."""
    return int(getattr(picture, 'n_frames', 1)) if picture.format in ANIMATED else 1


class AnimationMedia(Media):
    """An animated GIF, WebP or PNG; each frame has its own duration."""

    def __init__(self, path: Path) -> None:
        """Look into the file; raises as `opened` does."""
        self._path = path
        with opened(path) as picture:
            self._count = frame_count(picture)
            super().__init__(str(path), width=picture.width, height=picture.height,
                             rate=_rate(picture, self._count), frame_count=self._count)

    def _frames(self) -> Iterator[Frame]:
        stamp, duration = 0.0, DEFAULT_DURATION
        with opened(self._path) as picture:
            for index in range(self._count):
                try:
                    picture.seek(index)
                    image = to_bgr(picture)
                    duration = _duration(picture)
                except BROKEN:  # it takes the time of the frame before
                    self.skipped += 1
                else:
                    yield Frame(index, round(stamp, 6), image)
                stamp += duration


def _duration(picture: Image.Image) -> float:
    """Return the seconds that the decoded frame is shown."""
    return float(picture.info.get('duration', 0)) / 1000.0 or DEFAULT_DURATION


def _rate(picture: Image.Image, count: int) -> float:
    """Return the mean rate of the first frames: all need decoding, and there may be many."""
    durations = []
    for index in range(min(count, RATE_FRAMES)):
        try:
            picture.seek(index)
            picture.load()
            durations.append(_duration(picture))
        except BROKEN:  # counted when the frames are read
            continue
    return len(durations) / sum(durations) if durations else 1.0 / DEFAULT_DURATION
