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

"""What other processes have used so far."""

from dataclasses import dataclass
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
