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
Load the node for a long time: does it grow, does it lose a result without a word.

python benchmarks/soak.py --frames 100000 sends images in step with the results, as fast as they
go; python benchmarks/soak.py --seconds 1800 sends 30 a second, whatever becomes of them. Each
image shows eight faces. Run it inside tools/env.sh. It ends with 1 where the counts do not add up:
images received = results + dropped + refused, and, in step, images sent = results.
"""

import argparse
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
import subprocess
import sys
import time
from typing import Any

import cv2
from diagnostic_msgs.msg import DiagnosticArray
from face_affect_bench.driving import joined, usage, wait
from face_affect_bench.report import keep
from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.media import open_media
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.image_conversion import to_message
from face_affect_ros.processes import running_node
import numpy as np
from sensor_msgs.msg import Image
from std_msgs.msg import Header

#: Images on their way at most, where they go in step with the results.
IN_FLIGHT = 20
#: Faces across and down.
TILES = (4, 2)
RATE = 30.0


def eight_faces() -> np.ndarray:
    """Return an image with eight faces, BGR 640x480."""
    with open_media('') as media:
        portrait = next(iter(media)).image
    tile = cv2.resize(portrait[:, 20:420], (640 // TILES[0], 480 // TILES[1]),
                      interpolation=cv2.INTER_AREA)
    return np.tile(tile, (TILES[1], TILES[0], 1))


@dataclass
class Soak:
    """What was sent, what came, and what the node says of it."""

    node: Any
    pid: int
    sent: int = 0
    results: int = 0

    def __post_init__(self) -> None:
        """Subscribe and publish."""
        self.faces: Counter[int] = Counter()
        self.said: dict[str, str] = {}
        self.usage: list[dict[str, float]] = []
        self.message = to_message(eight_faces(), 'bgr8', Header(frame_id='camera'))
        self._images = self.node.create_publisher(Image, 'image', qos.image_input(
            'reliable', IN_FLIGHT))
        self.node.create_subscription(FaceAffectArray, '/face_affect/faces', self._take,
                                      qos.image_input('reliable', 1000))
        self.node.create_subscription(DiagnosticArray, '/diagnostics', self._hear, qos.results())

    def connected(self) -> bool:
        """Return whether the node listens."""
        return bool(self._images.get_subscription_count())

    def send(self) -> None:
        """Send the next image."""
        self.message.header.stamp = self.node.get_clock().now().to_msg()
        self._images.publish(self.message)
        self.sent += 1

    def note(self) -> None:
        """Remember what the node uses now."""
        self.usage.append({'results': self.results, **usage(self.pid)})

    def counts(self) -> dict[str, int]:
        """Return the node's counts, as it said them last."""
        return {name: int(self.said.get(name, 0))
                for name in ('received', 'published', 'dropped', 'refused', 'lost')}

    def quiet(self) -> bool:
        """Return whether every image that the node received has come to its end."""
        counts = self.counts()
        return (counts['received'] > 0 and self.results == counts['published']
                and counts['received'] == counts['published'] + counts['dropped']
                + counts['refused'])

    def _take(self, message: FaceAffectArray) -> None:
        self.results += 1
        self.faces[len(message.faces)] += 1

    def _hear(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.said = {each.key: each.value for each in status.values}


def run(*, frames: int = 0, seconds: float = 0.0, notes: int = 20) -> dict[str, Any]:
    """
    Load a node with so many frames in step, or for so many seconds at 30 Hz; return the figures.

    notes: how often its memory is looked at.
    """
    # The badge on the suit may look like a face at this size.
    parameters = {'autostart': True, 'start_score': 0.7, 'diagnostics_period': 0.2,
                  'processing': 'every' if frames else 'newest', 'track_id_prefix': 'f'}
    with joined('soak') as (node, executor), \
            running_node('face_affect_node', 'face_affect', parameters) as process:
        soak = Soak(node, process.pid)
        wait(executor, soak.connected)
        started = time.monotonic()
        if frames:
            in_step(soak, executor, frames, notes)
        else:
            at_a_rate(soak, executor, seconds, notes)
        complete = wait(executor, soak.quiet)
        took = time.monotonic() - started
        return figures(soak, took, complete, frames, process)


def in_step(soak: Soak, executor: Any, frames: int, notes: int) -> None:
    """Send images as fast as their results come."""
    every = max(1, frames // notes)
    while soak.sent < frames:
        soak.send()
        if not wait(executor, lambda: soak.sent - soak.results < IN_FLIGHT):
            return
        if soak.sent % every == 0:
            soak.note()


def at_a_rate(soak: Soak, executor: Any, seconds: float, notes: int) -> None:
    """Send images at RATE, whatever becomes of them."""
    total = round(seconds * RATE)
    every = max(1, total // notes)
    started = time.monotonic()
    for number in range(total):
        due = started + number / RATE
        while (left := due - time.monotonic()) > 0.0:
            executor.spin_once(timeout_sec=left)
        soak.send()
        if number % every == 0:
            soak.note()


def figures(soak: Soak, took: float, complete: bool, frames: int,
            process: 'subprocess.Popen[bytes]') -> dict[str, Any]:
    """Return what is to be told."""
    soak.note()
    memory = [each['memory'] for each in soak.usage]
    quarter = max(1, len(memory) // 4)
    counts = soak.counts()
    return {
        'kind': 'in step' if frames else f'{RATE:g} Hz', 'seconds': round(took, 1),
        'sent': soak.sent, **counts, 'results': soak.results,
        'adds up': complete and (not frames or soak.sent == soak.results),
        'faces per result': {str(key): value for key, value in sorted(soak.faces.items())},
        'usage': soak.usage,
        'growth in MB after the first quarter': round(
            max(memory[-quarter:]) - memory[quarter], 1),
        'alive': process.poll() is None}


def main() -> int:
    """Print the figures as JSON; return 1 where they do not add up."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--frames', type=int, default=0)
    parser.add_argument('--seconds', type=float, default=60.0)
    parser.add_argument('--out', type=Path, help='write them into this file too')
    arguments = parser.parse_args()
    told = run(frames=arguments.frames, seconds=arguments.seconds)
    print(keep(told, arguments.out))
    return 0 if told['adds up'] and told['alive'] else 1


if __name__ == '__main__':
    sys.exit(main())
