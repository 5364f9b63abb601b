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

"""The depth subscription: the depth image that was taken with an image."""

from collections import deque

from face_affect_ros.affect.types import FloatArray
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.health import Health
from face_affect_ros.nodes.image_conversion import ImageConversionError, to_depth
from face_affect_ros.nodes.messages import seconds_of
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import Image

#: Depth images that are kept to find the right one.
KEPT = 10


class DepthInput:
    """Keeps the newest depth images while it is open."""

    def __init__(self, node: LifecycleNode, health: Health) -> None:
        """Subscribe to 'depth'."""
        self._node, self._health = node, health
        self.images: deque[Image] = deque(maxlen=KEPT)
        self.topic = node.resolve_topic_name('depth')
        self._subscription = node.create_subscription(
            Image, 'depth', self._take, qos.image_input('best_effort', KEPT),
            qos_overriding_options=qos.overridable())

    def at(self, stamp: float) -> FloatArray | None:
        """
        Return the depths nearest to a time in seconds, (H, W) float32 in metres.

        None, and a warning on /diagnostics, where there are none within depth_tolerance.
        """
        tolerance = self._node.get_parameter('depth_tolerance').value
        nearest = min(self.images.copy(), default=None,
                      key=lambda image: abs(seconds_of(image.header) - stamp))
        if nearest is None or abs(seconds_of(nearest.header) - stamp) > tolerance:
            self._health.warn('depth', f"no depth image on '{self.topic}' within {tolerance} s of "
                              "the image's stamp; positions are from the distance of the eyes")
            return None
        try:
            depth = to_depth(nearest)
        except ImageConversionError as error:
            self._health.warn('depth', f"'{self.topic}': {error}")
            return None
        self._health.warn('depth', '')
        return depth

    def _take(self, message: Image) -> None:
        self.images.append(message)

    def close(self) -> None:
        """Unsubscribe."""
        self._health.warn('depth', '')
        self._node.destroy_subscription(self._subscription)
