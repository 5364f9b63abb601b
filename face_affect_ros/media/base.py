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

"""Base class of the sources of frames."""

import abc
from collections.abc import Iterator
from dataclasses import dataclass
import logging
from typing import Any

from face_affect_ros.affect.position import Camera
from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_ros.paths import shown

_log = logging.getLogger('face_affect_ros.media')

#: Larger images are refused, because a forged header could exhaust the memory. Phones take 108 MP.
MAX_PIXELS = 128_000_000

#: Frames per second of sources without a rate.
DEFAULT_RATE = 30.0


@dataclass(frozen=True, eq=False)
class Frame:
    """
    One frame of a source.

    Attributes:
        index: Number in the source, from 0, including corrupt frames.
        stamp: Seconds since the start of the source; in a bag, the stamp of the header.
        image: (H, W, 3) uint8 BGR; in a bag read-only, also (H, W) grey.
        camera: Calibration of the image.
        frame_id: Frame of the header in a bag.
        exact: The stamp in nanoseconds if it is known more precisely than `stamp`.
    """

    index: int
    stamp: float
    image: ImageArray
    camera: Camera | None = None
    frame_id: str = ''
    exact: int | None = None

    @property
    def nanoseconds(self) -> int:
        """Return the stamp in nanoseconds."""
        return round(self.stamp * 1e9) if self.exact is None else self.exact


class Media(abc.ABC):
    """
    A source of frames: iterate over it, and close it or use it in a with statement.

    Each iteration restarts the source, except for cameras.

    Attributes:
        name: Name for messages.
        width: Width of the first frame in pixels.
        height: Height of the first frame in pixels.
        rate: Frames per second, None for images.
        frame_count: Number of frames, None if it is unknown.
        live: Whether frames arrive in real time, as from a camera.
        pages: Whether the frames are pages, that is independent images.
        topic: Image topic of a bag.
        skipped: Number of corrupt frames that the current iteration has skipped.
        last_duration: Duration in seconds of the last frame.
    """

    live = False
    pages = False
    topic = ''

    def __init__(self, name: str, *, width: int, height: int, rate: float | None,
                 frame_count: int | None) -> None:
        check_size(name, width, height)
        self.name = name
        self.width, self.height = width, height
        self.rate = rate
        self.frame_count = frame_count
        self.skipped = 0
        self.last_duration = 1.0 / (rate or DEFAULT_RATE)

    def __iter__(self) -> Iterator[Frame]:
        """Yield the frames; AffectError if none can be decoded."""
        self.skipped = 0
        delivered = 0
        for frame in self._frames():
            delivered += 1
            yield frame
        if delivered == 0:
            raise AffectError(f'{self.name}: no frame can be decoded; the file is corrupt, '
                              'choose another')
        if self.skipped:
            _log.warning('%s: %d frames are corrupt or missing', shown(self.name), self.skipped)

    @abc.abstractmethod
    def _frames(self) -> Iterator[Frame]:
        """Yield the frames that can be decoded, and count the others in `skipped`."""

    def close(self) -> None:  # noqa: B027 - most sources have nothing to close
        """Close open files. Closing twice is allowed."""

    def __enter__(self) -> 'Media':
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


def check_size(name: str, width: int, height: int) -> None:
    """Raise AffectError for a size of zero pixels or of more than MAX_PIXELS."""
    if width < 1 or height < 1:
        raise AffectError(f'{name}: an image of {width}x{height} pixels is empty; choose '
                          'another')
    if width * height > MAX_PIXELS:
        raise AffectError(f'{name}: {width}x{height} pixels are more than the limit of '
                          f'{MAX_PIXELS // 1_000_000} megapixels; scale it down')
