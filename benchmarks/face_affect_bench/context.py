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

"""What the caller of the benchmark chose."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Context:
    """
    The choices.

    shared: folder of clips and published weights. venvs: where the peers' environments are made.
    quick: fewer repetitions and combinations. memory_frames: images of the memory run.
    """

    shared: Path
    venvs: Path
    quick: bool
    memory_frames: int

    def times(self, full: int) -> int:
        """Return how often something is repeated."""
        return max(20, full // 10) if self.quick else full
