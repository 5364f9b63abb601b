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

"""The actions that the launch files share."""

import asyncio
from collections.abc import Callable
import signal
import threading
from types import FrameType
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.launch_support import share
from face_affect_ros.launch_support.arguments import ARGUMENTS
from face_affect_ros.nodes.large_images import TRANSPORTS, variables
from face_affect_ros.paths import expanded
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    IncludeLaunchDescription,
    OpaqueFunction,
    PopLaunchConfigurations,
    PushLaunchConfigurations,
    RegisterEventHandler,
    SetEnvironmentVariable,
    SetLaunchConfiguration,
)
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import ComposableNodeContainer, LoadComposableNodes, Node
from launch_ros.descriptions import ComposableNode


def describe(start: Callable[[LaunchContext], list[Any]], *names: str) -> LaunchDescription:
    """
    Return a launch description.

    start: returns the actions, when the arguments have their values. names: of the file's
    arguments, see arguments.ARGUMENTS. Other arguments have their defaults in files that this one
    includes, not the values of arguments of a user's file, such as `camera` or `rviz`.
    """
    def isolated(context: LaunchContext) -> list[Any]:
        others = [SetLaunchConfiguration(name, each.default or '')
                  for name, each in ARGUMENTS.items() if name not in names]
        return [PushLaunchConfigurations(), *others, *start(context), PopLaunchConfigurations()]

    leave_interrupts_to_launch()
    declared = [DeclareLaunchArgument(
        name, description=ARGUMENTS[name].description, default_value=ARGUMENTS[name].default,
        choices=list(ARGUMENTS[name].choices) or None) for name in names]
    return LaunchDescription([*declared, OpaqueFunction(function=isolated)])


def include_perception(**arguments: str) -> IncludeLaunchDescription:
    """
    Return the action that starts the node face_affect by perception.launch.py.

    Arguments that are not given have the values of the including file, if that declares them.
    """
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share('launch', 'perception.launch.py'))),
        launch_arguments=list(arguments.items()))


def container_of(node: str) -> str:
    """Return the name of the container of a node; each load request reaches all of one name."""
    return f'{node}_container'


def container(plugin: str, *, name: str, namespace: str, ros_arguments: list[str],
              executor: str = 'single_threaded', **settings: Any) -> ComposableNodeContainer:
    """
    Return the container with a first node, whose class in this package is the plugin.

    name: of the node. namespace: of both. ros_arguments and executor: of the container. settings:
    parameters and remappings of the node.
    """
    return ComposableNodeContainer(
        package='face_affect_ros', executable='face_affect_container', name=container_of(name),
        namespace=namespace, output='screen', ros_arguments=ros_arguments,
        parameters=[{'executor': executor}], composable_node_descriptions=[
            _composable(plugin, name=name, namespace=namespace, **settings)])


def load(plugin: str, *, container_name: str, **settings: Any) -> LoadComposableNodes:
    """Return the action that loads a further node into the container of this full name."""
    return LoadComposableNodes(target_container=container_name,
                               composable_node_descriptions=[_composable(plugin, **settings)])


def _composable(plugin: str, **settings: Any) -> ComposableNode:
    return ComposableNode(package='face_affect_ros', plugin=f'face_affect_ros::{plugin}',
                          **settings)


def ending_with(node: Node) -> RegisterEventHandler:
    """
    Return the action that ends the launch when this node's process ends.

    The launch fails if the process does. To be executed before the node.
    """
    def end(event: Any, context: LaunchContext) -> Any:
        if context.is_shutdown:
            return None
        if event.returncode:   # launch ends with exit code 1 and this text
            raise RuntimeError(f'{node.node_name} ended with exit code {event.returncode}')
        return EmitEvent(event=Shutdown(reason=f'{node.node_name} has ended'))

    return RegisterEventHandler(OnProcessExit(target_action=node, on_exit=end))


def use_profile(context: LaunchContext, profile: str) -> list[Any]:
    """
    Return the actions that set a Fast DDS profile for the processes started after them.

    profile: path, '' for none, by the default transports; AffectError if there is no such file.
    A profile or transports that the environment names already are kept.
    """
    file = expanded(profile)
    wanted = variables(context.environment, str(file))
    if wanted and not profile:   # or the nodes of this package would use the installed one
        wanted = {TRANSPORTS: 'DEFAULT'}
    elif wanted and not file.is_file():
        raise AffectError(f"launch argument 'dds_profile': there is no file {file}")
    return [SetEnvironmentVariable(name, value) for name, value in wanted.items()]


def leave_interrupts_to_launch() -> None:
    """
    Keep SIGINT from raising KeyboardInterrupt while the event loop of launch runs.

    launch handles SIGINT by a file descriptor and shuts down. Python's default handler also raises
    KeyboardInterrupt; if that happens while a process starts, launch (3.4.3) waits for its start
    forever. To be called by generate_launch_description. Has no effect without a running loop, as
    for `ros2 launch -s`, or if SIGINT has another handler.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    if (threading.current_thread() is not threading.main_thread()
            or signal.getsignal(signal.SIGINT) is not signal.default_int_handler):
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if not loop.is_running():
            signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, handle)
