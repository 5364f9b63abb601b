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
The resident memory of the node over many images.

    python -m face_affect_bench.memory 100000

The images are handed to the node's worker function one after the other, as fast as it takes them,
and its results go out to DDS. Faces come and go, so that tracks do too.
"""

import itertools
import json
import os
import subprocess
import sys

from face_affect_bench.context import Context
from face_affect_bench.frames import compose, VGA
from face_affect_bench.processes import resident
from face_affect_bench.timing import Row
from face_affect_ros.nodes.face_affect_node import FaceAffectNode
from face_affect_ros.nodes.image_conversion import to_message
import rclpy
from std_msgs.msg import Header

POINTS = 20


def run(context: Context) -> list[Row]:
    """Return the memory at some points of the run, in a process of its own."""
    if not context.memory_frames:
        return []
    command = [sys.executable, '-m', 'face_affect_bench.memory', str(context.memory_frames)]
    answer = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    rows: list[Row] = json.loads(answer.stdout)
    return rows


def watch(frames: int) -> list[Row]:
    """Run the node over so many images."""
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    rclpy.init(args=[])
    node = FaceAffectNode()
    node.trigger_configure()
    node.trigger_activate()
    pictures = [compose(VGA, faces) for faces in (2, 0, 1, 8, 1, 2)]
    turn = itertools.cycle([picture for picture in pictures for _ in range(100)])
    rows = [{'images': 0, 'MiB': round(resident(), 1)}]
    for number in range(1, frames + 1):
        stamp = 1000.0 + number / 30.0
        header = Header()
        header.stamp.sec, header.stamp.nanosec = int(stamp), int(stamp % 1.0 * 1e9)
        node.process(to_message(next(turn), 'bgr8', header))   # as the worker calls it
        if number % max(1, frames // POINTS) == 0:
            rows.append({'images': number, 'MiB': round(resident(), 1)})
    node.close()
    node.destroy_node()
    rclpy.shutdown()
    return rows


if __name__ == '__main__':
    print(json.dumps(watch(int(sys.argv[1]))))
