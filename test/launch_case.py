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

"""Helpers for tests of the launch files. They need launch and rclpy."""

import contextlib
import sys
from typing import Any
import unittest

from face_affect_ros.launch_support import share
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
import rclpy
from rclpy.executors import SingleThreadedExecutor
from support import Process, running, spin_until

#: Seconds after which a test fails.
PATIENCE = 120.0


#: A process that launches like `ros2 launch`: launch file, then name:=value.
LAUNCH = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
service = LaunchService()
service.include_launch_description(LaunchDescription([IncludeLaunchDescription(
    PythonLaunchDescriptionSource(sys.argv[1]),
    launch_arguments=[each.split(':=', 1) for each in sys.argv[2:]])]))
sys.exit(service.run())
"""


def launching(name: str, *given: str) -> contextlib.AbstractContextManager[Process]:
    """Launch the file <name>.launch.py, with name:=value, during a with statement."""
    path = str(share('launch', f'{name}.launch.py'))
    return running(sys.executable, '-c', LAUNCH, path, *given)


def include(name: str, **arguments: str) -> IncludeLaunchDescription:
    """Return the action that includes the launch file <name>.launch.py of this package."""
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share('launch', f'{name}.launch.py'))),
        launch_arguments=list(arguments.items()))


class RosCase(unittest.TestCase):
    """A test case with a ROS context, a node and an executor."""

    def setUp(self) -> None:
        """Create the context, the node and the executor."""
        self.context = rclpy.Context()
        rclpy.init(context=self.context, args=[])
        self.node = rclpy.create_node('tester', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)

    def tearDown(self) -> None:
        """Destroy them."""
        self.executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self.context, uninstall_handlers=False)

    def wait(self, condition: Any) -> bool:
        """Spin until the condition holds or the timeout; return whether it holds."""
        return spin_until(self.executor, condition, timeout=PATIENCE)

    def ask(self, kind: Any, service: str, request: Any) -> Any:
        """Call a service, again if the request was lost; return the response."""
        client = self.node.create_client(kind, service)
        for _ in range(round(PATIENCE)):
            future = client.call_async(request)
            if spin_until(self.executor, future.done, timeout=1.0):
                return future.result()
        self.fail(f'no answer from {service}')
