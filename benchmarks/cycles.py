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
Lead the node through its lifecycle again and again, and look what it keeps each time.

python benchmarks/cycles.py --cycles 1000, inside tools/env.sh. A cycle is configure, activate, one
image and its result, deactivate, cleanup, of one process.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
import sys
import time
from typing import Any

from face_affect_bench.driving import joined, usage, wait
from face_affect_bench.report import keep
from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.image_conversion import to_message
from face_affect_ros.processes import running_node
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from sensor_msgs.msg import Image
from soak import eight_faces
from std_msgs.msg import Header

UP = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
DOWN = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)
#: Cycles after which the libraries have loaded what they load once.
WARM = 5
#: Samples of what a process uses, and seconds between them.
SAMPLES, PAUSE = 6, 0.1


class Rider:
    """Leads a node through its lifecycle."""

    def __init__(self, node: Any, executor: Any) -> None:
        """Connect to /face_affect."""
        self._executor = executor
        self._change = node.create_client(ChangeState, '/face_affect/change_state')
        self._images = node.create_publisher(Image, 'image', qos.results())
        self._results: list[FaceAffectArray] = []
        node.create_subscription(FaceAffectArray, '/face_affect/faces', self._results.append,
                                 qos.results())
        self._image = to_message(eight_faces(), 'bgr8', Header(frame_id='camera'))
        self._image.header.stamp.sec = 1

    def ready(self) -> bool:
        """Return whether the node's services are there."""
        return bool(self._change.service_is_ready())

    def cycle(self) -> None:
        """Go up, get one result, go down; RuntimeError where that fails."""
        self._go(UP)
        self._results.clear()
        self._wait(self._images.get_subscription_count, 'the node does not subscribe')
        while not self._results:   # an image may go before the two ends have met
            self._images.publish(self._image)
            for _ in range(20):
                if not self._results:
                    self._executor.spin_once(timeout_sec=0.05)
        self._go(DOWN)
        self._wait(lambda: not self._images.get_subscription_count(), 'it stays subscribed')

    def _go(self, transitions: tuple[int, ...]) -> None:
        for transition in transitions:
            future = self._change.call_async(
                ChangeState.Request(transition=Transition(id=transition)))
            self._wait(future.done, f'no answer to transition {transition}')
            if not future.result().success:
                raise RuntimeError(f'transition {transition} failed')

    def _wait(self, condition: Callable[[], Any], problem: str) -> None:
        if not wait(self._executor, condition):
            raise RuntimeError(problem)


def settled(pid: int) -> dict[str, float]:
    """Return what a process uses when the threads that are about to end have ended."""
    seen = []
    for _ in range(SAMPLES):
        seen.append(usage(pid))
        time.sleep(PAUSE)
    return min(seen, key=lambda each: each['threads'])


def run(cycles: int, *, notes: int = 20) -> list[dict[str, float]]:
    """Return what the node uses after WARM cycles, and then again and again up to `cycles`."""
    every = max(1, (cycles - WARM) // notes)
    used = []
    with joined('cycles') as (node, executor), running_node(
            'face_affect_node', 'face_affect', {'processing': 'every'}) as process:
        rider = Rider(node, executor)
        if not wait(executor, rider.ready):
            raise RuntimeError('the node did not start')
        for number in range(1, cycles + 1):
            rider.cycle()
            if number >= WARM and (number - WARM) % every == 0 or number == cycles:
                used.append({'cycle': number, **settled(process.pid)})
    return used


def main() -> int:
    """Print the figures as JSON; return 1 where threads or files grow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--cycles', type=int, default=1000)
    parser.add_argument('--out', type=Path, help='write them into this file too')
    arguments = parser.parse_args()
    used = run(arguments.cycles)
    print(keep(used, arguments.out))
    return 0 if all(used[-1][name] <= used[0][name] for name in ('threads', 'files')) else 1


if __name__ == '__main__':
    sys.exit(main())
