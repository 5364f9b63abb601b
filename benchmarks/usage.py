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

"""What a process uses, as Linux tells it."""

from dataclasses import asdict, dataclass
import os
from pathlib import Path


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
    def of(cls, pid: int) -> 'Usage':
        """Return what a process uses now; FileNotFoundError where there is none."""
        lines = Path(f'/proc/{pid}/status').read_text().splitlines()
        facts = dict(line.split(':', 1) for line in lines)
        return cls(memory=int(facts['VmRSS'].split()[0]) * 1024 / 1e6,
                   threads=int(facts['Threads']), files=len(os.listdir(f'/proc/{pid}/fd')))

    def as_dict(self) -> dict[str, float]:
        """Return it for JSON."""
        return {**asdict(self), 'memory': round(self.memory, 1)}
