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

"""What the benchmarks that drive a node share: a node to do it from, and what processes use."""

from collections.abc import Callable, Iterator
import contextlib
import os
from pathlib import Path
import time
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor

#: Seconds that end a run in which nothing comes any more.
PATIENCE = 60.0


@contextlib.contextmanager
def joined(name: str) -> Iterator[tuple[Any, SingleThreadedExecutor]]:
    """Join the graph; yield a node of this name and the executor that spins it."""
    context = rclpy.Context()
    rclpy.init(context=context, args=[])
    node = rclpy.create_node(name, context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    try:
        yield node, executor
    finally:
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()


def wait(executor: Any, condition: Callable[[], Any], seconds: float = PATIENCE) -> bool:
    """Spin until the condition holds, at most so long; return whether it came to that."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        executor.spin_once(timeout_sec=0.05)
    return True


def usage(process: int) -> dict[str, float]:
    """
    Return what a process uses, as Linux tells it; FileNotFoundError where there is none.

    memory: resident, MB of 10^6 bytes. threads, files: numbers of them. time: of the processor, in
    seconds.
    """
    folder = Path(f'/proc/{process}')
    pages = int((folder / 'statm').read_text().split()[1])
    fields = (folder / 'stat').read_text().rpartition(')')[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return {'memory': round(pages * os.sysconf('SC_PAGE_SIZE') / 1e6, 1),
            'threads': len(os.listdir(folder / 'task')), 'files': len(os.listdir(folder / 'fd')),
            'time': ticks / os.sysconf('SC_CLK_TCK')}
