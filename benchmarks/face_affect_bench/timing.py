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

"""Measurement of times after a warm-up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import itertools
from pathlib import Path
import time
from typing import Any

import numpy as np

#: Row of a table: a number, text or None by column.
Row = dict[str, Any]
Work = Callable[[Any], Any]


@dataclass(frozen=True)
class Context:
    """
    Options of the benchmark.

    Attributes:
        shared: Folder of clips and published weights.
        venvs: Folder of the virtual environments of the peers.
        quick: Fewer repetitions and combinations.
    """

    shared: Path
    venvs: Path
    quick: bool

    def times(self, full: int) -> int:
        """Return the number of repetitions."""
        return max(20, full // 10) if self.quick else full


def measure(work: Work, items: Sequence[Any], *, times: int, warm_up: int = 10) -> Row:
    """
    Call a function repeatedly, with the items in turn.

    Returns:
        Median and 99th percentile of wall time, and mean processor time of the thread, in ms.
    """
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
    return {'median ms': round(median * 1e3, 3), 'p99 ms': round(p99 * 1e3, 3),
            'CPU ms': round(cpu / times * 1e3, 3)}
