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
Run lifecycle cycles of the node, and measure memory, threads and files.

python benchmarks/cycles.py --cycles 1000, after `. tools/env.sh`. A cycle of the same process is:
configure, activate, one image and its result, deactivate, cleanup.
"""

import sys
import time
from typing import Any

from face_affect_bench.driving import call, joined, require, usage, wait
from face_affect_bench.frames import compose, VGA
from face_affect_bench.report import keep, parse
from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.image_conversion import to_message
from face_affect_ros.processes import running_node
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from sensor_msgs.msg import Image
from std_msgs.msg import Header

UP = (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE)
DOWN = (Transition.TRANSITION_DEACTIVATE, Transition.TRANSITION_CLEANUP)
#: Cycles before the first measurement, so that all libraries are loaded.
WARM = 5
#: Number of samples of the resources, and seconds between them.
SAMPLES, PAUSE = 6, 0.1


def settled(pid: int) -> dict[str, float]:
    """Return the resources of a process at the sample with the fewest threads."""
    samples = []
    for _ in range(SAMPLES):
        samples.append(usage(pid))
        time.sleep(PAUSE)
    return min(samples, key=lambda each: each['threads'])


def run(cycles: int, *, notes: int = 20) -> list[dict[str, float]]:
    """Return about `notes` measurements of the node, from cycle WARM to the last one."""
    every = max(1, (cycles - WARM) // notes)
    used = []
    results: list[FaceAffectArray] = []
    image = to_message(compose(VGA, 8), 'bgr8', Header(frame_id='camera'))
    image.header.stamp.sec = 1
    with joined('cycles') as (node, executor), running_node(
            'face_affect_node', 'face_affect', {'processing': 'every'}) as process:
        client = node.create_client(ChangeState, '/face_affect/change_state')
        images = node.create_publisher(Image, 'image', qos.results())
        node.create_subscription(FaceAffectArray, '/face_affect/faces', results.append,
                                 qos.results())
        for number in range(1, cycles + 1):
            change_state(executor, client, UP)
            results.clear()
            require(executor, images.get_subscription_count, 'the node does not subscribe')
            while not results:   # images are lost until the publisher is matched
                images.publish(image)
                wait(executor, lambda: results, 1.0)
            change_state(executor, client, DOWN)
            require(executor, lambda: not images.get_subscription_count(),
                    'the node does not unsubscribe')
            if number >= WARM and (number - WARM) % every == 0 or number == cycles:
                used.append({'cycle': number, **settled(process.pid)})
    return used


def change_state(executor: Any, client: Any, transitions: tuple[int, ...]) -> None:
    """Request transitions of the lifecycle; SystemExit if one fails."""
    for transition in transitions:
        if not call(executor, client, ChangeState.Request(
                transition=Transition(id=transition))).success:
            raise SystemExit(f'transition {transition} failed')


def main() -> int:
    """Print the measurements as JSON; return 1 if the number of threads or files grows."""
    arguments = parse(__doc__, cycles=1000)
    used = run(arguments.cycles)
    keep(used, arguments.out)
    return 0 if all(used[-1][name] <= used[0][name] for name in ('threads', 'files')) else 1


if __name__ == '__main__':
    sys.exit(main())
