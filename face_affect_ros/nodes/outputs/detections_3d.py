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

"""The topic ~/detections_3d: the heads in space, as standard vision_msgs."""

from face_affect_ros.affect.orientation import axes_of
from face_affect_ros.affect.types import Face
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.messages import to_point, to_quaternion
from face_affect_ros.nodes.outputs.base import Output, Result
from face_affect_ros.nodes.outputs.detections import to_hypotheses
from face_affect_ros.nodes.outputs.markers import HEAD
from geometry_msgs.msg import Pose, Vector3
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header
from vision_msgs.msg import BoundingBox3D, Detection3D, Detection3DArray

#: A head's middle is as far behind the point between the eyes, metres: the eyes are half-way
#: between crown and chin, and nearly at the front.
BEHIND_EYES = 0.08


def to_detections_3d(result: Result) -> Detection3DArray:
    """Return the faces of an image whose position is known; every header is the image's own."""
    return Detection3DArray(header=result.header, detections=[
        _detection(face, result.header) for face in result.faces if face.position is not None])


def _detection(face: Face, header: Header) -> Detection3D:
    """Return a face: its hypotheses have the pose of the face, its box is that of a head."""
    assert face.position is not None
    axes = axes_of(face, face.position)
    width, depth, height = HEAD
    return Detection3D(header=header, id=face.id, results=to_hypotheses(face), bbox=BoundingBox3D(
        center=Pose(position=to_point(face.position.point - BEHIND_EYES * axes[:, 0]),
                    orientation=to_quaternion(axes)),
        size=Vector3(x=depth, y=width, z=height)))


class Detections3DOutput(Output):
    """Publishes the heads in space while somebody listens."""

    def __init__(self, node: LifecycleNode) -> None:
        """Offer the topic."""
        super().__init__(node)
        self._publisher = self.publisher(Detection3DArray, '~/detections_3d', qos.results(),
                                         qos_overriding_options=qos.overridable())

    def put(self, result: Result) -> None:
        """Publish the heads of one image."""
        if self._publisher.get_subscription_count():
            self._publisher.publish(to_detections_3d(result))
