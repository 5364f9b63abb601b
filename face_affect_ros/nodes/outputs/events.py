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

"""The topic ~/events: faces that appear, leave or change their expression."""

from face_affect_msgs.msg import FaceEvent
from face_affect_ros.affect.events import Event, Events
from face_affect_ros.nodes.messages import to_face_message
from face_affect_ros.nodes.outputs import Output, Result
from rclpy.lifecycle import LifecycleNode
from std_msgs.msg import Header


class EventsOutput(Output):
    """Publishes the events of each image, also without subscribers: they are few and small."""

    def __init__(self, node: LifecycleNode) -> None:
        super().__init__(node)
        self._publisher = self.publisher(FaceEvent, '~/events')
        self._events = Events(hold=0.0, timeout=0.0)
        self._header = Header()

    def put(self, result: Result) -> None:
        """Publish the events of one image."""
        self._events.hold = self.node.get_parameter('event_hold').value
        self._events.timeout = self.node.get_parameter('track_timeout').value
        self._header = result.header
        self._publish(self._events(result.faces, result.stamp))

    def stop(self) -> None:
        """Publish that all faces have left: no image is processed while the node is stopped."""
        self._publish(self._events.end())

    def _publish(self, events: list[Event]) -> None:
        for event in events:
            self._publisher.publish(FaceEvent(
                header=self._header, type=event.type, face=to_face_message(event.face),
                previous_emotion=event.previous_emotion))
