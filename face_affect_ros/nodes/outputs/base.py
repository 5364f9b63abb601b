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

"""What the node makes of each image's faces, beside ~/faces itself."""

from dataclasses import dataclass
from typing import Any

from face_affect_ros.affect.types import Face, ImageArray
from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from std_msgs.msg import Header


@dataclass(frozen=True)
class Result:
    """
    The faces of one image.

    image: (H, W) grey or (H, W, 3) BGR uint8, not to be written to. faces: oldest track first.
    header: the image's own. stamp: its time in seconds.
    """

    image: ImageArray
    faces: list[Face]
    header: Header
    stamp: float

    @property
    def width(self) -> int:
        """Return the image's width in pixels."""
        return int(self.image.shape[1])

    @property
    def height(self) -> int:
        """Return the image's height in pixels."""
        return int(self.image.shape[0])


class Output:
    """
    One of those things; made when the node is configured, closed when it is cleaned up.

    What nobody subscribes to is not computed.
    """

    def __init__(self, node: LifecycleNode) -> None:
        """Begin without publishers."""
        self.node = node
        self._publishers: list[Publisher] = []

    def publisher(self, *arguments: Any, **keywords: Any) -> Any:
        """Return a publisher as of create_lifecycle_publisher, given back by `close`."""
        made = self.node.create_lifecycle_publisher(*arguments, **keywords)
        self._publishers.append(made)
        return made

    def start(self) -> None:
        """Begin to work: the node is being activated."""

    def put(self, result: Result) -> None:
        """
        Make what is to be made of one image; runs in the node's worker, must be quick.

        What it raises is logged, and costs this output of this image only.
        """
        raise NotImplementedError

    def stop(self) -> None:
        """Pause: the node is being deactivated, its worker has ended."""

    def close(self) -> None:
        """Take the topics back."""
        self.stop()
        while self._publishers:
            self.node.destroy_lifecycle_publisher(self._publishers.pop())

    def needs_position(self) -> str:
        """Return what needs the faces' positions now, in the user's words, '' for nothing."""
        return ''

    def trouble(self) -> str:
        """Return what is wrong with its surroundings, for /diagnostics, '' for nothing."""
        return ''

    def counts(self) -> dict[str, int]:
        """Return numbers for /diagnostics by name."""
        return {}
