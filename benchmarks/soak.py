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
Load the node for a long time, and check its memory and its counts of images.

python benchmarks/soak.py --frames 100000 publishes images as fast as their results arrive;
python benchmarks/soak.py --seconds 1800 publishes 30 images per second. Each image shows eight
faces. Run it after `. tools/env.sh`. The exit code is 1 if the counts are not consistent: images
received = results + dropped + refused, and with --frames, images sent = results.
"""

from collections import Counter
import sys
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from face_affect_bench.driving import joined, usage, wait
from face_affect_bench.frames import compose, VGA
from face_affect_bench.report import keep, parse
from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.image_conversion import to_message
from face_affect_ros.processes import running_node
from sensor_msgs.msg import Image
from std_msgs.msg import Header

#: Maximum number of images without a result, with --frames.
IN_FLIGHT = 20
RATE = 30.0


class Soak:
    """Publishes images, and counts the results and what the node reports."""

    def __init__(self, node: Any, pid: int) -> None:
        """Create the publisher and the subscriptions. pid: process of the node."""
        self._node, self._pid = node, pid
        self.sent = self.results = 0
        self.faces: Counter[int] = Counter()
        self.usage: list[dict[str, float]] = []
        self._reported: dict[str, str] = {}
        self._message = to_message(compose(VGA, 8), 'bgr8', Header(frame_id='camera'))
        self.images = node.create_publisher(Image, 'image', qos.image_input(
            'reliable', IN_FLIGHT))
        node.create_subscription(FaceAffectArray, '/face_affect/faces', self._count,
                                 qos.image_input('reliable', 1000))
        node.create_subscription(DiagnosticArray, '/diagnostics', self._read, qos.results())

    def send(self) -> None:
        """Publish an image."""
        self._message.header.stamp = self._node.get_clock().now().to_msg()
        self.images.publish(self._message)
        self.sent += 1

    def note(self) -> None:
        """Measure the resources of the node."""
        self.usage.append({'results': self.results, **usage(self._pid)})

    def counts(self) -> dict[str, int]:
        """Return the last counts in the diagnostics of the node."""
        return {name: int(self._reported.get(name, 0))
                for name in ('received', 'published', 'dropped', 'refused', 'lost')}

    def quiet(self) -> bool:
        """Return whether each received image has a result, or was dropped or refused."""
        counts = self.counts()
        ended = sum(counts[name] for name in ('published', 'dropped', 'refused'))
        return 0 < counts['received'] == ended and self.results == counts['published']

    def _count(self, message: FaceAffectArray) -> None:
        self.results += 1
        self.faces[len(message.faces)] += 1

    def _read(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self._reported = {each.key: each.value for each in status.values}


def run(*, frames: int = 0, seconds: float = 0.0, notes: int = 20) -> dict[str, Any]:
    """Publish `frames` images, or for `seconds`; measure the node about `notes` times."""
    parameters = {'autostart': True, 'diagnostics_period': 0.2,
                  'processing': 'every' if frames else 'newest', 'track_id_prefix': 'f'}
    with joined('soak') as (node, executor), \
            running_node('face_affect_node', 'face_affect', parameters) as process:
        soak = Soak(node, process.pid)
        wait(executor, soak.images.get_subscription_count)
        started = time.monotonic()
        total = frames or round(seconds * RATE)
        for number in range(total):
            if frames:
                if not wait(executor, lambda: soak.sent - soak.results < IN_FLIGHT):
                    break
            else:
                while (left := started + number / RATE - time.monotonic()) > 0.0:
                    executor.spin_once(timeout_sec=left)
            soak.send()
            if soak.sent % max(1, total // notes) == 0:
                soak.note()
        complete = wait(executor, soak.quiet)
        duration = time.monotonic() - started
        soak.note()
        memory = [each['memory'] for each in soak.usage]
        quarter = max(1, len(memory) // 4)
        return {
            'kind': 'in step' if frames else f'{RATE:g} Hz', 'seconds': round(duration, 1),
            'sent': soak.sent, **soak.counts(), 'results': soak.results,
            'adds up': complete and (not frames or soak.sent == soak.results),
            'faces per result': {str(key): value for key, value in sorted(soak.faces.items())},
            'usage': soak.usage,
            'growth in MB after the first quarter': round(
                max(memory[-quarter:]) - memory[quarter], 1),
            'alive': process.poll() is None}


def main() -> int:
    """Print the results as JSON; return 1 if they are not consistent."""
    arguments = parse(__doc__, frames=0, seconds=60.0)
    results = run(frames=arguments.frames, seconds=arguments.seconds)
    keep(results, arguments.out)
    return 0 if results['adds up'] and results['alive'] else 1


if __name__ == '__main__':
    sys.exit(main())
