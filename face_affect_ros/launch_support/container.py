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

"""The package's nodes in one process, for launch files."""

from typing import Any

from launch_ros.actions import ComposableNodeContainer, LoadComposableNodes
from launch_ros.descriptions import ComposableNode

#: Name of the container, in the namespace of its nodes.
NAME = 'face_affect_container'


def container(plugin: str, *, namespace: str, ros_arguments: list[str],
              executor: str = 'single_threaded', **settings: Any) -> ComposableNodeContainer:
    """
    Return the container with a first node.

    plugin: of this package. executor: of the container, as its parameter names it. settings:
    name, parameters and remappings of the node.
    """
    return ComposableNodeContainer(
        package='face_affect_ros', executable=NAME, name=NAME, namespace=namespace,
        output='screen', ros_arguments=ros_arguments, parameters=[{'executor': executor}],
        composable_node_descriptions=[_node(plugin, namespace=namespace, **settings)])


def load(plugin: str, *, container_name: str, **settings: Any) -> LoadComposableNodes:
    """
    Return the action that loads a further node.

    container_name: fully qualified. settings: name, namespace, parameters and remappings.
    """
    return LoadComposableNodes(target_container=container_name,
                               composable_node_descriptions=[_node(plugin, **settings)])


def _node(plugin: str, **settings: Any) -> ComposableNode:
    return ComposableNode(package='face_affect_ros', plugin=f'face_affect_ros::{plugin}',
                          **settings)
