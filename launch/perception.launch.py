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
The node face_affect for the topics of a running camera driver.

ros2 launch face_affect_ros perception.launch.py camera:=realsense
"""

import importlib.util
from pathlib import Path
from typing import Any

from ament_index_python.packages import get_package_prefix, PackageNotFoundError
from face_affect_ros.affect.types import AffectError
from face_affect_ros.launch_support import share
from face_affect_ros.launch_support.actions import (
    container,
    describe,
    ending_with,
    use_profile,
)
from face_affect_ros.launch_support.arguments import (
    flag,
    full_name,
    image_topics,
    LOW_POWER,
    low_power,
    PASSED,
    passed_parameters,
    RESPAWN_DELAY,
    sim_time,
    switched_off,
    text,
)
from face_affect_ros.nodes.declaration import unmatched_file
from face_affect_ros.paths import expanded
from launch import LaunchContext, LaunchDescription
from launch.actions import LogInfo
from launch_ros.actions import Node
from launch_ros.utilities import to_parameters_list


def start(context: LaunchContext) -> list[Any]:
    """Return the actions for the values of the arguments."""
    name = full_name(context, text(context, 'node_name'))
    remappings, transport = image_topics(context)
    # By the node's own autostart: a LifecycleNode of launch_ros needs a ROS node in the process of
    # launch, and `ros2 launch` hangs on Ctrl-C while that node is created.
    parameters: dict[str, Any] = {
        **sim_time(context), **passed_parameters(context), **transport,
        'autostart': flag(context, 'autostart'), 'required': flag(context, 'required')}
    if text(context, 'depth'):
        parameters['use_depth'] = True
    low = low_power(context)
    files = parameter_files(context, low=low)
    if low:
        parameters = {**switched_off(files[0]), **parameters}
        if importlib.util.find_spec('rclpy.experimental'):
            parameters['executor'] = 'events'
    # Only of the node's logger: at level debug, those of rcl log every message.
    logger = name.strip('/').replace('/', '.')
    settings: dict[str, Any] = {
        'name': text(context, 'node_name'), 'namespace': text(context, 'namespace'),
        'parameters': [*map(str, files), parameters], 'remappings': remappings,
        'ros_arguments': ['--log-level', f'{logger}:={text(context, "log_level")}']}
    viewer = rviz(name, sim_time(context)) if flag(context, 'rviz') else []
    profile = use_profile(context, text(context, 'dds_profile'))

    respawn = flag(context, 'respawn')
    if respawn and flag(context, 'container'):
        raise AffectError("launch argument 'respawn': a container that is started again is empty; "
                          "leave out 'container', or 'respawn'")
    if flag(context, 'container'):
        warnings = unmatched(context, name, files)
        node = container('FaceAffectNode', executor=parameters.get('executor', 'single_threaded'),
                         **settings)
        viewer += [LogInfo(msg=f'[WARN] {each}') for each in warnings]
    else:
        node = Node(package='face_affect_ros', executable='face_affect_node', output='screen',
                    respawn=respawn, respawn_delay=RESPAWN_DELAY, **settings)
    end = [ending_with(node)] if flag(context, 'required') and not respawn else []
    return [*profile, *end, node, *viewer]


def parameter_files(context: LaunchContext, *, low: bool) -> list[Path]:
    """Return the parameter files of the node, later ones override; AffectError for none."""
    file = expanded(text(context, 'params_file')
                    or share('config', f'{text(context, "camera")}.yaml'))
    if not file.is_file():
        raise AffectError(f"launch argument 'params_file': there is no file {file}")
    return [file, share('config', 'low_power.yaml')] if low else [file]


def unmatched(context: LaunchContext, name: str, files: list[Path]) -> list[str]:
    """Return warnings about files without a section for a composed node; AffectError if wrong."""
    # launch_ros reads the files itself, without a warning; after its error, the container would
    # be left running.
    for file in files:
        try:
            to_parameters_list(context, name, '', [file])
        except Exception as error:
            raise AffectError(f"launch argument 'params_file': launch_ros cannot read {file}: "
                              f"{' '.join(str(error).split())}") from None
    return [text for file in files if (text := unmatched_file(file, name, composed=True))]


def rviz(name: str, parameters: dict[str, bool]) -> list[Node]:
    """Return rviz2, with these parameters, of image and markers of the node of this full name."""
    try:
        get_package_prefix('rviz2')
    except PackageNotFoundError:
        # Checked here: after an error of a later action, launch would leave the node running.
        raise AffectError("launch argument 'rviz': the package rviz2 is not installed") from None
    return [Node(package='rviz2', executable='rviz2', output='log',
                 parameters=[parameters],
                 arguments=['-d', str(share('rviz', 'face_affect.rviz'))],
                 remappings=[(f'/face_affect/{topic}', f'{name}/{topic}')
                             for topic in ('image_annotated', 'markers')])]


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return describe(start, 'camera', 'image', 'camera_info', 'depth', *PASSED, 'tracked',
                    'params_file', *LOW_POWER, 'namespace', 'node_name', 'autostart', 'required',
                    'respawn', 'use_sim_time', 'log_level', 'rviz', 'dds_profile', 'container')
