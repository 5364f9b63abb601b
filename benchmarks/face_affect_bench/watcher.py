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

"""The process that receives the faces, and starts, loads and adjusts the nodes."""

from collections.abc import Callable
import time
from typing import Any

from composition_interfaces.srv import LoadNode
from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.messages import seconds_of
from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo

PLAYER, NODE, CONTAINER = 'camera_player', 'face_affect', 'face_affect_container'
#: Seconds that end a run which has failed already.
PATIENCE = 60.0


class Watcher:
    """
    A node of its own.

    results: stamp and arrival in seconds, number of faces. sent: stamps of the camera's images, as
    it says in camera_info.
    """

    def __init__(self) -> None:
        """Join the graph."""
        self.node = rclpy.create_node('face_affect_bench')
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self.results: list[tuple[float, float, int]] = []
        self.sent: list[float] = []
        self.node.create_subscription(FaceAffectArray, f'/{NODE}/faces', self._take,
                                      qos.results())
        self.node.create_subscription(CameraInfo, '/camera_info', lambda message:
                                      self.sent.append(seconds_of(message.header)), qos.results())

    def _take(self, message: FaceAffectArray) -> None:
        self.results.append((seconds_of(message.header), time.time(), len(message.faces)))

    def clear(self) -> None:
        """Forget what has come so far."""
        self.results.clear()
        self.sent.clear()

    def spin(self, seconds: float, done: Callable[[], Any] = lambda: False) -> bool:
        """Spin for so long, or until it is done; return whether it is."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not done():
            self._executor.spin_once(timeout_sec=0.05)
        return bool(done())

    def set_rate(self, rate: float) -> None:
        """Let the camera publish so many images a second."""
        answer = self._ask(SetParameters, f'/{PLAYER}/set_parameters', SetParameters.Request(
            parameters=[Parameter('rate', value=rate).to_parameter_msg()]))
        if not answer.results[0].successful:
            raise SystemExit(f'{PLAYER}: {answer.results[0].reason}')

    def load(self, plugin: str, parameters: dict[str, Any], remappings: dict[str, str]) -> None:
        """Load a node into the container."""
        answer = self._ask(LoadNode, f'/{CONTAINER}/_container/load_node', LoadNode.Request(
            package_name='face_affect_ros', plugin_name=f'face_affect_ros::{plugin}',
            parameters=[Parameter(name, value=value).to_parameter_msg()
                        for name, value in parameters.items()],
            remap_rules=[f'{old}:={new}' for old, new in remappings.items()]))
        if not answer.success:
            raise SystemExit(f'{plugin} could not be loaded: {answer.error_message}')

    def _ask(self, kind: Any, service: str, request: Any) -> Any:
        client = self.node.create_client(kind, service)
        if not self.spin(PATIENCE, client.service_is_ready):
            raise SystemExit(f'{service} is not there')
        answer = client.call_async(request)
        if not self.spin(PATIENCE, answer.done):
            raise SystemExit(f'{service} does not answer')
        self.node.destroy_client(client)
        return answer.result()
