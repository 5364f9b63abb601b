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

"""Times of pieces of work after a warm-up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import itertools
from pathlib import Path
import time
from typing import Any

import numpy as np

#: One line of a table: a number, text or None under each heading.
Row = dict[str, Any]
Work = Callable[[Any], Any]


@dataclass(frozen=True)
class Context:
    """
    What the caller of the benchmark chose.

    shared: folder of clips and published weights. venvs: where the peers' environments are made.
    quick: fewer repetitions and combinations.
    """

    shared: Path
    venvs: Path
    quick: bool

    def times(self, full: int) -> int:
        """Return how often something is repeated."""
        return max(20, full // 10) if self.quick else full


@dataclass(frozen=True)
class Timing:
    """Median and 99th percentile of wall time, and mean processor time of this thread, in ms."""

    median: float
    p99: float
    cpu: float

    def row(self) -> Row:
        """Return the columns of a table."""
        return {'median ms': round(self.median, 3), 'p99 ms': round(self.p99, 3),
                'CPU ms': round(self.cpu, 3)}


def measure(work: Work, items: Sequence[Any], *, times: int, warm_up: int = 10) -> Timing:
    """Do the work so many times, with the items in turn."""
    turn = itertools.cycle(items)
    for _ in range(warm_up):
        work(next(turn))
    walls = []
    cpu = time.thread_time()
    for _ in range(times):
        item = next(turn)
        started = time.perf_counter()
        work(item)
        walls.append(time.perf_counter() - started)
    cpu = time.thread_time() - cpu
    median, p99 = np.percentile(walls, [50, 99])
    return Timing(median * 1e3, p99 * 1e3, cpu / times * 1e3)
