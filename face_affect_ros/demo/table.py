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

"""The live table of the demo."""

from collections import deque
import time

from face_affect_ros.affect.types import Estimate, Face
from face_affect_ros.paths import shown
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

#: Seconds over which the rate is measured.
WINDOW = 2.0
#: Seconds between two lines if the output is not a terminal.
LINE_PERIOD = 2.0
#: Older stamps, in seconds, are those of a recording.
MAX_LATENCY = 60.0


class LiveTable:
    """Shows the faces of the newest message; without a terminal, a line every LINE_PERIOD."""

    def __init__(self, title: str) -> None:
        """
        Create an empty table.

        Args:
            title: Title of the table.
        """
        self._title = title
        self._console = Console()
        self._live = Live(console=self._console, refresh_per_second=8, transient=True)
        self._times: deque[float] = deque()
        self._last_line = 0.0

    def __enter__(self) -> 'LiveTable':
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live.is_started:
            self._live.stop()

    def show(self, faces: list[Face], *, latency: float) -> None:
        """Show the faces of one message; latency in seconds."""
        now = time.monotonic()
        self._times.append(now)
        while now - self._times[0] > WINDOW:
            self._times.popleft()
        elapsed = now - self._times[0]
        rate = (len(self._times) - 1) / elapsed if elapsed else 0.0
        status = f'{rate:4.1f} frames/s, latency {latency_text(latency)}'
        if self._live.is_started:
            self._live.update(self._table(faces, status))
        elif now - self._last_line > LINE_PERIOD:
            self._last_line = now
            print('; '.join([status, *(' '.join(row) for row in map(_row, faces))]), flush=True)

    def _table(self, faces: list[Face], status: str) -> Table:
        table = Table('id', 'expression', 'confidence', 'gender', 'confidence', 'seen for',
                      title=Text(shown(self._title)), caption=status)
        for face in faces:
            table.add_row(*_row(face), f'{face.tracked_for:.1f} s')
        return table


def latency_text(latency: float) -> str:
    """
    Return a latency in seconds as text, 'unknown' for the old stamps of a recording.

    Args:
        latency: Seconds since the stamp of the image.
    """
    return f'{latency * 1e3:.1f} ms' if 0.0 <= latency < MAX_LATENCY else 'unknown'


def _row(face: Face) -> tuple[str, ...]:
    return (face.id, *_cells(face.estimates.get('emotion')),
            *_cells(face.estimates.get('gender')))


def _cells(estimate: Estimate | None) -> tuple[str, str]:
    return (estimate.label, f'{estimate.confidence:.0%}') if estimate else ('off', '')
