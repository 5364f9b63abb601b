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
The node and a camera in this restricted process; prints the results of ten images as JSON.

python test/lonely_node.py: runs in a network namespace with the loopback only and without TCP, and
records each file that Python opens for writing.
"""

import json
import os
import sys

import fences

#: The files that Python has opened for writing.
WRITTEN: list[str] = []


def hear(event: str, arguments: tuple[object, ...]) -> None:
    """Record a file that is opened for writing, and each network call of Python."""
    if event == 'open':
        path, mode, flags = arguments
        if (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
                or isinstance(mode, str) and set(mode) & set('wax+')):
            WRITTEN.append(str(path))
    elif event in ('socket.connect', 'socket.sendto', 'socket.getaddrinfo', 'socket.bind'):
        WRITTEN.append(f'{event} {arguments[1:]}')


def main() -> int:
    """Run node and camera."""
    try:
        fences.leave_the_network()
        fences.kill_at_sockets(datagrams=True)
    except (fences.Unsupported, OSError) as error:
        print(json.dumps({'unsupported': str(error)}))
        return 0
    sys.dont_write_bytecode = True
    sys.addaudithook(hear)
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'

    from bench import Bench
    from conftest import Ros
    from face_affect_ros.media import open_media
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    with open_media('') as media:
        portrait = next(iter(media)).image
    context = rclpy.Context()
    rclpy.init(context=context, args=[])
    executor = SingleThreadedExecutor(context=context)
    node = rclpy.create_node('tester', context=context)
    executor.add_node(node)
    bench = Bench(Ros(context, node, executor), portrait)
    face_affect = bench.start(processing='every')
    for sec in range(1, 11):
        bench.answered(portrait, sec)
    counts = face_affect.health.counts
    bench.close()
    context.try_shutdown()
    print(json.dumps({'published': counts['published'], 'written': WRITTEN,
                      'faces': [len(each.faces) for each in bench.faces],
                      'unreachable': fences.unreachable()}))
    return 0


if __name__ == '__main__':
    sys.exit(main())
