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

"""The topics that are played beside the images of a bag: calibration, depth, tf, clock."""

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
#: Minimum of nanoseconds of the recording between two messages on /clock.
CLOCK_PERIOD = 10_000_000
#: Seconds to wait for subscribers before the first message, and for its delivery.
SUBSCRIBERS_TIMEOUT, DELIVERY_TIME = 2.0, 0.2


class Companions:
    """
    Publishes the messages of other topics of a bag in the order of their recording.

    The calibration beside the image topic, or the only one of the bag, is published on
    'camera_info', depth images on 'depth', /tf and /tf_static on their topics, and the time of the
    recording on /clock if enabled.
    """

    def __init__(self, node: Node, bag: str, *, image: str, depth: str, clock: bool) -> None:
        """
        Create the publishers.

        Args:
            node: Of the publishers.
            bag: Path.
            image: Image topic in the bag.
            depth: Topic of depth images in the bag, '' for none.
            clock: Whether to publish /clock.

        Raises:
            AffectError: The bag has no such depth images.
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
            self._add_publisher(node, info, topics[info], 'camera_info', qos.results())
        if depth:
            self._add_publisher(node, depth, topics[depth], 'depth', qos.results())
        for name, profile in TRANSFORMS.items():
            if name in topics:
                self._add_publisher(node, name, topics[name], name, profile())
        self._clock = node.create_publisher(Clock, '/clock', qos.results()) if clock else None
        self._time: int | None = None
        self._messages = self._read()
        self._next: tuple[int, str, bytes] | None = next(self._messages, None)
        names = ', '.join(self._publishers)
        node.get_logger().info(f'played beside {image}: {names or "nothing"}')

    def play_until(self, when: int) -> None:
        """Publish the messages that were recorded before the next image; when: its time, ns."""
        first = self._time is None
        if first:
            self._wait_for_subscribers()
        while self._next is not None and self._next[0] <= when + AHEAD:
            recorded, topic, data = self._next
            self._publish_time(min(recorded, when))
            self._publishers[topic].publish(data)
            self._next = next(self._messages, None)
        self._publish_time(when)
        if first and self._publishers:
            time.sleep(DELIVERY_TIME)   # the first image must not overtake its calibration

    def _wait_for_subscribers(self) -> None:
        """Wait for the node face_affect, which subscribes to these topics with the images."""
        deadline = time.monotonic() + SUBSCRIBERS_TIMEOUT
        awaited = [publisher for name, publisher in self._publishers.items()
                   if name not in TRANSFORMS]
        while time.monotonic() < deadline and not all(
                publisher.get_subscription_count() for publisher in awaited):
            time.sleep(0.02)

    def _publish_time(self, when: int) -> None:
        if self._time is not None and when < self._time + CLOCK_PERIOD:
            return
        self._time = when
        if self._clock is not None:
            message = Clock()
            message.clock.sec, message.clock.nanosec = divmod(when, 10**9)
            self._clock.publish(message)

    def _read(self) -> Iterator[tuple[int, str, bytes]]:
        return self._bag.others_of(list(self._publishers)) if self._publishers else iter(())

    def _add_publisher(self, node: Node, name: str, kind: str, topic: str, profile: Any) -> None:
        """Create the publisher of a topic, unless its message type is not installed."""
        package, _, message = kind.split('/')
        try:
            made = getattr(import_module(f'{package}.msg'), message)
        except ModuleNotFoundError:
            node.get_logger().info(f'{name} is not played: the package {package} is not installed')
            return
        self._publishers[name] = node.create_publisher(made, topic, profile)
