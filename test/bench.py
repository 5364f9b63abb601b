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

"""A node face_affect in this process, its camera, and subscriptions to its topics."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.face_affect_node import FaceAffectNode
from face_affect_ros.nodes.image_conversion import to_message
import numpy as np
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from support import running_node, spin_until

SUCCESS = TransitionCallbackReturn.SUCCESS


def replay(ros: Any, bag: Path, node: dict[str, Any],
           **player: Any) -> tuple[int, str, list[FaceAffectArray]]:
    """Process each image of a bag by a node; return exit code and log of the player, results."""
    messages: list[FaceAffectArray] = []
    ros.node.create_subscription(FaceAffectArray, '/face_affect/faces', messages.append,
                                 qos.image_input('reliable', 1000))
    with running_node('face_affect_ros.nodes.face_affect_node', autostart=True,
                      processing='every', **node) as process:
        # Results before the discovery of this subscription are lost.
        assert spin_until(ros.executor, lambda: ros.node.count_publishers('/face_affect/faces'),
                          timeout=60), process.output()
        with running_node('face_affect_ros.nodes.bag_player', '-r', 'faces:=/face_affect/faces',
                          bag=str(bag), **{'max_in_flight': 4, **player}) as playing:
            assert spin_until(ros.executor, lambda: not playing.running(), timeout=300), \
                playing.output() + process.output()
            code, log = playing.wait(), playing.output()
        spin_until(ros.executor, lambda: False, timeout=1.0)
    return code, log, messages


def stamped(sec: int) -> Header:
    """Return a header with a stamp in seconds."""
    header = Header(frame_id='camera_optical')
    header.stamp.sec, header.stamp.nanosec = sec, 42
    return header


class Bench:
    """The node, its camera and its results; must be closed."""

    def __init__(self, ros: Any, portrait: np.ndarray) -> None:
        """ros: the fixture. portrait: the default image."""
        self.ros, self.portrait = ros, portrait
        self.nodes: list[FaceAffectNode] = []
        self.sent = 0
        node = ros.node
        self.images = node.create_publisher(Image, 'image', qos.results())
        self.compressed = node.create_publisher(CompressedImage, 'image/compressed', qos.results())
        self.infos = node.create_publisher(CameraInfo, 'camera_info', qos.results())
        self.faces: list[FaceAffectArray] = []
        self.statuses: list[DiagnosticStatus] = []
        node.create_subscription(FaceAffectArray, 'face_affect/faces', self.faces.append,
                                 qos.results())
        self._status_stamp = (0, 0)
        node.create_subscription(DiagnosticArray, '/diagnostics', self._take_statuses,
                                 qos.results())

    def start(self, *, activate: bool = True, **values: Any) -> FaceAffectNode:
        """Add a node with these parameters, configured and active."""
        overrides = [Parameter(name, value=value) for name, value in
                     {'diagnostics_period': 0.1, **values}.items()]
        node = FaceAffectNode(context=self.ros.context, parameter_overrides=overrides)
        self.nodes.append(node)
        self.ros.add(node)
        if activate:
            assert node.trigger_configure() == SUCCESS
            assert node.trigger_activate() == SUCCESS
        return node

    def close(self) -> None:
        """End the worker threads of all nodes."""
        for node in self.nodes:
            node.close()

    def watch(self, topic: str, kind: Any = Image, profile: Any = None) -> list[Any]:
        """Subscribe to a topic of the node, wait for discovery; return the list of messages."""
        messages: list[Any] = []
        topic = topic if topic.startswith('/') else f'/face_affect/{topic}'
        self.ros.node.create_subscription(kind, topic, messages.append, profile or qos.results())
        assert self.until(lambda: self.nodes[-1].count_subscribers(topic) == 1)
        return messages

    def until(self, condition: Callable[[], Any]) -> bool:
        """Spin until the condition holds."""
        return spin_until(self.ros.executor, lambda: bool(condition()))

    def send(self, image: np.ndarray | None = None, sec: int = 0, *, sent_as: str = 'bgr8',
             **changes: Any) -> Header:
        """Publish an image once the node has subscribed; default stamp: last one + 1 s."""
        assert self.until(self.images.get_subscription_count)
        self.sent = sec or self.sent + 1
        message = to_message(self.portrait if image is None else image, sent_as,
                             stamped(self.sent))
        for name, value in changes.items():
            setattr(message, name, value)
        self.images.publish(message)
        return message.header

    def answered(self, *arguments: Any, **keywords: Any) -> Header:
        """Send an image, and spin until its faces arrive."""
        header = self.send(*arguments, **keywords)
        assert self.until(lambda: any(each.header == header for each in self.faces))
        return header

    def fresh_status(self) -> DiagnosticStatus:
        """Return a status that the newest node has sent after this call."""
        now = self.nodes[-1].get_clock().now().seconds_nanoseconds()
        self.statuses.clear()
        assert self.until(lambda: self.statuses and self._status_stamp >= now)
        return self.statuses[-1]

    def _take_statuses(self, message: DiagnosticArray) -> None:
        self.statuses.extend(message.status)
        stamp = message.header.stamp
        self._status_stamp = (stamp.sec, stamp.nanosec)

    def status(self, level: bytes, text: str) -> bool:
        """Spin until the diagnostics have this message."""
        return self.until(lambda: any(each.level == level and text in each.message
                                      for each in self.statuses))
