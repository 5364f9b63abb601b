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

"""Files of several images, read by Pillow: animations, and documents of several pages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from face_affect_ros.media.base import check_size, Frame, Media
from face_affect_ros.media.pictures import (
    BROKEN,
    opened,
    orientation_of,
    quiet,
    SMALLER_COPY,
    SUBFILE_TYPE,
    to_bgr,
)
from PIL import Image

#: Formats whose further images are frames.
ANIMATED = ('GIF', 'WEBP', 'PNG', 'AVIF', 'FLI')
#: Formats whose further images are other sizes, parts or the depth of the first one.
SINGLE = ('MPO', 'ICO', 'ICNS', 'CUR', 'PSD', 'HEIF')
#: Frames of at most 10 ms are shown for 0.1 s, as in browsers.
LEAST_DURATION, DEFAULT_DURATION = 0.01, 0.1
#: Frames of an animation from which its rate is computed.
RATE_FRAMES = 50


def frames_of(picture: Image.Image) -> range:
    """Return the numbers of the images of an opened file that are its frames or pages."""
    with quiet():
        count = 1 if picture.format in SINGLE else int(getattr(picture, 'n_frames', 1))
    # the first image of some animated PNGs is for viewers without support of animations
    return range(1 if count > 1 and picture.info.get('default_image') else 0, count)


class AnimationMedia(Media):
    """An animated GIF, WebP or PNG; each frame has its own duration."""

    def __init__(self, path: Path) -> None:
        """Read the header of the file; raises as `opened`."""
        self._path = path
        with opened(path) as picture:
            numbers = frames_of(picture)
            width, height = picture.size[::-1 if orientation_of(picture) >= 5 else 1]
            super().__init__(str(path), width=width, height=height, frame_count=len(numbers),
                             rate=_rate(picture, numbers))

    def _frames(self) -> Iterator[Frame]:
        stamp, self.last_duration = 0.0, DEFAULT_DURATION
        with opened(self._path) as picture:
            for index, number in enumerate(frames_of(picture)):
                try:
                    _seek(picture, number)
                    image = to_bgr(picture)
                    self.last_duration = _duration(picture)
                except BROKEN:  # it has the duration of the previous frame
                    self.skipped += 1
                else:
                    yield Frame(index, round(stamp, 6), image)
                stamp += self.last_duration


class PagesMedia(Media):
    """The pages of a TIFF or of another document, independent images."""

    pages = True

    def __init__(self, path: Path, *, rate: float) -> None:
        """
        Read the header of the file; raises as `opened`.

        Args:
            path: The file.
            rate: Pages per second, for the stamps.
        """
        self._path, self._period = path, 1.0 / rate
        with opened(path) as picture:
            self._numbers = list(_whole_pages(picture))
            _seek(picture, self._numbers[0])
            height, width = to_bgr(picture).shape[:2]
            super().__init__(str(path), width=width, height=height, rate=None,
                             frame_count=len(self._numbers))

    def _frames(self) -> Iterator[Frame]:
        with opened(self._path) as picture:
            for index, number in enumerate(self._numbers):
                try:
                    _seek(picture, number)
                    check_size(str(self._path), *picture.size)
                    image = to_bgr(picture)
                except BROKEN:
                    self.skipped += 1
                else:
                    yield Frame(index, index * self._period, image)


def _seek(picture: Image.Image, number: int) -> None:
    with quiet():
        picture.seek(number)


def _whole_pages(picture: Image.Image) -> Iterator[int]:
    for number in frames_of(picture):
        _seek(picture, number)
        tags: Any = getattr(picture, 'tag_v2', {})
        if not number or not tags.get(SUBFILE_TYPE, 0) & SMALLER_COPY:
            yield number


def _duration(picture: Image.Image) -> float:
    """Return the duration of the decoded frame in seconds."""
    seconds = float(picture.info.get('duration', 0)) / 1000.0
    return seconds if seconds > LEAST_DURATION else DEFAULT_DURATION


def _rate(picture: Image.Image, numbers: range) -> float:
    """Return the mean rate in Hz of the first frames; all of them may be many to decode."""
    durations = []
    for number in numbers[:RATE_FRAMES]:
        try:
            _seek(picture, number)
            picture.load()
            durations.append(_duration(picture))
        except BROKEN:  # counted when the frames are read
            continue
    return len(durations) / sum(durations) if durations else 1.0 / DEFAULT_DURATION
