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
#: For how many intervals a turn may wait for an image with less other work.
PATIENCE = 1.5


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
        self._saved = 0.0   # turns that nobody has taken

    def __call__(self, tracks: Sequence[str], stamp: float, *, busy: bool = False) -> list[int]:
        """
        Return the indices of the tracks that have their turn.

        stamp: of the image, seconds. busy: whether there is other work with this image and less
        with the next; tracks wait for that one, unless PATIENCE intervals would be over by then.
        """
        interval = self.interval   # another thread may change it
        elapsed, self._stamp = stamp - self._stamp, stamp
        share = len(tracks) * (1.0 if is_due(elapsed, interval) else elapsed / interval)
        waited = [stamp - self._last.get(track, -math.inf) for track in tracks]
        new = [index for index, time in enumerate(waited) if time == math.inf]
        due = sorted((index for index, time in enumerate(waited)
                      if time < math.inf and is_due(time, interval)
                      and not (busy and time + elapsed < (PATIENCE + TOLERANCE) * interval)),
                     key=lambda index: -waited[index])
        self._saved += share
        chosen = due[:math.floor(self._saved + TOLERANCE)]
        self._saved = max(0.0, self._saved - len(chosen))
        if not busy:   # more than one turn saved up, and who is due together would stay so
            self._saved = min(self._saved, 1.0) if share < 1.0 else self._saved % 1.0
        chosen = sorted(new + chosen)
        self._last.update({tracks[index]: stamp for index in chosen})
        return chosen

    def forget(self, alive: Container[str]) -> None:
        """Forget the tracks that are not alive any more."""
        self._last = {track: stamp for track, stamp in self._last.items() if track in alive}
