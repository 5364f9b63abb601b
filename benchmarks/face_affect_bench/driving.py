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

"""A node that drives other nodes, service calls, and the resources of a process."""

from collections.abc import Callable, Iterator
import contextlib
import os
from pathlib import Path
import time
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor

#: Timeout in seconds.
PATIENCE = 60.0


@contextlib.contextmanager
def joined(name: str) -> Iterator[tuple[Any, SingleThreadedExecutor]]:
    """Yield a new node and its executor."""
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
    """Spin until the condition is true; return False after a timeout."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        executor.spin_once(timeout_sec=0.05)
    return True


def require(executor: Any, condition: Callable[[], Any], problem: str) -> None:
    """Spin until the condition is true; SystemExit with the problem after a timeout."""
    if not wait(executor, condition):
        raise SystemExit(problem)


def call(executor: Any, client: Any, request: Any) -> Any:
    """Call a service and return the response; SystemExit if there is none."""
    require(executor, client.service_is_ready, f'{client.srv_name} is not available')
    response = client.call_async(request)
    require(executor, response.done, f'{client.srv_name} does not respond')
    return response.result()


def usage(process: int) -> dict[str, float]:
    """
    Return the resources of a process from /proc; FileNotFoundError if it does not exist.

    Returns:
        memory: resident memory in MB (10^6 bytes); threads, files: their numbers; time: processor
        time in seconds.
    """
    folder = Path(f'/proc/{process}')
    pages = int((folder / 'statm').read_text().split()[1])
    fields = (folder / 'stat').read_text().rpartition(')')[2].split()
    ticks = int(fields[11]) + int(fields[12])
    return {'memory': round(pages * os.sysconf('SC_PAGE_SIZE') / 1e6, 1),
            'threads': len(os.listdir(folder / 'task')), 'files': len(os.listdir(folder / 'fd')),
            'time': ticks / os.sysconf('SC_CLK_TCK')}
