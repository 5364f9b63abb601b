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
Measure the time from the start to the first result, and from a signal to the end of the process.

python benchmarks/restart.py, after `. tools/env.sh`. The node receives 30 images per second and
activates itself, as after a respawn by the launch file.
"""

import signal
import statistics
import sys
import time

from face_affect_bench.driving import joined, require, wait
from face_affect_bench.report import keep, parse
from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.messages import seconds_of
from face_affect_ros.processes import running_node

NODE = 'face_affect'
#: Number of results before the signal.
LOADED = 10
ENDINGS = ('SIGKILL', 'SIGINT', 'SIGTERM')


def run(times: int) -> dict[str, list[float]]:
    """Return the seconds from start to first result, and from each signal to the end."""
    measured: dict[str, list[float]] = {'first result': [], **{name: [] for name in ENDINGS}}
    results: list[FaceAffectArray] = []
    with joined('restart') as (node, executor), running_node(
            'camera_player', 'player', {'rate': 30.0}, {'image_raw': 'image'}):
        node.create_subscription(FaceAffectArray, f'/{NODE}/faces', results.append, qos.results())
        for number in range(times * len(ENDINGS)):
            started, born = time.monotonic(), time.time()
            with running_node('face_affect_node', NODE, {'autostart': True}) as process:
                results.clear()
                # Older results are those of the previous process.
                require(executor, lambda since=born: any(
                    seconds_of(each.header) > since for each in results), 'no result')
                results.clear()
                measured['first result'].append(time.monotonic() - started)
                wait(executor, lambda: len(results) >= LOADED)
                name = ENDINGS[number % len(ENDINGS)]
                ended = time.monotonic()
                process.send_signal(getattr(signal, name))
                code = process.wait(30.0)
                measured[name].append(time.monotonic() - ended)
                if code != (-signal.SIGKILL if name == 'SIGKILL' else 0):
                    raise SystemExit(f'exit code {code} after {name}')
    return measured


def main() -> int:
    """Print median and maximum in seconds as JSON."""
    arguments = parse(__doc__, times=10)
    keep({name: {'times': len(seconds), 'median': round(statistics.median(seconds), 2),
                 'largest': round(max(seconds), 2)}
          for name, seconds in run(arguments.times).items()}, arguments.out)
    return 0


if __name__ == '__main__':
    sys.exit(main())
