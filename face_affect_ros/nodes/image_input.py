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

"""The image subscription, raw or compressed, and what it learns of its publishers."""

from collections.abc import Callable
from typing import Any, TypeAlias

from face_affect_ros.affect.position import Camera
from face_affect_ros.affect.types import ImageArray
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.health import Health
from face_affect_ros.nodes.image_conversion import decode_compressed, to_array
from face_affect_ros.nodes.messages import camera_of
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

ImageMessage: TypeAlias = Image | CompressedImage


class ImageInput:
    """
    Subscribes to the images and the camera's calibration while it is open.

    camera: the newest calibration, None before the first. Calibrations hardly change, so that
    the newest one is taken for every image.
    """

    def __init__(self, node: LifecycleNode, *, transport: str, rectified: bool,
                 profile: QoSProfile, take: Callable[[ImageMessage], None],
                 health: Health) -> None:
        """
        Subscribe.

        transport: 'raw' or 'compressed'; the latter listens on the image topic plus
        '/compressed', after remapping, as image_transport does. rectified: whether the images have
        no distortion. take: gets every message.
        """
        self._node = node
        self._health = health
        self._rectified = rectified
        compressed = transport == 'compressed'
        base = node.resolve_topic_name('image')
        topics = {'raw': base, 'compressed': f'{base}/compressed'}
        self.topic = topics.pop(transport)
        [(self._other_transport, self._other_topic)] = topics.items()
        self.to_array: Callable[[Any], ImageArray] = decode_compressed if compressed else to_array
        self.camera: Camera | None = None
        self._infos = node.create_subscription(CameraInfo, 'camera_info', self._take_info,
                                               qos.newest_image())
        self._info_topic = self._infos.topic_name
        self._type = f"sensor_msgs/msg/{'CompressedImage' if compressed else 'Image'}"
        self._subscription = node.create_subscription(
            CompressedImage if compressed else Image, self.topic, take, profile,
            qos_overriding_options=qos.overridable(),
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._incompatible,
                                                       message_lost=self._lost))

    def why_silent(self) -> str:
        """Return what may explain that no image comes: who publishes, and what, and where."""
        kinds = [info.topic_type for info in self._node.get_publishers_info_by_topic(self.topic)]
        foreign = sorted(set(kinds) - {self._type})
        if foreign:
            return f"its publishers send {', '.join(foreign)}, not {self._type}"
        if not kinds and self._node.count_publishers(self._other_topic):
            return (f"nobody publishes there, but on '{self._other_topic}': set image_transport "
                    f'to {self._other_transport}')
        return f'{len(kinds)} publishers'

    def close(self) -> None:
        """Unsubscribe."""
        self._health.warn('qos', '')
        self._node.destroy_subscription(self._subscription)
        self._node.destroy_subscription(self._infos)

    def check_calibration(self, image: ImageArray) -> None:
        """Warn where the calibration does not fit an image; without one there is no position."""
        height, width = image.shape[:2]
        camera = self.camera
        problem = camera.problem(width, height) if camera and camera.calibrated else ''
        self._health.warn('calibration', problem and f"'{self._info_topic}' is of no use, "
                          f'faces have no position: {problem}')

    def _take_info(self, message: CameraInfo) -> None:
        self.camera = camera_of(message, rectified=self._rectified)

    def _incompatible(self, event: Any) -> None:
        policy = event.last_policy_kind.name.rpartition('_')[2]
        remedy = ('set image_reliability to best_effort' if policy == 'RELIABILITY' else
                  f'see qos_overrides.{self.topic}.subscription.{policy.lower()}')
        text = (f"a publisher of '{self.topic}' offers a quality of service that does not match "
                f'({policy}); {remedy}')
        self._node.get_logger().error(text)
        self._health.warn('qos', text)

    def _lost(self, event: Any) -> None:
        self._health.lost(event.total_count_change)
