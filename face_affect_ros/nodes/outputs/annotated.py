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

"""The topics ~/image_annotated and ~/image_annotated/compressed: the faces drawn in."""

from face_affect_ros.affect.annotate import annotate, hide, RecentBoxes
from face_affect_ros.affect.types import FloatArray, ImageArray
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.image_conversion import to_compressed, to_message
from face_affect_ros.nodes.outputs.base import Output, Result
from rclpy.lifecycle import LifecycleNode
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header


class AnnotatedOutput(Output):
    """Draws the faces while the topics have subscribers."""

    def __init__(self, node: LifecycleNode) -> None:
        """Create the publishers."""
        super().__init__(node)
        self._raw, self._compressed = (
            self.publisher(kind, topic, qos.image_output())
            for kind, topic in ((Image, '~/image_annotated'),
                                (CompressedImage, '~/image_annotated/compressed')))
        self._boxes = RecentBoxes()

    def wanted(self) -> bool:
        """Return whether the image is enabled and has a subscriber."""
        return bool(self.node.get_parameter('annotate').value
                    and (self._raw.get_subscription_count()
                         or self._compressed.get_subscription_count()))

    def visible(self, image: ImageArray, boxes: list[FloatArray]) -> ImageArray:
        """Return the image with these boxes, (4,) each, hidden where blur_faces is set."""
        return hide(image, boxes) if self.node.get_parameter('blur_faces').value else image

    def publish(self, picture: ImageArray, header: Header) -> None:
        """Publish a (H, W, 3) BGR uint8 picture on the topics that have subscribers."""
        if self._raw.get_subscription_count():
            self._raw.publish(to_message(picture, 'bgr8', header))
        if self._compressed.get_subscription_count():
            self._compressed.publish(to_compressed(
                picture, header, quality=self.node.get_parameter('jpeg_quality').value))

    def put(self, result: Result) -> None:
        """Publish the image with the faces."""
        self.draw(result, self._boxes.update(result.faces, result.stamp,
                                             hold=self.node.get_parameter('track_timeout').value))

    def draw(self, result: Result, boxes: list[FloatArray]) -> None:
        """Publish the image with the faces, with these boxes, (4,) each, hidden if enabled."""
        if self.wanted():
            picture = annotate(self.visible(result.image, boxes), result.faces)
            self.publish(picture, result.header)
