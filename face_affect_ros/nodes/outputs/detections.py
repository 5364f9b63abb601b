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

"""The topics ~/detections and ~/detections_3d: the faces as standard vision_msgs."""

from collections.abc import Sequence

from face_affect_ros.affect.boxes import whole_pixels
from face_affect_ros.affect.orientation import axes_of
from face_affect_ros.affect.types import Face, LABELS, UNKNOWN
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.messages import to_point, to_quaternion
from face_affect_ros.nodes.outputs import Output, Result
from face_affect_ros.nodes.outputs.markers import HEAD
from geometry_msgs.msg import Pose, PoseWithCovariance, Vector3
import numpy as np
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header
from vision_msgs.msg import (
    BoundingBox3D,
    Detection2D,
    Detection2DArray,
    Detection3D,
    Detection3DArray,
    LabelInfo,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
    VisionClass,
    VisionInfo,
)

#: Distance of a head's centre behind the point between the eyes, metres.
BEHIND_EYES = 0.08
#: By class id, which vision_msgs writes as a number in a string.
CLASSES = ('face', *(label for labels in LABELS.values() for label in labels))


def to_detections(result: Result) -> Detection2DArray:
    """Return the faces of an image as detections; every header is the image's own."""
    return Detection2DArray(header=result.header, detections=[
        _detection(face, result) for face in result.faces])


def to_hypotheses(face: Face) -> list[ObjectHypothesisWithPose]:
    """Return the hypothesis 'face', then the known labels, each with the pose if known."""
    labels = [('face', face.score)]
    labels += [(each.label, each.confidence) for each in face.estimates.values()
               if each.label != UNKNOWN]
    return [ObjectHypothesisWithPose(
        hypothesis=ObjectHypothesis(class_id=str(CLASSES.index(label)), score=float(score)),
        pose=_pose(face)) for label, score in labels]


def _detection(face: Face, result: Result) -> Detection2D:
    detection = Detection2D(header=result.header, id=face.id, results=to_hypotheses(face))
    x, y, width, height = whole_pixels(face.box)
    detection.bbox.center.position.x = x + width / 2
    detection.bbox.center.position.y = y + height / 2
    detection.bbox.size_x, detection.bbox.size_y = float(width), float(height)
    return detection


def _pose(face: Face) -> PoseWithCovariance:
    """
    Return the pose of a face, all zeros if its position is unknown.

    If its orientation is unknown, the variance of the angles is pi^2.
    """
    if face.position is None:
        return PoseWithCovariance()
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = face.position.covariance
    covariance[3:, 3:] = np.pi**2 * np.eye(3)
    pose = Pose(position=to_point(face.position.point))
    if face.orientation is not None:
        pose.orientation = to_quaternion(face.orientation.rotation)
        covariance[3:, 3:] = face.orientation.covariance
    return PoseWithCovariance(pose=pose, covariance=covariance.reshape(-1))


def to_detections_3d(result: Result) -> Detection3DArray:
    """Return the faces of an image whose position is known; every header is the image's own."""
    return Detection3DArray(header=result.header, detections=[
        _detection_3d(face, result.header) for face in result.faces if face.position is not None])


def _detection_3d(face: Face, header: Header) -> Detection3D:
    """Return the detection of a face, with the box of its head."""
    assert face.position is not None
    axes = axes_of(face, face.position)
    width, depth, height = HEAD
    return Detection3D(header=header, id=face.id, results=to_hypotheses(face), bbox=BoundingBox3D(
        center=Pose(position=to_point(face.position.point - BEHIND_EYES * axes[:, 0]),
                    orientation=to_quaternion(axes)),
        size=Vector3(x=depth, y=width, z=height)))


class DetectionsOutput(Output):
    """
    Publishes the detections while they have subscribers, and once the names of the classes.

    models: names of the networks.
    """

    def __init__(self, node: LifecycleNode, models: Sequence[str]) -> None:
        super().__init__(node)
        self._flat = self.publisher(Detection2DArray, '~/detections')
        self._spatial = self.publisher(Detection3DArray, '~/detections_3d')
        labels = LabelInfo(threshold=node.get_parameter('min_score').value, class_map=[
            VisionClass(class_id=number, class_name=name) for number, name in enumerate(CLASSES)])
        info = VisionInfo(method=', '.join(models), database_version=1,
                          database_location=node.resolve_topic_name('~/label_info'))
        self._infos = [(self.publisher(type(message), topic, qos.latched(), overridable=False),
                        message) for topic, message in (
                            ('~/vision_info', info), ('~/label_info', labels))]

    def start(self) -> None:
        """Publish the names of the classes, latched."""
        for publisher, message in self._infos:
            message.header.stamp = self.node.get_clock().now().to_msg()
            publisher.publish(message)

    def needs_position(self) -> str:
        """Return the topic of heads, while it has subscribers."""
        return '~/detections_3d' if self._spatial.get_subscription_count() else ''

    def put(self, result: Result) -> None:
        """Publish the faces of one image, and the heads of those with a position."""
        if self._flat.get_subscription_count():
            self._flat.publish(to_detections(result))
        if self._spatial.get_subscription_count():
            self._spatial.publish(to_detections_3d(result))
