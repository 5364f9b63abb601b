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

"""The subscriptions to images, raw or compressed, to their calibration and to depth images."""

from collections import deque
from collections.abc import Callable
from itertools import pairwise
import re
from types import SimpleNamespace
from typing import Any, TypeAlias

from face_affect_ros.affect.position import Camera, camera_of, rectified_twice
from face_affect_ros.affect.types import FloatArray, ImageArray
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.health import full_names
from face_affect_ros.nodes.image_conversion import (
    decode_compressed,
    ImageConversionError,
    to_array,
    to_depth,
)
from face_affect_ros.nodes.messages import seconds_of
import numpy as np
from rclpy.qos import (
    qos_check_compatible,
    QoSCompatibility,
    QoSDurabilityPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
)
from rclpy.subscription import Subscription
from rclpy.utilities import get_rmw_implementation_identifier
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

ImageMessage: TypeAlias = Image | CompressedImage
COMPRESSED = '/compressed'
#: Types of the messages of other transports, such as zstd, theora and ffmpeg.
ENCODED = re.compile('CompressedImage|CompressedVideo|Packet')
#: Images whose frame_ids are compared, and number of changes that indicate several cameras.
COMPARED, CHANGES = 30, 3
#: Depth images that are kept at least, of which the one with the nearest stamp is used.
KEPT = 10
#: Largest difference of the aspect ratios of an image and its depth image, as a fraction.
ASPECT_TOLERANCE = 0.02
#: End of the warnings about depth images.
FALLBACK = 'positions are computed from the distance between the eyes'
#: A wait set whose events are ready, to take events without an executor.
READY = SimpleNamespace(add_event=lambda event: 0, is_ready=lambda kind, index: True)


class ImageInput:
    """
    Subscribes to the images and to the camera's calibration while it is open.

    Attributes:
        topic: Topic of the images.
        to_array: Converts an image message to pixels.
        camera: The newest calibration, used for every image; None before the first.
        losses: The event that images were lost, which check_graph takes.

    Args:
        node: A FaceAffectNode; its method `take` is called with every image message, its `health`
            gets the warnings. With image_transport compressed, the topic is the remapped one plus
            '/compressed', as image_transport has it.
        profile: Quality of service of the images.
    """

    def __init__(self, node: Any, profile: QoSProfile) -> None:
        self._node, self._health = node, node.health
        self._transport = node.get_parameter('image_transport').value
        compressed = self._transport == 'compressed'
        # image and image/compressed may be remapped
        suffix = COMPRESSED if compressed else ''
        self.topic = node.resolve_topic_name(node.resolve_topic_name('image') + suffix)
        self._base = self.topic.removesuffix(suffix)
        self.to_array: Callable[[Any], ImageArray] = decode_compressed if compressed else to_array
        self.camera: Camera | None = None
        self._unusable = ''
        self._frame_ids: deque[str] = deque(maxlen=COMPARED)
        self._kind = CompressedImage if compressed else Image
        self._type = f'sensor_msgs/msg/{self._kind.__name__}'
        self._profile = profile
        self._latched: set[str] = set()   # topics of which the last message was asked for
        self._subscription = self._subscribe_to_images()   # first, because it may fail
        self._infos = self._subscribe_to_infos()
        self._info_topic = self._infos.topic_name

    def why_silent(self) -> str:
        """Return why no image may arrive: number and types of the publishers, other topics."""
        foreign = sorted(self._kinds(self.topic) - {self._type})
        if foreign:
            return f"its publishers send {', '.join(foreign)}, not {self._type}" + (
                self._remedy(self.topic))
        if not self._kinds(self.topic):
            others = [self._base, f'{self._base}{COMPRESSED}', self._base.removesuffix(COMPRESSED),
                      *(topic for topic, _ in self._node.get_topic_names_and_types()
                        if topic.rpartition('/')[0] == self._base)]   # of other transports
            for topic in others:
                if topic != self.topic and self._remedy(topic):
                    return f"it has no publisher; images are on '{topic}'{self._remedy(topic)}"
        count = self._node.count_publishers(self.topic)
        if (not count or self._health.counts['received']
                or 'fastrtps' not in get_rmw_implementation_identifier()):
            return f'{count} publishers'
        return (f'{count} publishers; if they send images on this computer, start them as the '
                'user of this node, and containers with --ipc=host: Fast DDS needs a common '
                'shared memory')

    def close(self) -> None:
        """Unsubscribe."""
        self.losses.destroy()
        self._node.destroy_subscription(self._subscription)
        self._node.destroy_subscription(self._infos)

    def check_calibration(self, image: ImageArray) -> None:
        """Warn if the calibration does not fit an image, so that faces have no position."""
        height, width = image.shape[:2]
        camera = self.camera if self.camera and self.camera.calibrated else None
        self._unusable = camera.problem(width, height) if camera else ''
        text = self._unusable and (f"'{self._info_topic}' cannot be used, faces have no position: "
                                   f'{self._unusable}')
        if camera and not text and rectified_twice(self.topic, camera):
            text = (f"'{self.topic}' is the name of rectified images, but the distortion in "
                    f"'{self._info_topic}' is applied to them: set image_rectified to true")
            self._node.get_logger().warning(text, once=True)
        self._health.warn('calibration', text)

    @property
    def calibration(self) -> str:
        """The state of the calibration, as text."""
        if self.camera is None:
            return f"none received on '{self._info_topic}'"
        if not self.camera.calibrated:
            return f"'{self._info_topic}' is not calibrated, its K is zero"
        return f'not usable: {self._unusable}' if self._unusable else 'known'

    def check_graph(self, needs: list[str]) -> None:
        """
        Warn of problems seen in the ROS graph and in several images; to be called periodically.

        If no message has come and all publishers are transient local, the subscription is
        replaced by one that receives their last messages, until there are other publishers. needs:
        parameters and topics that need the faces' positions.
        """
        self._subscription = self._suited(self._subscription, self._subscribe_to_images,
                                          received=bool(self._frame_ids))
        # A calibration may be received twice.
        self._infos = self._suited(self._infos, self._subscribe_to_infos, received=False)
        self.losses.add_to_wait_set(READY)
        self.losses.is_ready(READY)
        if event := self.losses.take_data():
            self._count_lost(event)
        troubles = []
        if needs and (self.camera is None or not self.camera.calibrated):
            troubles.append(f'no calibration, so that faces have no position: {self.calibration}')
        if needs and self._frame_ids and not self._frame_ids[-1]:
            troubles.append(f"images on '{self.topic}' have no frame_id; set that of the driver")
        if troubles:
            troubles.append(f"positions are needed by {', '.join(needs)}")
        self._health.warn('position', '; '.join(troubles))
        self._health.warn('cameras', self._why_mixed())
        if unmatched := self._why_unmatched():
            self._node.get_logger().error(unmatched, once=True)
        self._health.warn('qos', unmatched)

    def _why_unmatched(self) -> str:
        """Return why a publisher does not match the subscription to images, '' if all do."""
        checks = [qos_check_compatible(info.qos_profile, self._subscription.qos_profile)
                  for info in self._node.get_publishers_info_by_topic(self.topic)
                  if info.topic_type == self._type]
        reasons = [reason for level, reason in checks if level == QoSCompatibility.ERROR]
        if not reasons:
            return ''
        # of qos.POLICIES, only these must match
        policy = 'RELIABILITY' if 'reliable' in reasons[0] else 'DURABILITY'
        # with processing 'every', image_reliability has no effect
        chosen = (self._node.get_parameter('image_reliability').value == 'reliable'
                  and self._node.get_parameter('processing').value == 'newest')
        remedy = ('set image_reliability to best_effort' if policy == 'RELIABILITY' and chosen else
                  f'see qos_overrides.{self.topic}.subscription.{policy.lower()}')
        return (f"a publisher of '{self.topic}' offers a quality of service that does not match "
                f'({policy}); {remedy}')

    def _why_mixed(self) -> str:
        """Return why the images may be those of several cameras, '' if they are not."""
        publishers = [info for info in self._node.get_publishers_info_by_topic(self.topic)
                      if info.topic_type == self._type]
        signs = []
        if self._frame_ids and len(publishers) > 1:
            names = full_names(publishers)
            # until the end of the lease of its participant, 20 s in Fast DDS
            signs.append(f"{len(names)} publishers ({', '.join(names)}; one that has crashed is "
                         'listed for up to 20 s)')
        frames = list(self._frame_ids)
        if sum(one != next_ for one, next_ in pairwise(frames)) >= CHANGES:
            signs.append(f"alternating frame_ids ({', '.join(sorted(set(frames)))})")
        if not signs:
            return ''
        return (f"'{self.topic}' has {' and '.join(signs)}: faces of two cameras are mixed "
                'up; give each camera a topic and a node of its own')

    def _beside(self) -> str:
        """Return the topic of the calibration: remapped, or beside the image's."""
        remapped = self._node.resolve_topic_name('camera_info')
        if remapped != self._node.resolve_topic_name('camera_info', only_expand=True):
            return str(remapped)
        return f"{self._base.removesuffix(COMPRESSED).rpartition('/')[0]}/camera_info"

    def _subscribe_to_images(self, *, latched: bool = False) -> Subscription:
        """Subscribe; latched: also to the last messages that were sent before."""
        with qos.named(self.topic, 'subscription'):
            made = self._node.create_subscription(
                self._kind, self.topic, self._receive,
                qos.latched(self._profile.depth) if latched else self._profile,
                event_callbacks=qos.subscription_events(self._count_lost),
                qos_overriding_options=None if latched else qos.overridden(
                    self._node, self.topic))
        self.losses = made.event_handlers.pop()   # the executor must not get it, see qos.py
        self._node.remove_waitable(self.losses)
        return made

    def _subscribe_to_infos(self, *, latched: bool = False) -> Subscription:
        """Subscribe; latched: see _subscribe_to_images."""
        return self._node.create_subscription(
            CameraInfo, self._beside(), self._take_info,
            qos.latched() if latched else qos.newest_image(),
            event_callbacks=qos.subscription_events())

    def _suited(self, subscription: Subscription, subscribe: Callable[..., Subscription], *,
                received: bool) -> Subscription:
        """
        Return a subscription that the publishers match: the given one, or a new one in its place.

        Volatile and best-effort publishers do not match a latched subscription. received: whether
        a message has come.
        """
        topic, kept = subscription.topic_name, QoSDurabilityPolicy.TRANSIENT_LOCAL
        offers = {(info.qos_profile.durability, info.qos_profile.reliability)
                  for info in self._node.get_publishers_info_by_topic(topic)}
        latched = offers == {(kept, QoSReliabilityPolicy.RELIABLE)}
        change = (bool(offers) and not latched if topic in self._latched else
                  latched and not received and subscription.qos_profile.durability != kept)
        if not change:
            return subscription
        self._latched ^= {topic}
        self._node.destroy_subscription(subscription)
        return subscribe(latched=latched)

    def _kinds(self, topic: str) -> set[str]:
        return {info.topic_type for info in self._node.get_publishers_info_by_topic(topic)}

    def _remedy(self, topic: str) -> str:
        """Return how to subscribe to the images on a topic, '' if there are none."""
        kinds = self._kinds(topic)
        base = topic.removesuffix(COMPRESSED)
        if 'sensor_msgs/msg/CompressedImage' in kinds and base != topic:
            transport = 'compressed'
        elif 'sensor_msgs/msg/Image' in kinds:
            transport, base = 'raw', topic
        elif any(map(ENCODED.search, kinds)) and not topic.endswith('/compressedDepth'):
            return ': convert them to raw with ros2 run image_transport republish'
        else:
            return ''
        todo = [] if transport == self._transport else [f'set image_transport to {transport}']
        if base != self._base:
            todo.append(f"remap image to '{base}'" + (
                f', without {COMPRESSED}, which is appended' if base != topic else ''))
        return f": {' and '.join(todo)}" if todo else ''

    def _receive(self, message: ImageMessage) -> None:
        self._frame_ids.append(message.header.frame_id)
        self._node.take(message)

    def _count_lost(self, event: Any) -> None:
        self._health.count('lost', event.total_count_change)

    def _take_info(self, message: CameraInfo) -> None:
        self.camera = camera_of(message,
                                rectified=self._node.get_parameter('image_rectified').value)


class DepthInput:
    """
    Subscribes to 'depth' for a FaceAffectNode while it is open; keeps the newest images.

    waiting: Largest number of images that wait, >= 1; their depth images are kept, too.
    """

    def __init__(self, node: Any, waiting: int) -> None:
        self._node, self._health = node, node.health
        self.images: deque[Image] = deque(maxlen=max(KEPT, waiting))
        self.topic = node.resolve_topic_name('depth')
        with qos.named(self.topic, 'subscription'):
            self._subscription = node.create_subscription(
                Image, 'depth', lambda image: self.images.append(image),
                qos.image_input('best_effort', KEPT), event_callbacks=qos.subscription_events(),
                qos_overriding_options=qos.overridable())

    def at(self, stamp: float, frame_id: str, width: int, height: int) -> FloatArray | None:
        """
        Return the depth image nearest to a stamp in seconds, (h, w) float32, metres.

        None, with a warning on /diagnostics, if there is none within depth_tolerance, or it cannot
        be registered to an image of this frame_id, width and height in pixels.
        """
        tolerance = self._node.get_parameter('depth_tolerance').value
        nearest = min(self.images.copy(), default=None,
                      key=lambda image: abs(seconds_of(image.header) - stamp))
        while len(self.images) > KEPT and self.images[0] is not nearest:
            self.images.popleft()   # images are processed in their order
        if nearest is None or abs(seconds_of(nearest.header) - stamp) > tolerance:
            self._health.warn('depth', f"no depth image on '{self.topic}' within {tolerance} s of "
                              f"the image's stamp; {FALLBACK}")
            return None
        try:
            depth = to_depth(nearest)
            problem = _unregistered(nearest, frame_id, width, height) or _why_empty(depth)
        except ImageConversionError as error:
            depth, problem = None, str(error)
        self._health.warn('depth', problem and f"'{self.topic}': {problem}; {FALLBACK}")
        return None if problem else depth

    def close(self) -> None:
        """Unsubscribe."""
        self._node.destroy_subscription(self._subscription)


def _why_empty(depth: FloatArray) -> str:
    """Return why a depth image in metres has no use, '' if it has one."""
    for part in (depth[::16, ::16], depth):   # mostly, the first one is enough
        if ((part > 0.0) & (part < np.inf)).any():
            return ''
    return 'no pixel has a depth; check the depth camera and its range'


def _unregistered(depth: Image, frame_id: str, width: int, height: int) -> str:
    """Return why a depth image is not registered to images of this kind, '' if it may be."""
    if abs(depth.width * height / (depth.height * width) - 1.0) > ASPECT_TOLERANCE:
        return (f'images of {depth.width}x{depth.height} are not registered to images of '
                f'{width}x{height}, which have another aspect ratio; let the driver align them')
    if frame_id and depth.header.frame_id not in ('', frame_id):   # as in REP-118
        return (f"images in the frame '{depth.header.frame_id}' are not registered to images in "
                f"'{frame_id}'; let the driver align them or, if they are aligned, set one "
                'frame_id for both')
    return ''
