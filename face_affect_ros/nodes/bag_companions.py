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

"""What a bag holds beside its images and the node face_affect can use: calibration, depth, tf."""

from collections.abc import Iterator
from importlib import import_module
import time
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.bags import IMAGE_TYPES, ImageBag
from face_affect_ros.nodes import qos
from face_affect_ros.recordings import AHEAD, calibration_topic
from rclpy.node import Node
from rclpy.publisher import Publisher
from rosgraph_msgs.msg import Clock

TRANSFORMS = {'/tf': qos.transforms, '/tf_static': qos.latched}
#: Nanoseconds of the recording between two messages on /clock, at least.
CLOCK_PERIOD = 10_000_000
#: Seconds to wait for readers before the first message, and for them to take it.
READERS, SETTLE = 2.0, 0.2


class Companions:
    """
    Publishes the messages of other topics of a bag in the order of their recording.

    The calibration beside the image topic, or the only one of the bag, goes to 'camera_info', the
    depth images to 'depth', /tf and /tf_static to where they come from, and the time of the
    recording to /clock, where that is asked for.
    """

    def __init__(self, node: Node, bag: str, *, image: str, depth: str, clock: bool) -> None:
        """
        Look what the bag has, and offer the topics.

        image: the image topic in the bag. depth: that of depth images, '' for none. Raises
        AffectError where the bag does not have it.
        """
        self._bag = ImageBag(bag, topic=image)
        topics = self._bag.topics()
        if depth and topics.get(depth) != IMAGE_TYPES[0]:
            known = ', '.join(name for name, kind in topics.items() if kind == IMAGE_TYPES[0])
            raise AffectError(f"parameter 'depth': {bag} has no depth images on '{depth}'; its "
                              f'image topics: {known}')
        self._publishers: dict[str, Publisher] = {}
        info = calibration_topic(image, topics)
        if info:
            self._offer(node, info, topics[info], 'camera_info', qos.results())
        if depth:
            self._offer(node, depth, topics[depth], 'depth', qos.results())
        for name, profile in TRANSFORMS.items():
            if name in topics:
                self._offer(node, name, topics[name], name, profile())
        self._clock = node.create_publisher(Clock, '/clock', qos.results()) if clock else None
        self._time: int | None = None
        self._messages = self._read()
        self._next: tuple[int, str, bytes] | None = next(self._messages, None)
        names = ', '.join(self._publishers)
        node.get_logger().info(f'played beside {image}: {names or "nothing"}')

    def play_until(self, when: int) -> None:
        """Publish what was recorded before an image that is about to be published, time in ns."""
        first = self._time is None
        if first:
            self._wait_for_readers()
        while self._next is not None and self._next[0] <= when + AHEAD:
            recorded, topic, data = self._next
            self._tell_time(min(recorded, when))
            self._publishers[topic].publish(data)
            self._next = next(self._messages, None)
        self._tell_time(when)
        if first and self._publishers:
            time.sleep(SETTLE)   # or the first image would overtake its calibration

    def _wait_for_readers(self) -> None:
        """Wait for those of the node face_affect, which come with that of the images."""
        deadline = time.monotonic() + READERS
        awaited = [publisher for name, publisher in self._publishers.items()
                   if name not in TRANSFORMS]
        while time.monotonic() < deadline and not all(
                publisher.get_subscription_count() for publisher in awaited):
            time.sleep(0.02)

    def _tell_time(self, when: int) -> None:
        if self._time is not None and when < self._time + CLOCK_PERIOD:
            return
        self._time = when
        if self._clock is not None:
            message = Clock()
            message.clock.sec, message.clock.nanosec = divmod(when, 10**9)
            self._clock.publish(message)

    def _read(self) -> Iterator[tuple[int, str, bytes]]:
        return self._bag.others_of(list(self._publishers)) if self._publishers else iter(())

    def _offer(self, node: Node, name: str, kind: str, topic: str, profile: Any) -> None:
        """Offer a topic of the bag, unless its message type is not installed."""
        package, _, message = kind.split('/')
        try:
            made = getattr(import_module(f'{package}.msg'), message)
        except ModuleNotFoundError:
            node.get_logger().info(f'{name} is not played: the package {package} is not installed')
            return
        self._publishers[name] = node.create_publisher(made, topic, profile)
