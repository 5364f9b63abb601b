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

"""The frames of the faces on /tf, as REP-155 has them."""

from face_affect_ros.affect.types import Face, LEFT_EYE, RIGHT_EYE
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.outputs.base import Output, Result
from geometry_msgs.msg import Quaternion, TransformStamped, Vector3
import numpy as np
import numpy.typing as npt
from rclpy.lifecycle import LifecycleNode
from scipy.spatial.transform import Rotation
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

#: From the face's frame (x out of the face, z up) to the gaze's (z along the gaze, y down).
GAZE = Rotation.from_matrix([[0, 0, 1], [-1, 0, 0], [0, -1, 0]])


def to_transforms(face: Face, header: Header) -> list[TransformStamped]:
    """
    Return the frames face_ID and gaze_ID of a face, none where its position is not known.

    The origin is the point between the eyes. How far the face is turned away is not estimated:
    x points to the camera, and z up as the line through the eyes says.
    """
    if face.position is None:
        return []
    frame = _transform(header, header.frame_id, f'face_{face.id}', face.position.point,
                       Rotation.from_matrix(_axes(face, face.position.point)))
    gaze = _transform(header, f'face_{face.id}', f'gaze_{face.id}', np.zeros(3), GAZE)
    return [frame, gaze]


def _axes(face: Face, point: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the face's x, y and z axes in the camera's optical frame as columns, (3, 3)."""
    forward = -point / np.linalg.norm(point)
    eyes = face.landmarks[LEFT_EYE] - face.landmarks[RIGHT_EYE]
    left = np.append(eyes, 0.0) if np.isfinite(eyes).all() and eyes.any() else np.eye(3)[0]
    left = left - (left @ forward) * forward
    left = left / np.linalg.norm(left)
    return np.column_stack([forward, left, np.cross(forward, left)])


def _transform(header: Header, parent: str, child: str, origin: npt.NDArray[np.float64],
               rotation: Rotation) -> TransformStamped:
    transform = TransformStamped(header=Header(stamp=header.stamp, frame_id=parent),
                                 child_frame_id=child)
    transform.transform.translation = Vector3(**dict(zip('xyz', origin.tolist())))
    transform.transform.rotation = Quaternion(**dict(zip('xyzw', rotation.as_quat().tolist())))
    return transform


class TransformsOutput(Output):
    """Publishes the frames of all faces of an image in one message."""

    def __init__(self, node: LifecycleNode) -> None:
        """Offer the topic."""
        super().__init__(node)
        self._publisher = self.publisher(TFMessage, '/tf', qos.transforms())

    def put(self, result: Result) -> None:
        """Publish the frames of one image."""
        transforms = [each for face in result.faces
                      for each in to_transforms(face, result.header)]
        if transforms:
            self._publisher.publish(TFMessage(transforms=transforms))
