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
Measure how soon the node is back after kill -9, and how soon it ends when it is told to.

python benchmarks/restart.py, inside tools/env.sh. Both happen under load: 30 images a second.
"""

import argparse
from collections.abc import Iterator
import contextlib
import inspect
import json
from pathlib import Path
import signal
import statistics
import sys
import time
from typing import Any

from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.lifecycle_client import bring_up
from face_affect_ros.processes import running_node
import rclpy
from rclpy.executors import SingleThreadedExecutor
from soak import wait

NODE = 'face_affect'
#: Results after which the node is under load.
LOADED = 10
ENDINGS = ('SIGKILL', 'SIGINT', 'SIGTERM')


@contextlib.contextmanager
def watching() -> Iterator[tuple[Any, Any, list[FaceAffectArray]]]:
    """Return a node, its executor and the results that it receives."""
    context = rclpy.Context()
    rclpy.init(context=context, args=[])
    node = rclpy.create_node('restart', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    results: list[FaceAffectArray] = []
    node.create_subscription(FaceAffectArray, f'/{NODE}/faces', results.append, qos.results())
    try:
        yield node, executor, results
    finally:
        executor.shutdown()
        node.destroy_node()
        context.try_shutdown()


def run(times: int) -> dict[str, list[float]]:
    """Return the seconds from start to first result, and from each signal to the end."""
    told: dict[str, list[float]] = {'first result': [], **{name: [] for name in ENDINGS}}
    with watching() as (node, executor, results), running_node(
            'camera_player', 'player', {'rate': 30.0}, {'image_raw': 'image'}):
        for number in range(times * len(ENDINGS)):
            started = time.monotonic()
            with running_node('face_affect_node', NODE, {}) as process:
                bring_up(node, f'/{NODE}')
                results.clear()
                if not wait(executor, lambda: bool(results)):
                    raise RuntimeError('no result came')
                told['first result'].append(time.monotonic() - started)
                wait(executor, lambda: len(results) >= LOADED)
                name = ENDINGS[number % len(ENDINGS)]
                ended = time.monotonic()
                process.send_signal(getattr(signal, name))
                code = process.wait(30.0)
                told[name].append(time.monotonic() - ended)
                if code != (-signal.SIGKILL if name == 'SIGKILL' else 0):
                    raise RuntimeError(f'exit code {code} after {name}')
    return told


def main() -> int:
    """Print the medians and the largest, in seconds, as JSON."""
    parser = argparse.ArgumentParser(
        description=inspect.getdoc(sys.modules[__name__]),
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--times', type=int, default=10)
    parser.add_argument('--out', type=Path, help='write them into this file too')
    arguments = parser.parse_args()
    told = {name: {'times': len(seconds), 'median': round(statistics.median(seconds), 2),
                   'largest': round(max(seconds), 2)}
            for name, seconds in run(arguments.times).items()}
    text = json.dumps(told, indent=1)
    print(text)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text + '\n')
    return 0


if __name__ == '__main__':
    sys.exit(main())
