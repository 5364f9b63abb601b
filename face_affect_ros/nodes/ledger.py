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

"""Which images of a replay have got their result."""

from collections import Counter, deque
from typing import TypeAlias

Stamp: TypeAlias = tuple[int, int]


class Ledger:
    """
    Counts images and results, which are matched by their stamps, as often as a stamp comes.

    results: how many of the images have got theirs. Images get their results in the order in
    which they were sent: with the result of one, those sent before it are not waited for any more,
    but a result that comes late counts.
    """

    def __init__(self) -> None:
        """Start without images."""
        self.results = 0
        self._open: Counter[Stamp] = Counter()
        self._on_their_way: deque[Stamp] = deque()

    @property
    def on_their_way(self) -> int:
        """Return how many images are waited for."""
        return len(self._on_their_way)

    @property
    def unanswered(self) -> int:
        """Return how many images have no result."""
        return self._open.total()

    def sent(self, stamp: Stamp) -> None:
        """Note an image with this stamp (sec, nanosec)."""
        self._open[stamp] += 1
        self._on_their_way.append(stamp)

    def answered(self, stamp: Stamp) -> bool:
        """Note a result with this stamp; return whether it is one of an image that was sent."""
        if not self._open[stamp]:
            return False
        self._open[stamp] -= 1
        if not self._open[stamp]:
            del self._open[stamp]
        self.results += 1
        while stamp in self._on_their_way:
            if self._on_their_way.popleft() == stamp:
                break
        return True

    def give_up(self) -> int:
        """Stop waiting for the images on their way; return how many these were."""
        given_up = len(self._on_their_way)
        self._on_their_way.clear()
        return given_up
