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

"""End the launch with a process."""

from typing import Any

from launch import LaunchContext
from launch.actions import EmitEvent, RegisterEventHandler
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch_ros.actions import Node


def ending_with(node: Node) -> RegisterEventHandler:
    """
    Return the action that ends the launch when this node's process ends.

    The launch fails where the process does. To be executed before the node.
    """
    return RegisterEventHandler(OnProcessExit(
        target_action=node, on_exit=lambda event, context: _end(node.node_name, event, context)))


def _end(name: str, event: Any, context: LaunchContext) -> Any:
    """Return the action that ends the launch with a process; raise where the process failed."""
    if context.is_shutdown:
        return None
    if event.returncode:
        # launch ends with exit code 1 and this text
        raise RuntimeError(f'{name} ended with exit code {event.returncode}')
    return EmitEvent(event=Shutdown(reason=f'{name} is done'))
