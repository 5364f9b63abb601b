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

"""The topic ~/markers: the faces in space, for rviz2 and Foxglove."""

from collections.abc import Iterable

from builtin_interfaces.msg import Duration
from face_affect_ros.affect.annotate import caption, colour_of
from face_affect_ros.affect.orientation import axes_of
from face_affect_ros.affect.types import Face
from face_affect_ros.nodes.messages import to_point, to_quaternion
from face_affect_ros.nodes.outputs import Output, Result
from geometry_msgs.msg import Pose, Vector3
import numpy as np
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

#: An adult's head is about this wide, deep and high, metres (ANSUR).
HEAD = 0.16, 0.19, 0.23
TEXT_HEIGHT = 0.08
#: Lifetime of markers, also those of a node that has crashed, seconds.
LIFETIME = 2
HEAD_SHAPE, UNCERTAINTY, TEXT = 'heads', 'uncertainty', 'labels'


def to_markers(faces: Iterable[Face], header: Header,
               numbers: dict[str, int]) -> list[Marker]:
    """
    Return the markers of all faces whose position is known.

    Each face has a head, a line from one standard deviation before to one behind its position, and
    its labels.

    Args:
        faces: Faces of one image.
        header: Header of the image.
        numbers: Marker ids by track id.
    """
    markers = []
    for face in faces:
        if face.position is None:
            continue
        blue, green, red = colour_of(face.id)
        colour = ColorRGBA(r=red / 255, g=green / 255, b=blue / 255, a=0.6)
        head = _marker(HEAD_SHAPE, Marker.SPHERE, face, header, numbers, colour)
        width, depth, height = HEAD
        head.scale = Vector3(x=depth, y=width, z=height)   # along the face's axes
        head.pose = Pose(position=to_point(face.position.point),
                         orientation=to_quaternion(axes_of(face, face.position)))
        line = _marker(UNCERTAINTY, Marker.LINE_LIST, face, header, numbers, colour)
        line.scale.x = 0.01
        values, vectors = np.linalg.eigh(face.position.covariance)   # the last one is the largest
        spread = np.sqrt(values[-1]) * vectors[:, -1]
        line.points = [to_point(face.position.point + each) for each in (-spread, spread)]
        text = _marker(TEXT, Marker.TEXT_VIEW_FACING, face, header, numbers,
                       ColorRGBA(r=1.0, g=1.0, b=1.0, a=1.0))
        above = face.position.point - [0.0, HEAD[2], 0.0]
        text.pose = Pose(position=to_point(above))
        text.scale.z = TEXT_HEIGHT
        text.text = '\n'.join([*caption(face), f'{np.linalg.norm(face.position.point):.1f} m'])
        markers += [head, line, text]
    return markers


def _marker(namespace: str, kind: int, face: Face, header: Header, numbers: dict[str, int],
            colour: ColorRGBA) -> Marker:
    return Marker(header=header, ns=namespace, id=numbers[face.id], type=kind,
                  action=Marker.ADD, color=colour, lifetime=Duration(sec=LIFETIME))


class MarkersOutput(Output):
    """Publishes the markers while the topic has subscribers; deletes those of lost faces."""

    def __init__(self, node: LifecycleNode) -> None:
        super().__init__(node)
        self._publisher = self.publisher(MarkerArray, '~/markers')
        self._numbers: dict[str, int] = {}
        self._next = 0

    def needs_position(self) -> str:
        """Return the topic, while it has subscribers."""
        return '~/markers' if self._publisher.get_subscription_count() else ''

    def put(self, result: Result) -> None:
        """Publish the markers of one image."""
        if not self._publisher.get_subscription_count():
            return
        seen = {face.id for face in result.faces if face.position is not None}
        for face in sorted(seen - self._numbers.keys()):
            self._numbers[face] = self._next
            self._next += 1
        markers = to_markers(result.faces, result.header, self._numbers)
        for face in self._numbers.keys() - seen:
            number = self._numbers.pop(face)
            markers += [Marker(header=result.header, ns=namespace, id=number,
                               action=Marker.DELETE)
                        for namespace in (HEAD_SHAPE, UNCERTAINTY, TEXT)]
        self._publisher.publish(MarkerArray(markers=markers))
