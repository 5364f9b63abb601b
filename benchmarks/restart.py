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

python benchmarks/restart.py, inside tools/env.sh. Both happen under load: 30 images a second. The
node brings itself up, as it does after a respawn by the launch file.
"""

import argparse
import inspect
from pathlib import Path
import signal
import statistics
import sys
import time

from face_affect_bench.driving import joined, wait
from face_affect_bench.report import keep
from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.messages import seconds_of
from face_affect_ros.processes import running_node

NODE = 'face_affect'
#: Results after which the node is under load.
LOADED = 10
ENDINGS = ('SIGKILL', 'SIGINT', 'SIGTERM')


def run(times: int) -> dict[str, list[float]]:
    """Return the seconds from start to first result, and from each signal to the end."""
    told: dict[str, list[float]] = {'first result': [], **{name: [] for name in ENDINGS}}
    results: list[FaceAffectArray] = []
    with joined('restart') as (node, executor), running_node(
            'camera_player', 'player', {'rate': 30.0}, {'image_raw': 'image'}):
        node.create_subscription(FaceAffectArray, f'/{NODE}/faces', results.append, qos.results())
        for number in range(times * len(ENDINGS)):
            started, born = time.monotonic(), time.time()
            with running_node('face_affect_node', NODE, {'autostart': True}) as process:
                # of images from before its start, results are the last ones of the one before
                results.clear()
                if not wait(executor, lambda since=born: any(
                        seconds_of(each.header) > since for each in results)):
                    raise RuntimeError('no result came')
                results.clear()
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
    print(keep(told, arguments.out))
    return 0


if __name__ == '__main__':
    sys.exit(main())
