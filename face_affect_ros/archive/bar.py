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

"""A progress bar over all sources."""

from collections.abc import Iterable
import sys
import time
from typing import Any

from face_affect_ros.archive.sources import Source
from tqdm import tqdm


class Bar:
    """
    Shows the progress, the rate and the remaining time on a terminal.

    Progress is measured in bytes of the sources: the number of their images is unknown before they
    are opened, and a bag may be a thousand times as long as a clip.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        """Show an empty bar."""
        self._sizes = {source: source.size for source in sources}
        self._shares: dict[Source, float] = {}
        self._frames: dict[Source, int] = {}
        self._done = 0
        self._began = time.monotonic()
        self._bar = tqdm(total=sum(self._sizes.values()), disable=None, leave=False,
                         bar_format='{percentage:3.0f}% |{bar}| {postfix[0]} '
                         '[{elapsed}<{remaining}]', postfix=[''])

    def watch(self, source: Source, frames: int, share: float) -> None:
        """Update the progress of a source: images so far, and their fraction of it, 0 to 1."""
        gained = (share - self._shares.get(source, 0.0)) * self._sizes[source]
        self._shares[source], self._frames[source] = share, frames
        self._bar.postfix = [self.text]
        self._bar.update(min(gained, self._bar.total - self._bar.n))   # a sum of floats

    def done(self, source: Source, frames: int) -> None:
        """Count a source as processed, successfully or not."""
        self._done += 1
        self.watch(source, frames, 1.0)

    @property
    def text(self) -> str:
        """Return counts and rate as text."""
        rate = sum(self._frames.values()) / max(time.monotonic() - self._began, 1e-6)
        return f'{self._done}/{len(self._sizes)} sources, {rate:.0f} frames/s'

    def say(self, line: str) -> None:
        """Write a line above the bar, to standard error."""
        self._bar.write(line, file=sys.stderr)

    def __enter__(self) -> 'Bar':
        return self

    def __exit__(self, *exception: Any) -> None:
        self._bar.close()
