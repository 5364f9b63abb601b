"""The package's nodes in one process, for launch files."""

from typing import Any

from launch_ros.actions import ComposableNodeContainer, LoadComposableNodes
from launch_ros.descriptions import ComposableNode

#: Name of the container, in the namespace of its nodes.
NAME = 'face_affect_container'


def container(plugin: str, *, namespace: str, ros_arguments: list[str],
              **settings: Any) -> ComposableNodeContainer:
    """Return the container with a first node.

    plugin: of this package. settings: name, parameters and remappings of the node.
    """
    return ComposableNodeContainer(
        package='face_affect_ros', executable=NAME, name=NAME, namespace=namespace,
        output='screen', ros_arguments=ros_arguments,
        composable_node_descriptions=[_node(plugin, namespace=namespace, **settings)])


def load(plugin: str, *, container_name: str, **settings: Any) -> LoadComposableNodes:
    """Return the action that loads a further node.

    container_name: fully qualified. settings: name, namespace, parameters and remappings.
    """
    return LoadComposableNodes(target_container=container_name,
                               composable_node_descriptions=[_node(plugin, **settings)])


def _node(plugin: str, **settings: Any) -> ComposableNode:
    return ComposableNode(package='face_affect_ros', plugin=f'face_affect_ros::{plugin}',
                          **settings)
