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


"""
What one process for camera player and node saves, and what it does not.

    python benchmarks/container.py --seconds 20

The same portrait at 640x480 with one face, at 15 and 30 Hz, in two processes and in one container;
two processes with our DDS profile too. Measured at ~/faces in a third process. All traffic stays
on this computer.
"""

import argparse
from collections.abc import Callable, Iterator
import contextlib
from dataclasses import dataclass
import inspect
import os
from pathlib import Path
import time
from typing import Any

from composition_interfaces.srv import LoadNode
from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.lifecycle_client import bring_up
from face_affect_ros.nodes.messages import seconds_of
from face_affect_ros.processes import running_node
import numpy as np
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter

PROFILE = Path(__file__).resolve().parents[1] / 'config' / 'fastdds_large_images.xml'
VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
PLAYER, NODE, CONTAINER = 'camera_player', 'face_affect', 'face_affect_container'
#: Seconds that end a run which has failed already, and those before the measurement begins.
PATIENCE, WARM_UP = 60.0, 3.0


@dataclass(frozen=True)
class Cost:
    """Memory [MiB] and processor time [s] of some processes, so far."""

    memory: float
    time: float

    @classmethod
    def of(cls, processes: list[int]) -> 'Cost':
        """Read them; memory that processes share is counted once (PSS)."""
        memory = processor = 0.0
        for process in processes:
            rollup = Path(f'/proc/{process}/smaps_rollup').read_text()
            memory += next(int(line.split()[1]) for line in rollup.splitlines()
                           if line.startswith('Pss:')) / 1024
            fields = Path(f'/proc/{process}/stat').read_text().rpartition(')')[2].split()
            processor += (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
        return cls(memory, processor)


class Watcher:
    """Receives the faces."""

    def __init__(self) -> None:
        """Join the graph."""
        self.node = rclpy.create_node('container_benchmark')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.delays: list[float] = []
        self.node.create_subscription(FaceAffectArray, f'/{NODE}/faces', self._take,
                                      qos.results())

    def _take(self, message: FaceAffectArray) -> None:
        self.delays.append((time.time() - seconds_of(message.header)) * 1e3)

    def spin(self, seconds: float, done: Callable[[], Any] = lambda: False) -> bool:
        """Spin for so long, or until it is done; return whether it is."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not done():
            self._executor.spin_once(timeout_sec=0.05)
        return bool(done())

    def load(self, plugin: str, parameters: dict[str, Any], remappings: dict[str, str]) -> None:
        """Load a node into the container."""
        client = self.node.create_client(LoadNode, f'/{CONTAINER}/_container/load_node')
        if not self.spin(PATIENCE, client.service_is_ready):
            raise SystemExit('the container does not answer')
        request = LoadNode.Request(
            package_name='face_affect_ros', plugin_name=f'face_affect_ros::{plugin}',
            parameters=[Parameter(name, value=value).to_parameter_msg()
                        for name, value in parameters.items()],
            remap_rules=[f'{old}:={new}' for old, new in remappings.items()])
        answer = client.call_async(request)
        if not self.spin(PATIENCE, answer.done) or not answer.result().success:
            raise SystemExit(f'{plugin} could not be loaded')


@contextlib.contextmanager
def two_processes(watcher: Watcher, rate: float) -> Iterator[list[int]]:
    """Run player and node in a process each; yield their numbers."""
    with running_node('face_affect_node', NODE, {}, {'image': 'image_raw'}) as node, \
            running_node('camera_player', PLAYER, {'rate': rate}) as player:
        yield [node.pid, player.pid]


@contextlib.contextmanager
def one_container(watcher: Watcher, rate: float) -> Iterator[list[int]]:
    """Run both in one process; yield its number."""
    with running_node('container', CONTAINER, {}) as container:
        watcher.load('FaceAffectNode', {}, {'image': 'image_raw'})
        watcher.load('CameraPlayer', {'rate': rate}, {})
        yield [container.pid]


def measure(form: Any, rate: float, seconds: float) -> str:
    """Return one line: start [s], memory [MiB], share of a core, delay [ms], results lost."""
    rclpy.init(args=[])
    try:
        watcher = Watcher()
        started = time.monotonic()
        with form(watcher, rate) as processes:
            bring_up(watcher.node, f'/{NODE}')
            if not watcher.spin(PATIENCE, lambda: watcher.delays):
                raise SystemExit('no faces came')
            ready = time.monotonic() - started
            watcher.spin(WARM_UP)
            watcher.delays.clear()
            before = Cost.of(processes)
            watcher.spin(seconds)
            after = Cost.of(processes)
    finally:
        rclpy.shutdown()
    median, high = np.percentile(watcher.delays, [50, 99])
    lost = 100.0 * max(0.0, 1.0 - len(watcher.delays) / (rate * seconds))
    share = 100.0 * (after.time - before.time) / seconds
    return (f'{ready:.1f} | {after.memory:.0f} | {share:.0f} % | {median:.1f} | {high:.1f} | '
            f'{lost:.0f} %')


def main() -> int:
    """Run all forms and print a Markdown table."""
    parser = argparse.ArgumentParser(description=inspect.cleandoc(__doc__).splitlines()[0])
    parser.add_argument('--rates', type=float, nargs='+', default=[15.0, 30.0], help='Hz')
    parser.add_argument('--seconds', type=float, default=20.0, help='length of each run')
    arguments = parser.parse_args()
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    print('| Hz | | first result [s] | memory [MiB] | of one core | delay median [ms] | p99 [ms] '
          '| lost |\n| --- | --- | --- | --- | --- | --- | --- | --- |')
    for rate in arguments.rates:
        for name, form, profile in (('two processes', two_processes, False),
                                    ('two processes, with the profile', two_processes, True),
                                    ('one container', one_container, False)):
            for variable in VARIABLES:
                os.environ.pop(variable, None)
                if profile:
                    os.environ[variable] = str(PROFILE)
            print(f'| {rate:g} | {name} | {measure(form, rate, arguments.seconds)} |', flush=True)
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
