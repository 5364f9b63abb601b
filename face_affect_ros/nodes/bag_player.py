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

"""The node `bag_player`: plays a bag at its recorded speed or as fast as results arrive."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from importlib import import_module
import threading
import time
from typing import Any, TypeAlias

from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.affect.types import AffectError
from face_affect_ros.bags import IMAGE_TYPES, ImageBag
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.declaration import declare
from face_affect_ros.nodes.main import ClosingNode, end_process, run, steady_timer
from face_affect_ros.nodes.parameters import Spec
from face_affect_ros.paths import shown
from face_affect_ros.recordings import AHEAD, calibration_topic
from rclpy.node import Node
from rclpy.publisher import Publisher
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CompressedImage, Image

Stamp: TypeAlias = tuple[int, int]
#: Seconds between the discovery of the first subscriber of the images and the first image, for the
#: discovery of the other topics.
MATCH_TIME = 1.0
#: Seconds without any result after which the images in flight are abandoned.
RESULT_TIMEOUT = 5.0
#: Seconds without an image after which the time to the next one is logged.
LONG_PAUSE = 10.0
PARAMETERS = {
    'bag': Spec('', 'Path of a bag, sqlite3 or mcap.', dynamic_typing=True),
    'topic': Spec('', "Image topic in the bag; '' is the first one with grey or colour "
                  'images, colour preferred.'),
    'rate': Spec(1.0, 'Speed, as a multiple of the recording.', bounds=(0.01, 100.0)),
    'max_in_flight': Spec(0, 'Maximum number of published images without a result on faces; '
                          '0: play at the recorded speed.', bounds=(0, 1000)),
    'depth': Spec('', "Topic of depth images in the bag, to be played on 'depth'; '' for none."),
    'clock': Spec(False, 'Publish the time of the recording on /clock.'),
    'start_timeout': Spec(30.0, 'Seconds to wait for a subscriber.', bounds=(0.0, 3600.0)),
}
TYPES: dict[str, Any] = {'sensor_msgs/msg/Image': Image,
                         'sensor_msgs/msg/CompressedImage': CompressedImage}
#: Minimum of nanoseconds of the recording between two messages on /clock.
CLOCK_PERIOD = 10_000_000
#: Seconds to wait for subscribers before the first message, and for its delivery.
SUBSCRIBERS_TIMEOUT, DELIVERY_TIME = 2.0, 0.2


class PendingResults:
    """
    Matches images and results by their stamps; a stamp may occur more than once.

    Results arrive in the order of the images: with the result of an image, the images sent before
    it are no longer in flight; a late result is still matched.
    """

    def __init__(self) -> None:
        self._missing: Counter[Stamp] = Counter()
        self._in_flight: deque[Stamp] = deque()

    @property
    def in_flight(self) -> int:
        """Number of images in flight."""
        return len(self._in_flight)

    @property
    def missing(self) -> int:
        """Number of images without a result."""
        return self._missing.total()

    def add(self, stamp: Stamp) -> None:
        """Add an image that is sent; stamp: (sec, nanosec)."""
        self._missing[stamp] += 1
        self._in_flight.append(stamp)

    def resolve(self, stamp: Stamp) -> bool:
        """Match a result; return whether it belongs to an image without a result."""
        if not self._missing[stamp]:
            return False
        self._missing[stamp] -= 1
        if not self._missing[stamp]:
            del self._missing[stamp]
        while stamp in self._in_flight:
            if self._in_flight.popleft() == stamp:
                break
        return True

    def abandon(self) -> int:
        """Stop waiting for the images in flight; return their number."""
        number = len(self._in_flight)
        self._in_flight.clear()
        return number


class Companions:
    """
    Publishes the messages of other topics of a bag in the order of their recording.

    The calibration beside the image topic, or the only one of the bag, is published on
    'camera_info', depth images on 'depth', /tf and /tf_static on their topics, and the time of the
    recording on /clock if enabled. node: a BagPlayer. AffectError if the bag has no such depth
    images.
    """

    def __init__(self, node: Node, bag: ImageBag) -> None:
        topics, depth = bag.topics(), node.get_parameter('depth').value
        if depth and topics.get(depth) != IMAGE_TYPES[0]:
            known = ', '.join(name for name, kind in topics.items() if kind == IMAGE_TYPES[0])
            raise AffectError(f"parameter 'depth': {node.get_parameter('bag').value} has no depth "
                              f"images on '{depth}'; its image topics: {known}")
        # A bag has one message on /tf_static of each node that published it.
        wanted = {calibration_topic(bag.topic, topics): ('camera_info', qos.results()),
                  depth: ('depth', qos.results()), '/tf': ('/tf', qos.transforms()),
                  '/tf_static': ('/tf_static', qos.latched(100))}
        self._publishers: dict[str, Publisher] = {}
        for name in filter(topics.get, wanted):
            package, _, kind = topics[name].split('/')
            try:
                message = getattr(import_module(f'{package}.msg'), kind)
            except ModuleNotFoundError:
                node.get_logger().info(f'{name} is not played: the package {package} is not '
                                       'installed')
            else:
                self._publishers[name] = node.create_publisher(message, *wanted[name])
        self._clock = node.create_publisher(ClockMessage, '/clock', qos.results()) if (
            node.get_parameter('clock').value) else None
        self._time: int | None = None
        self._messages = (bag.others_of(list(self._publishers)) if self._publishers
                          else iter(()))
        self._next: tuple[int, str, bytes] | None = next(self._messages, None)
        names = ', '.join(self._publishers)
        node.get_logger().info(f'topics played with {bag.topic}: {names or "none"}')

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
            time.sleep(DELIVERY_TIME)   # the calibration must arrive before the first image

    def _wait_for_subscribers(self) -> None:
        """Wait for the node face_affect, which subscribes to these topics with the images."""
        deadline = time.monotonic() + SUBSCRIBERS_TIMEOUT
        awaited = [publisher for name, publisher in self._publishers.items()
                   if name not in ('/tf', '/tf_static')]
        while time.monotonic() < deadline and not all(
                publisher.get_subscription_count() for publisher in awaited):
            time.sleep(0.02)

    def _publish_time(self, when: int) -> None:
        if self._time is not None and when < self._time + CLOCK_PERIOD:
            return
        self._time = when
        if self._clock is not None:
            message = ClockMessage()
            message.clock.sec, message.clock.nanosec = divmod(when, 10**9)
            self._clock.publish(message)


class BagPlayer(ClosingNode):
    """
    Publishes the images of a bag as they were recorded, and their companions, see Companions.

    With `max_in_flight` it waits for the results of the images in flight, so that every image is
    processed on a slow computer too; else it plays at the speed of the recording. AffectError
    if the bag cannot be opened. kwargs: of rclpy's Node.
    """

    def __init__(self, node_name: str = 'bag_player', **kwargs: Any) -> None:
        super().__init__(node_name, **kwargs)
        declare(self, PARAMETERS, fixed=True)
        self._rate = float(self.get_parameter('rate').value)
        self._limit = int(self.get_parameter('max_in_flight').value)
        self._bag = ImageBag(str(self.get_parameter('bag').value),
                             topic=self.get_parameter('topic').value)
        topic = self.resolve_topic_name('image')
        if self._bag.type == 'sensor_msgs/msg/CompressedImage':
            topic += '/compressed'
        self._images = self.create_publisher(TYPES[self._bag.type], topic,
                                             qos.image_input('reliable', max(self._limit, 10)))
        if self._limit:
            self.create_subscription(FaceAffectArray, 'faces', self._take_result,
                                     qos.image_input('reliable', max(self._limit, 10)))
        if self._bag.others:
            self.get_logger().info(f'playing {self._bag.topic}; other image topics: '
                                   + ', '.join(f'topic:={each}' for each in self._bag.others))
        self._companions = Companions(self, self._bag)
        self._changed = threading.Condition()
        self._pending = PendingResults()
        self._exit_code: int | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._play, name='bag_player', daemon=True)
        self._thread.start()
        self._timer = steady_timer(self, 0.05, self._check_end)

    def close(self) -> None:
        """Stop playing."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _check_end(self) -> None:
        if self._exit_code is not None and not self._closing:   # else it is being unloaded
            self._timer.cancel()
            end_process(self, self._exit_code)

    def _take_result(self, message: FaceAffectArray) -> None:
        stamp = message.header.stamp
        with self._changed:
            if self._pending.resolve((stamp.sec, stamp.nanosec)):
                self._changed.notify_all()

    def _play(self) -> None:
        try:
            self._exit_code = self._play_all()
        except Exception as error:  # else the process would never end
            if self.context.ok():   # else the process is ending
                self.get_logger().error(shown(f'{type(error).__name__}: {error}'))
            self._exit_code = 1

    def _play_all(self) -> int:
        """Play; return the exit code, 0 if no message was lost."""
        if not self._wait_for_subscriber():
            return 1
        published, problem = 0, ''
        try:
            for stamp, data in self._paced():
                if self._closing:
                    return 0
                if self._limit:
                    with self._changed:
                        self._pending.add(stamp)
                self._images.publish(data)
                published += 1
                if not self._wait_for_results(self._limit - 1):
                    problem = 'the results no longer have a publisher'
                    break
        except AffectError as error:
            problem = str(error)
        self._wait_for_results(0)
        text = f'{published} images of {self._bag.topic} published'
        unanswered = self._pending.missing
        if self._limit:
            text += f', {unanswered} without a result'
        if self._bag.broken:
            text += f', {self._bag.broken} messages skipped: truncated or not images'
        if problem:
            text += f'; stopped early: {shown(problem)}'
        fine = published > 0 and not (unanswered or self._bag.broken or problem)
        log = self.get_logger()
        log.info(text) if fine else log.error(text)
        if self._bag.missing:
            log.warning(shown(self._bag.shortage()))
        return 0 if fine else 1

    def _wait_for_subscriber(self) -> bool:
        deadline = time.monotonic() + float(self.get_parameter('start_timeout').value)
        while not self._closing:
            if self._images.get_subscription_count() and (
                    not self._limit or self.count_publishers(self.resolve_topic_name('faces'))):
                time.sleep(MATCH_TIME)
                return True
            if time.monotonic() > deadline:
                self.get_logger().error(f"no node subscribed to '{self._images.topic_name}'")
                return False
            time.sleep(0.02)
        return False

    def _paced(self) -> Iterator[tuple[tuple[int, int], bytes]]:
        started, first = time.monotonic(), None
        for when, stamp, data in self._bag.messages():
            first = when if first is None else first
            if not self._limit:
                self._wait_until(started + (when - first) * 1e-9 / self._rate)
            self._companions.play_until(when)
            yield stamp, data

    def _wait_until(self, due: float) -> None:
        """Wait for a time of the monotonic clock or the end."""
        pause = due - time.monotonic()
        if pause > LONG_PAUSE:
            self.get_logger().info(f'the next image follows in {pause:.0f} s, as recorded; with '
                                   'max_in_flight a bag is played without pauses')
        with self._changed:
            self._changed.wait_for(lambda: self._closing, min(pause, threading.TIMEOUT_MAX))

    def _wait_for_results(self, allowed: int) -> bool:
        """
        Wait until at most `allowed` images are in flight or no more results arrive.

        Returns:
            False if the results no longer have a publisher.
        """
        if not self._limit:
            return True
        with self._changed:
            while not self._closing and self._pending.in_flight > allowed:
                if not self._changed.wait(RESULT_TIMEOUT):
                    break
            else:
                return True
            given_up = self._pending.abandon()
        self.get_logger().warning(f'{given_up} images got no result within {RESULT_TIMEOUT} s; '
                                  'see the log of the node')
        return bool(self.count_publishers(self.resolve_topic_name('faces')))


def main(argv: Sequence[str] | None = None) -> int:
    """Play a bag; return the exit code, 1 if a message was not an image or got no result."""
    return run(BagPlayer, argv)


if __name__ == '__main__':
    raise SystemExit(main())
