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

"""
The node face_affect for a camera that is there already.

ros2 launch face_affect_ros perception.launch.py camera:=realsense
"""

import importlib.util
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_prefix, PackageNotFoundError
from face_affect_ros.affect.types import AffectError
from face_affect_ros.launch_support.arguments import declare, flag, sim_time, text
from face_affect_ros.launch_support.cameras import CAMERAS, params_file, share
from face_affect_ros.launch_support.container import container
from face_affect_ros.launch_support.large_images import use_profile
from face_affect_ros.launch_support.lifecycle import BringUp
from face_affect_ros.launch_support.names import full_name
from launch import LaunchContext, LaunchDescription
from launch.actions import OpaqueFunction
from launch_ros.actions import LifecycleNode, Node

#: Seconds between the end of a process and its next start.
RESPAWN_DELAY = 0.1


def start(context: LaunchContext) -> list[Any]:
    """Return the actions, now that the arguments have their values."""
    camera = CAMERAS[text(context, 'camera')]
    file = Path(text(context, 'params_file') or params_file(text(context, 'camera')))
    if not file.is_file():
        raise AffectError(f"launch argument 'params_file': there is no file {file}")
    parameters: dict[str, Any] = {**sim_time(context)}
    for argument, parameter in (('transport', 'image_transport'), ('processing', 'processing')):
        if text(context, argument):
            parameters[parameter] = text(context, argument)
    for argument, parameter in (('ros4hri', 'ros4hri'), ('tf', 'publish_tf')):
        if text(context, argument):
            parameters[parameter] = flag(context, argument)
    files = [str(file)]
    if flag(context, 'frugal'):
        files.append(str(share('config', 'frugal.yaml')))
        if importlib.util.find_spec('rclpy.experimental'):
            parameters['executor'] = 'events'
    depth = text(context, 'depth')
    if depth:
        parameters['use_depth'] = True
    name = full_name(context, text(context, 'node_name'))
    # Of our own logger alone: at level debug, rcl's tell of every message.
    logger = name.strip('/').replace('/', '.')
    settings: dict[str, Any] = {
        'name': text(context, 'node_name'), 'namespace': text(context, 'namespace'),
        'parameters': [*files, parameters],
        'remappings': [('image', text(context, 'image') or camera.image),
                       ('camera_info', text(context, 'camera_info') or camera.camera_info),
                       *([('depth', depth)] if depth else [])],
        'ros_arguments': ['--log-level', f'{logger}:={text(context, "log_level")}']}
    respawn = flag(context, 'respawn')
    # By itself it is back before the others have found its services.
    parameters['autostart'] = respawn and flag(context, 'autostart')
    if not flag(context, 'container'):
        node = LifecycleNode(
            package='face_affect_ros', executable='face_affect_node', output='screen',
            respawn=respawn, respawn_delay=RESPAWN_DELAY, **settings)
    elif respawn:
        raise AffectError("launch argument 'respawn': a container that is started again is empty; "
                          "leave out 'container', or 'respawn'")
    else:
        node = container('FaceAffectNode', executor=parameters.get('executor', 'single_threaded'),
                         **settings)
    bring_up = BringUp(node, name, autostart=flag(context, 'autostart'),
                       required=flag(context, 'required'), respawn=respawn)
    viewer = rviz(name, sim_time(context)) if flag(context, 'rviz') else []
    return [*use_profile(context, text(context, 'dds_profile')), *bring_up.actions, node, *viewer]


def rviz(name: str, parameters: dict[str, bool]) -> list[Node]:
    """Return rviz2, with these parameters, of image and markers of the node of this full name."""
    try:
        get_package_prefix('rviz2')
    except PackageNotFoundError:
        # Found out by launch itself, it would end and leave the node behind.
        raise AffectError("launch argument 'rviz': the package rviz2 is not installed") from None
    return [Node(package='rviz2', executable='rviz2', output='log',
                 parameters=[parameters],
                 arguments=['-d', str(share('rviz', 'face_affect.rviz'))],
                 remappings=[(f'/face_affect/{topic}', f'{name}/{topic}')
                             for topic in ('image_annotated', 'markers')])]


def generate_launch_description() -> LaunchDescription:
    """Return the description that `ros2 launch` asks for."""
    return LaunchDescription([
        *declare('camera', 'image', 'camera_info', 'depth', 'transport', 'processing', 'ros4hri',
                 'tf', 'params_file', 'frugal',
                 'namespace', 'node_name', 'autostart', 'required', 'respawn', 'use_sim_time',
                 'log_level', 'rviz', 'dds_profile', 'container'),
        OpaqueFunction(function=start)])
