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

"""The frames of the faces on /tf, as specified by REP-155."""

from face_affect_ros.affect.orientation import axes_of
from face_affect_ros.affect.types import Face
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.messages import to_quaternion
from face_affect_ros.nodes.outputs import Output, Result
from geometry_msgs.msg import TransformStamped, Vector3
import numpy as np
import numpy.typing as npt
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header
from tf2_msgs.msg import TFMessage

#: From the face's frame (x out of the face, z up) to the gaze's (z along the gaze, y down).
GAZE = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def to_transforms(face: Face, header: Header) -> list[TransformStamped]:
    """
    Return the frames face_ID and gaze_ID of a face, none without a position or a camera's frame.

    The origin is the point between the eyes. If the orientation is unknown, x points to the
    camera, and the line through the eyes is level in the face.
    """
    if face.position is None or not header.frame_id:
        return []
    frame = _transform(header, header.frame_id, f'face_{face.id}', face.position.point,
                       axes_of(face, face.position))
    gaze = _transform(header, f'face_{face.id}', f'gaze_{face.id}', np.zeros(3), GAZE)
    return [frame, gaze]


def _transform(header: Header, parent: str, child: str, origin: npt.NDArray[np.float64],
               rotation: npt.NDArray[np.float64]) -> TransformStamped:
    transform = TransformStamped(header=Header(stamp=header.stamp, frame_id=parent),
                                 child_frame_id=child)
    transform.transform.translation = Vector3(**dict(zip('xyz', origin.tolist())))
    transform.transform.rotation = to_quaternion(rotation)
    return transform


class TransformsOutput(Output):
    """Publishes the frames of all faces of an image in one message."""

    def __init__(self, node: LifecycleNode) -> None:
        super().__init__(node)
        self._publisher = self.publisher(TFMessage, '/tf', qos.transforms(), overridable=False)

    def needs_position(self) -> str:
        """Return the parameter."""
        return 'publish_tf'

    def put(self, result: Result) -> None:
        """Publish the frames of one image."""
        transforms = [each for face in result.faces
                      for each in to_transforms(face, result.header)]
        if transforms:
            self._publisher.publish(TFMessage(transforms=transforms))
