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

"""Convert faces to messages and back."""

import math

import cv2
from face_affect_msgs.msg import FaceAffect, FaceAffectArray
from face_affect_ros.affect.boxes import whole_pixels
from face_affect_ros.affect.types import (
    Estimate,
    Face,
    LABELS,
    Orientation,
    Position,
)
from geometry_msgs.msg import Point, Point32, Quaternion
import numpy as np
import numpy.typing as npt
from rclpy.duration import Duration
from sensor_msgs.msg import RegionOfInterest
from std_msgs.msg import Header


def seconds_of(header: Header) -> float:
    """Return a header's stamp in seconds."""
    return float(header.stamp.sec) + float(header.stamp.nanosec) * 1e-9


def to_message(faces: list[Face], *, header: Header, width: int, height: int) -> FaceAffectArray:
    """Return the message of an image's faces; header, width and height are those of the image."""
    return FaceAffectArray(header=header, image_width=width, image_height=height,
                           faces=[to_face_message(face) for face in faces])


def from_message(message: FaceAffectArray) -> list[Face]:
    """Return the faces of a message; an attribute that is switched off has no estimate."""
    return [_face(entry) for entry in message.faces]


def to_face_message(face: Face) -> FaceAffect:
    """Return the message of one face."""
    x, y, width, height = whole_pixels(face.box)
    message = FaceAffect(
        id=face.id, score=float(face.score),
        roi=RegionOfInterest(x_offset=x, y_offset=y, width=width, height=height),
        tracked_for=Duration(nanoseconds=round(face.tracked_for * 1e9)).to_msg())
    if face.position is not None:
        message.position_known = True
        message.position = to_point(face.position.point)
        message.position_covariance = face.position.covariance.reshape(-1)
    if face.orientation is not None:
        message.orientation_known = True
        message.orientation = to_quaternion(face.orientation.rotation)
        message.orientation_covariance = face.orientation.covariance.reshape(-1)
        message.facing_angle = face.orientation.facing_angle
    message.landmarks = [Point32(x=float(x), y=float(y), z=0.0) for x, y in face.landmarks]
    for task in LABELS:
        estimate = face.estimates.get(task)
        if estimate is None:
            setattr(message, task, FaceAffect.UNKNOWN)
        else:
            setattr(message, task, estimate.label)
            setattr(message, f'{task}_unknown_reason', estimate.reason)
            setattr(message, f'{task}_confidence', float(estimate.confidence))
            setattr(message, f'{task}_probabilities', estimate.probabilities.astype(np.float32))
    return message


def to_point(point: npt.NDArray[np.float64]) -> Point:
    """Return the message of a point (3,)."""
    return Point(**dict(zip('xyz', point.tolist())))


def to_quaternion(rotation: npt.NDArray[np.float64]) -> Quaternion:
    """Return the message of a (3, 3) rotation matrix."""
    vector = cv2.Rodrigues(rotation)[0].ravel()   # along the axis, as long as the angle
    half = np.linalg.norm(vector) / 2
    x, y, z = (vector / 2 * np.sinc(half / np.pi)).tolist()
    return Quaternion(x=x, y=y, z=z, w=math.cos(half))


def _to_matrix(quaternion: Quaternion) -> npt.NDArray[np.float64]:
    """Return the (3, 3) rotation matrix of a message."""
    axis = np.array([quaternion.x, quaternion.y, quaternion.z])
    sine = np.linalg.norm(axis)
    angle = 2.0 * math.atan2(sine, quaternion.w)
    return np.asarray(cv2.Rodrigues(axis * (angle / sine if sine else 0.0))[0], np.float64)


def _face(message: FaceAffect) -> Face:
    roi = message.roi
    estimates = {}
    for task in LABELS:
        probabilities = np.asarray(getattr(message, f'{task}_probabilities'), np.float32)
        if probabilities.any():
            estimates[task] = Estimate(getattr(message, task),
                                       getattr(message, f'{task}_confidence'), probabilities,
                                       getattr(message, f'{task}_unknown_reason'))
    position = message.position
    return Face(id=message.id,
                box=np.array([roi.x_offset, roi.y_offset, roi.width, roi.height], np.float32),
                score=message.score,
                landmarks=np.array([[p.x, p.y] for p in message.landmarks], np.float32),
                estimates=estimates,
                tracked_for=message.tracked_for.sec + message.tracked_for.nanosec * 1e-9,
                position=Position(np.array([position.x, position.y, position.z]),
                                  np.asarray(message.position_covariance).reshape(3, 3))
                if message.position_known else None,
                orientation=Orientation(
                    _to_matrix(message.orientation),
                    np.asarray(message.orientation_covariance).reshape(3, 3), message.facing_angle)
                if message.orientation_known else None)
