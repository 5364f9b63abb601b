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

"""Times, and the machine on which they are measured."""

from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
import itertools
import os
from pathlib import Path
import platform
import subprocess
import time
from typing import Any

import cv2
import numpy as np

#: Row of a table: a number, text or None by column.
Row = dict[str, Any]
Work = Callable[[Any], Any]
#: Instruction sets that accelerate 8-bit networks.
EXTENSIONS = ('avx2', 'avx_vnni', 'avx512_vnni', 'amx_int8', 'asimddp', 'i8mm')
#: ROS distributions with wheels.
WHEELS = ('jazzy', 'kilted')
PACKAGES = ('numpy', 'opencv-python-headless', 'ai-edge-litert',
            *(f'ros-{name}-{part}' for name in WHEELS for part in ('rclpy', 'rmw-fastrtps-cpp')))


def pin(cores: list[int]) -> None:
    """Restrict this process and its children to these cores, and OpenCV to one thread."""
    os.sched_setaffinity(0, cores)
    cv2.setNumThreads(1)


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


def describe(cores: list[int]) -> dict[str, str]:
    """Return the description of the machine by heading."""
    able = (_line('/proc/cpuinfo', 'flags') or _line('/proc/cpuinfo', 'Features')).split()
    description = {
        'processor': processor(),
        'instruction sets for 8-bit networks': ', '.join(
            each for each in EXTENSIONS if each in able) or 'none',
        'cores': f'{", ".join(map(str, cores))} of {os.cpu_count()}',
        'memory': f'{int(_line("/proc/meminfo", "MemTotal").split()[0]) / 2**20:.1f} GiB',
        'system': f'{platform.system()} {platform.release().split("-")[0]}',
        'Python': platform.python_version(),
        'ROS': os.environ.get('ROS_DISTRO') or next(
            (f'{name}, as wheels' for name in WHEELS if _version(f'ros-{name}-rclpy')), 'none'),
    }
    # Packages that are not installed as wheels are omitted.
    return description | {package: found for package in PACKAGES if (found := _version(package))}


def processor() -> str:
    """Return the name of the processor."""
    return _line('/proc/cpuinfo', 'model name') or platform.processor()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ''


def _line(file: str, key: str) -> str:
    for line in Path(file).read_text().splitlines():
        if line.startswith(key):
            return line.partition(':')[2].strip()
    return ''


def commit() -> str:
    """Return the measured commit."""
    answer = subprocess.run(['git', 'describe', '--always', '--dirty'], capture_output=True,
                            text=True, cwd=Path(__file__).parent)
    return answer.stdout.strip() or 'unknown'
