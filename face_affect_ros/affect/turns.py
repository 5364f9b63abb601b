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

"""Work that is done now and then: whose turn it is."""

from collections.abc import Container, Sequence
import math

#: What comes this share of the interval too early has its turn: cameras are not even.
TOLERANCE = 0.05


def is_due(elapsed: float, interval: float) -> bool:
    """
    Return whether it is time again; always where time stands or jumps back.

    elapsed: seconds since the last time. interval: seconds that shall lie between, 0 for none.
    """
    return not 0.0 < elapsed < (1.0 - TOLERANCE) * interval


class Turns:
    """
    Gives each track its turn once in an interval, as evenly over the images as it goes.

    A new track has its turn at once. interval: seconds, 0 for all tracks in every image.
    """

    def __init__(self, interval: float) -> None:
        """Start without tracks."""
        self.interval = interval
        self._last: dict[str, float] = {}
        self._stamp = -math.inf

    def __call__(self, tracks: Sequence[str], stamp: float) -> list[int]:
        """Return the indices of the tracks that have their turn; stamp: of the image, seconds."""
        interval = self.interval   # another thread may change it
        elapsed, self._stamp = stamp - self._stamp, stamp
        share = len(tracks) * (1.0 if is_due(elapsed, interval) else elapsed / interval)
        waiting = [stamp - self._last.get(track, -math.inf) for track in tracks]
        new = [index for index, waited in enumerate(waiting) if waited == math.inf]
        due = sorted((index for index, waited in enumerate(waiting)
                      if waited < math.inf and is_due(waited, interval)),
                     key=lambda index: -waiting[index])
        chosen = sorted(new + due[:math.ceil(share)])
        self._last.update({tracks[index]: stamp for index in chosen})
        return chosen

    def forget(self, alive: Container[str]) -> None:
        """Forget the tracks that are not alive any more."""
        self._last = {track: stamp for track, stamp in self._last.items() if track in alive}
