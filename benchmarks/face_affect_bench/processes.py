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

"""What other processes use, as Linux tells it."""

from dataclasses import asdict, dataclass
import os
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Memory [MiB] and processor time [s] of a process so far."""

    memory: float
    time: float

    @classmethod
    def of(cls, process: int) -> 'Cost':
        """Read them; memory is what is resident (RSS)."""
        fields = Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()
        ticks = int(fields[11]) + int(fields[12])
        return cls(resident(process), ticks / os.sysconf('SC_CLK_TCK'))


def resident(process: int | str = 'self') -> float:
    """Return the resident memory of a process in MiB."""
    pages = int(Path(f'/proc/{process}/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**20


@dataclass(frozen=True)
class Usage:
    """
    What a process uses at one time.

    memory: resident, MB of 10^6 bytes. threads, files: numbers of them.
    """

    memory: float
    threads: int
    files: int

    @classmethod
    def of(cls, process: int) -> 'Usage':
        """Return what a process uses now; FileNotFoundError where there is none."""
        return cls(memory=resident(process) * 2**20 / 1e6,
                   threads=len(os.listdir(f'/proc/{process}/task')),
                   files=len(os.listdir(f'/proc/{process}/fd')))

    def as_dict(self) -> dict[str, float]:
        """Return it for JSON."""
        return {**asdict(self), 'memory': round(self.memory, 1)}
