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
How many images arrive in another process of this computer, with and without our DDS profile.

One process publishes images as a camera driver does, another subscribes as face_affect does.
The profile for large images is given to neither, to one of them or to both:

    python benchmarks/transport_loss.py --rates 15 30 --seconds 20

All traffic stays on this computer.
"""

import argparse
import array
from collections.abc import Callable
from dataclasses import dataclass
import inspect
import json
import os
from pathlib import Path
import subprocess
import sys
import time
from typing import Any

from face_affect_ros.nodes.large_images import variable, VARIABLES
import numpy as np

PROFILE = Path(__file__).resolve().parents[1] / 'config' / 'fastdds_large_images.xml'
TOPIC = 'transport_loss'
#: Seconds that the publisher stays after its last image, for what is still on its way.
LINGER = 2.0
#: Seconds that the two processes have to find each other.
PATIENCE = 30.0


@dataclass(frozen=True)
class Result:
    """What came of one run: images sent and received, and the delays of the received [ms]."""

    sent: int
    received: int
    delays: list[float]

    def __str__(self) -> str:
        lost = 100.0 * (1.0 - self.received / self.sent)
        median, high = np.percentile(self.delays, [50, 99]) if self.delays else (np.nan, np.nan)
        return f'{self.sent:6d} {self.received:6d} {lost:7.1f} {median:10.1f} {high:8.1f}'


def main() -> int:
    """Run all combinations and print a line for each."""
    arguments = _parse()
    if arguments.role:
        roles = {'publish': publish, 'subscribe': subscribe}
        print(json.dumps(roles[arguments.role](arguments)))
        return 0
    print(f'{arguments.width}x{arguments.height} bgr8, {arguments.reliability}, '
          f'{arguments.seconds:.0f} s each')
    print(f'{"profile":>10} {"Hz":>5} {"sent":>6} {"got":>6} {"lost %":>7} {"median ms":>10} '
          f'{"p99 ms":>8}')
    for rate in arguments.rates:
        for profile, holders in (('none', ()), ('subscriber', ('subscribe',)),
                                 ('publisher', ('publish',)), ('both', ('publish', 'subscribe'))):
            result = measure(arguments, rate, holders)
            print(f'{profile:>10} {rate:5.0f} {result}', flush=True)
    return 0


def measure(arguments: argparse.Namespace, rate: float, holders: tuple[str, ...]) -> Result:
    """Run publisher and subscriber; `holders` names the roles that get the profile."""
    processes = {}
    for role in ('subscribe', 'publish'):
        environment = {key: value for key, value in os.environ.items() if key not in VARIABLES}
        environment['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
        if role in holders:
            environment[variable()] = str(PROFILE)
        command = [sys.executable, __file__, *sys.argv[1:], '--role', role, '--rates', str(rate)]
        processes[role] = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    answers = {}
    for role, process in processes.items():
        output, _ = process.communicate()
        if process.returncode:
            raise SystemExit(f'the {role} process failed')
        answers[role] = json.loads(output)
    delays = answers['subscribe']['delays']
    return Result(answers['publish']['sent'], len(delays), delays)


def publish(arguments: argparse.Namespace) -> dict[str, Any]:
    """Publish images of noise, once the subscriber is there; return how many."""
    import rclpy
    from sensor_msgs.msg import Image

    rclpy.init(args=[])
    node = rclpy.create_node('transport_loss_publisher')
    publisher = node.create_publisher(Image, TOPIC, _quality(arguments.reliability))
    pixels = np.random.default_rng(0).integers(
        0, 256, (arguments.height, arguments.width, 3), dtype=np.uint8)
    data = array.array('B')
    data.frombytes(memoryview(pixels).cast('B'))
    message = Image(height=arguments.height, width=arguments.width, encoding='bgr8',
                    step=3 * arguments.width, data=data)
    _wait(publisher.get_subscription_count, 'the subscriber')
    time.sleep(1.0)  # the subscriber has to have found us, too
    period = 1.0 / arguments.rates[0]
    count = round(arguments.seconds / period)
    start = time.monotonic()
    for index in range(count):
        time.sleep(max(0.0, start + index * period - time.monotonic()))
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(time.time_ns(), 10**9)
        publisher.publish(message)
    time.sleep(LINGER)
    node.destroy_node()
    rclpy.shutdown()
    return {'sent': count}


def subscribe(arguments: argparse.Namespace) -> dict[str, Any]:
    """Take images while there is a publisher; return the delay of each in milliseconds."""
    import rclpy
    from sensor_msgs.msg import Image

    rclpy.init(args=[])
    node = rclpy.create_node('transport_loss_subscriber')
    delays: list[float] = []

    def take(message: Image) -> None:
        sent = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        delays.append((time.time_ns() - sent) * 1e-6)

    subscription = node.create_subscription(Image, TOPIC, take, _quality(arguments.reliability))
    _wait(lambda: node.count_publishers(TOPIC), 'the publisher')
    while node.count_publishers(TOPIC):
        rclpy.spin_once(node, timeout_sec=0.1)
    node.destroy_subscription(subscription)
    node.destroy_node()
    rclpy.shutdown()
    return {'delays': delays}


def _wait(found: Callable[[], int], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not found():
        if time.monotonic() > end:
            raise SystemExit(f'{what} was not found within {PATIENCE:.0f} s')
        time.sleep(0.05)


def _quality(reliability: str) -> Any:
    from rclpy.qos import QoSProfile, QoSReliabilityPolicy

    # depth as of a camera driver, so that only the transport can lose an image
    return QoSProfile(depth=10, reliability={
        'best_effort': QoSReliabilityPolicy.BEST_EFFORT,
        'reliable': QoSReliabilityPolicy.RELIABLE}[reliability])


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=inspect.cleandoc(__doc__).splitlines()[0])
    parser.add_argument('--rates', type=float, nargs='+', default=[15.0, 30.0], help='Hz')
    parser.add_argument('--seconds', type=float, default=20.0, help='length of each run')
    parser.add_argument('--width', type=int, default=640)
    parser.add_argument('--height', type=int, default=480)
    parser.add_argument('--reliability', choices=('best_effort', 'reliable'),
                        default='best_effort')
    parser.add_argument('--role', choices=('publish', 'subscribe'), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == '__main__':
    raise SystemExit(main())
