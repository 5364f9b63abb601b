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

"""The topic ~/detections: the faces as standard vision_msgs, and what their class ids mean."""

from collections.abc import Sequence

from face_affect_ros.affect.boxes import whole_pixels
from face_affect_ros.affect.types import Face, LABELS, UNKNOWN
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.messages import to_point, to_quaternion
from face_affect_ros.nodes.outputs.base import Output, Result
from geometry_msgs.msg import Pose, PoseWithCovariance
import numpy as np
from rclpy.lifecycle import LifecycleNode
from vision_msgs.msg import (
    Detection2D,
    Detection2DArray,
    LabelInfo,
    ObjectHypothesis,
    ObjectHypothesisWithPose,
    VisionClass,
    VisionInfo,
)

#: By class id, which vision_msgs writes as a number in a string.
CLASSES = ('face', *(label for labels in LABELS.values() for label in labels))


def to_detections(result: Result) -> Detection2DArray:
    """Return the faces of an image as detections; every header is the image's own."""
    return Detection2DArray(header=result.header, detections=[
        _detection(face, result) for face in result.faces])


def to_label_info(threshold: float) -> LabelInfo:
    """Return the names of the class ids; threshold: the detector's."""
    return LabelInfo(class_map=[VisionClass(class_id=number, class_name=name)
                                for number, name in enumerate(CLASSES)], threshold=threshold)


def to_hypotheses(face: Face) -> list[ObjectHypothesisWithPose]:
    """Return that it is a face, then its known labels, each with the pose, where that is known."""
    said = [('face', face.score), *((each.label, each.confidence)
                                    for each in face.estimates.values() if each.label != UNKNOWN)]
    return [ObjectHypothesisWithPose(
        hypothesis=ObjectHypothesis(class_id=str(CLASSES.index(label)), score=float(score)),
        pose=_pose(face)) for label, score in said]


def _detection(face: Face, result: Result) -> Detection2D:
    detection = Detection2D(header=result.header, id=face.id, results=to_hypotheses(face))
    x, y, width, height = whole_pixels(face.box)
    detection.bbox.center.position.x = x + width / 2
    detection.bbox.center.position.y = y + height / 2
    detection.bbox.size_x, detection.bbox.size_y = float(width), float(height)
    return detection


def _pose(face: Face) -> PoseWithCovariance:
    """
    Return where a face is and how it is turned; all zeros where it is not known where it is.

    Where it is not known how it is turned, the covariance says so.
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


class DetectionsOutput(Output):
    """Publishes the detections while somebody listens, and their classes once and for all."""

    def __init__(self, node: LifecycleNode, *, models: Sequence[str], threshold: float) -> None:
        """Offer the topics. models: names of the networks. threshold: the detector's."""
        super().__init__(node)
        self._publisher = self.publisher(Detection2DArray, '~/detections', qos.results(),
                                         qos_overriding_options=qos.overridable())
        self._infos = [(self.publisher(VisionInfo, '~/vision_info', qos.latched()), VisionInfo(
                            method=', '.join(models), database_version=1,
                            database_location=node.resolve_topic_name('~/label_info'))),
                       (self.publisher(LabelInfo, '~/label_info', qos.latched()),
                        to_label_info(threshold))]

    def start(self) -> None:
        """Say what the class ids mean; whoever subscribes later hears it too."""
        for publisher, message in self._infos:
            message.header.stamp = self.node.get_clock().now().to_msg()
            publisher.publish(message)

    def put(self, result: Result) -> None:
        """Publish the faces of one image."""
        if self._publisher.get_subscription_count():
            self._publisher.publish(to_detections(result))
