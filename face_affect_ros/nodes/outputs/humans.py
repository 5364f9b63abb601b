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

"""The topics of REP-155 (ROS4HRI) under /humans/faces."""

from typing import Any

import cv2
from face_affect_ros.affect.crop import CropSpec, face_matrix
from face_affect_ros.affect.types import (
    Estimate,
    Face,
    ImageArray,
    LEFT_EYE,
    NOSE,
    RIGHT_EYE,
    UNKNOWN,
)
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.health import other_nodes
from face_affect_ros.nodes.image_conversion import to_message
from face_affect_ros.nodes.outputs import Output, Result
from hri_msgs.msg import (
    Expression,
    FacialLandmarks,
    IdsList,
    NormalizedPointOfInterest2D,
    NormalizedRegionOfInterest2D,
    SoftBiometrics,
)
import numpy as np
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node
from rclpy.publisher import Publisher
from sensor_msgs.msg import Image
from std_msgs.msg import Header

ROOT = '/humans/faces'
TRACKED = f'{ROOT}/tracked'
#: Expressions of the REP by label.
EXPRESSIONS = {'angry': Expression.ANGRY, 'disgust': Expression.DISGUSTED,
               'fear': Expression.SCARED, 'happy': Expression.HAPPY, 'sad': Expression.SAD,
               'surprise': Expression.SURPRISED, 'neutral': Expression.NEUTRAL}
GENDERS = {'woman': SoftBiometrics.FEMALE, 'man': SoftBiometrics.MALE}
#: Index of a landmark among the 70 of the REP, which has no centre of the mouth.
LANDMARKS = {RIGHT_EYE: FacialLandmarks.RIGHT_PUPIL, LEFT_EYE: FacialLandmarks.LEFT_PUPIL,
             NOSE: FacialLandmarks.NOSE}


def other_publishers(node: Node, topic: str) -> str:
    """Return a warning about other publishers of a list than this node, '' for none."""
    others = other_nodes(node, topic)
    if not others:
        return ''
    return (f"'{topic}' is also published by {', '.join(others)}, so that subscribers see "
            'faces appear and disappear: remap it to a different topic for each node, and run '
            'humans_merger')


def to_roi(face: Face, result: Result) -> NormalizedRegionOfInterest2D:
    """Return a face's box, from 0 to 1 over the image."""
    size = result.image.shape[1::-1]
    left, top = (face.box[:2] / size).tolist()
    right, bottom = np.minimum((face.box[:2] + face.box[2:]) / size, 1.0).tolist()
    return NormalizedRegionOfInterest2D(header=result.header, xmin=left, ymin=top, xmax=right,
                                        ymax=bottom, c=face.score)


def to_landmarks(face: Face, result: Result) -> FacialLandmarks:
    """Return the landmarks that are known; the confidence of the others is 0."""
    height, width = result.image.shape[:2]
    points = [NormalizedPointOfInterest2D() for _ in range(70)]
    for row, index in LANDMARKS.items():
        x, y = (face.landmarks[row] / (width, height)).tolist()
        if 0.0 <= x <= 1.0 and 0.0 <= y <= 1.0:   # false for NaN
            points[index] = NormalizedPointOfInterest2D(x=x, y=y, c=face.score)
    return FacialLandmarks(header=result.header, landmarks=points, width=width, height=height)


def to_expression(estimate: Estimate, header: Header) -> Expression:
    """
    Return an expression, '' with confidence 0 if it is unknown.

    Valence and arousal are not estimated and stay 0.
    """
    if estimate.label == UNKNOWN:
        return Expression(header=header)
    return Expression(header=header, expression=EXPRESSIONS[estimate.label],
                      confidence=float(estimate.confidence))


def to_biometrics(estimate: Estimate, header: Header) -> SoftBiometrics:
    """
    Return a gender, UNDEFINED if it is unknown.

    The age is not estimated: it has confidence 0.
    """
    known = estimate.label != UNKNOWN
    return SoftBiometrics(
        header=header, gender=GENDERS[estimate.label] if known else SoftBiometrics.UNDEFINED,
        gender_confidence=float(estimate.confidence) if known else 0.0)


def cut(image: ImageArray, face: Face, *, size: int, align: bool) -> ImageArray:
    """
    Return the crop of a face by the REP, (size, size, 3) BGR uint8, black outside of the image.

    image: (H, W) grey or (H, W, 3) BGR uint8. align: whether to turn it until the eyes are level.
    """
    matrix = face_matrix(face, CropSpec(size=size, align=align))
    picture = cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR,
                             borderMode=cv2.BORDER_CONSTANT)
    if picture.ndim == 2:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    return np.asarray(picture, np.uint8)


class HumansOutput(Output):
    """Publishes the list of tracked faces, and each face under its own name."""

    def __init__(self, node: LifecycleNode) -> None:
        super().__init__(node)
        self._list = self.publisher(IdsList, TRACKED, overridable=False)
        self._topics: dict[str, dict[str, Publisher]] = {}
        self._seen: dict[str, float] = {}   # stamp of the last image by track id, seconds

    def problem(self) -> str:
        """Return a warning about other publishers of the list, of which REP-155 has one."""
        return other_publishers(self.node, self._list.topic_name)

    def put(self, result: Result) -> None:
        """Publish the faces of one image."""
        for face in result.faces:
            if face.id not in self._topics:
                self._topics[face.id] = self._open(face)
            self._seen[face.id] = result.stamp
            self._publish(face, result)
        timeout = self.node.get_parameter('track_timeout').value
        for name in [name for name, seen in self._seen.items()
                     if abs(result.stamp - seen) > timeout]:
            self._forget(name)
        self._list.publish(IdsList(header=result.header, ids=list(self._topics)))

    def stop(self) -> None:
        """Publish an empty list."""
        if self._topics:
            for name in list(self._topics):
                self._forget(name)
            self._list.publish(IdsList(header=Header(stamp=self.node.get_clock().now().to_msg())))

    def _open(self, face: Face) -> dict[str, Publisher]:
        kinds: dict[str, Any] = {'roi': NormalizedRegionOfInterest2D, 'cropped': Image,
                                 'aligned': Image, 'landmarks': FacialLandmarks}
        if 'emotion' in face.estimates:
            kinds['expression'] = Expression
        if 'gender' in face.estimates:
            kinds['softbiometrics'] = SoftBiometrics
        # Without event callbacks: they would join the executor's wait set from this thread.
        return {name: self.node.create_publisher(
            kind, f'{ROOT}/{face.id}/{name}', qos.results(),
            event_callbacks=qos.NO_PUBLISHER_EVENTS)
            for name, kind in kinds.items()}

    def _forget(self, name: str) -> None:
        del self._seen[name]
        for topic in self._topics.pop(name).values():
            self.node.destroy_publisher(topic)

    def _publish(self, face: Face, result: Result) -> None:
        topics = self._topics[face.id]
        topics['roi'].publish(to_roi(face, result))
        topics['landmarks'].publish(to_landmarks(face, result))
        if 'expression' in topics:
            topics['expression'].publish(to_expression(face.estimates['emotion'], result.header))
        if 'softbiometrics' in topics:
            topics['softbiometrics'].publish(
                to_biometrics(face.estimates['gender'], result.header))
        size = self.node.get_parameter('ros4hri_face_size').value
        for name in ('cropped', 'aligned'):
            if topics[name].get_subscription_count():
                picture = cut(result.image, face, size=size, align=name == 'aligned')
                topics[name].publish(to_message(picture, 'bgr8', result.header))
