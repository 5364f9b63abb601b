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

"""What all sources of frames have in common."""

import abc
from collections.abc import Iterator
from dataclasses import dataclass
import logging
from typing import Any

from face_affect_ros.affect.position import Camera
from face_affect_ros.affect.types import AffectError, ImageArray

_log = logging.getLogger('face_affect_ros.media')

#: Larger pictures are refused: a forged header could else take all memory.
MAX_PIXELS = 100_000_000

#: Frames per second of what has no rate.
DEFAULT_RATE = 30.0


@dataclass(frozen=True)
class Frame:
    """
    One frame of a source.

    index: place in the source, from 0; corrupt frames are counted too. stamp: seconds since the
    source's start; of a bag, those of the image's header. image: (H, W, 3) uint8 BGR; of a bag,
    (H, W) where it is grey. camera: the calibration that belongs to it. frame_id: of its header.
    exact: the stamp in nanoseconds, where it is known better than `stamp` has it.
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

    Each iteration starts anew, except that of a camera. name: for people. width, height: of
    the first frame in pixels. rate: frames per second, None for pictures, which have none.
    frame_count: None where it is not known. live: whether frames come when they like, as from a
    camera. pages: whether the frames are pages, which have nothing to do with each other: no film.
    topic: of a bag. skipped: corrupt frames that were left out by the iteration under way.
    last_duration: seconds for which the frame that came last is shown.
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
        """Yield the frames; AffectError where not a single one can be decoded."""
        self.skipped = 0
        delivered = 0
        for frame in self._frames():
            delivered += 1
            yield frame
        if delivered == 0:
            raise AffectError(f'{self.name}: no frame could be decoded; the file is corrupt, '
                              'choose another')
        if self.skipped:
            _log.warning('%s: %d frames are corrupt or missing', self.name, self.skipped)

    @abc.abstractmethod
    def _frames(self) -> Iterator[Frame]:
        """Yield the frames that can be decoded, and count the others in `skipped`."""

    def close(self) -> None:  # noqa: B027 - most sources hold nothing open
        """Let go of what is open. Closing twice is allowed."""

    def __enter__(self) -> 'Media':
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


def check_size(name: str, width: int, height: int) -> None:
    """Raise AffectError for a size that is empty or absurd."""
    if width < 1 or height < 1:
        raise AffectError(f'{name}: a picture of {width}x{height} pixels has nothing to show; '
                          'choose another')
    if width * height > MAX_PIXELS:
        raise AffectError(f'{name}: {width}x{height} pixels are more than the '
                          f'{MAX_PIXELS // 1_000_000} megapixels that are read; scale it down')
