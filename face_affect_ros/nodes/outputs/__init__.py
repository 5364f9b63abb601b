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

"""The interface of the outputs beside ~/faces."""

import contextlib
from dataclasses import dataclass
from typing import Any

from face_affect_ros.affect.types import Face, ImageArray
from face_affect_ros.nodes import qos
from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from rclpy.qos import QoSProfile
from std_msgs.msg import Header


@dataclass(frozen=True)
class Result:
    """The faces of one image."""

    image: ImageArray   #: not to be written to
    faces: list[Face]   #: oldest track first
    header: Header   #: of the image
    stamp: float   #: of the image, seconds


class Output:
    """
    A topic of the node, made when it is configured, closed when it is cleaned up; or its action.

    Nothing is computed for topics without subscribers.
    """

    def __init__(self, node: LifecycleNode) -> None:
        self.node = node
        self._publishers: list[Publisher] = []

    def publisher(self, kind: Any, topic: str, profile: QoSProfile | None = None, *,
                  overridable: bool = True) -> Any:
        """
        Return a lifecycle publisher of a message type, which `close` destroys.

        profile: by default qos.results(). overridable: whether parameters may override it.
        """
        with (qos.named(self.node.resolve_topic_name(topic), 'publisher') if overridable
              else contextlib.nullcontext()):
            made = self.node.create_lifecycle_publisher(
                kind, topic, profile or qos.results(), event_callbacks=qos.NO_PUBLISHER_EVENTS,
                qos_overriding_options=qos.overridable() if overridable else None)
        self._publishers.append(made)
        return made

    def start(self) -> None:
        """Start; called when the node is activated."""

    def put(self, result: Result) -> None:
        """
        Publish the result of one image; runs in the node's worker and must be quick.

        Its exceptions are logged; they affect only this output of this image.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """Stop; called when the node is deactivated, after the end of its worker."""

    def close(self) -> None:
        """Stop and destroy the publishers."""
        self.stop()
        while self._publishers:
            self.node.destroy_lifecycle_publisher(self._publishers.pop())

    def needs_position(self) -> str:
        """Return the parameter or topic that needs the faces' positions now, '' for none."""
        return ''

    def problem(self) -> str:
        """Return a warning for /diagnostics, '' for none."""
        return ''

    def counts(self) -> dict[str, int]:
        """Return counts for /diagnostics by name."""
        return {}
