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
An image, a clip or a camera, and the node face_affect that processes it.

ros2 launch face_affect_ros demo.launch.py source:=/path/of/clip.gif rviz:=true
"""

from typing import Any

from face_affect_ros.launch_support.actions import (
    container_of,
    describe,
    ending_with,
    include_perception,
    load,
    use_profile,
)
from face_affect_ros.launch_support.arguments import (
    CHOICES,
    flag,
    full_name,
    LOW_POWER,
    number,
    string_parameter,
    text,
)
from face_affect_ros.nodes.camera_player import PARAMETERS
from launch import LaunchContext, LaunchDescription
from launch_ros.actions import Node


def start(context: LaunchContext) -> list[Any]:
    """Return the actions for the values of the arguments."""
    compressed = flag(context, 'compressed')
    settings: dict[str, Any] = {
        'name': 'camera_player', 'namespace': text(context, 'namespace'),
        'parameters': [{'source': string_parameter(context, 'source'),
                        'rate': number(context, 'rate', PARAMETERS['rate']),
                        'loop': flag(context, 'loop'), 'exit_at_end': not flag(context, 'loop'),
                        # Else a short clip ends before the node has subscribed.
                        'min_subscribers': 1,
                        'compressed': compressed}]}
    together = flag(context, 'container')
    if together:
        name = container_of(text(context, 'node_name'))
        player = load('CameraPlayer', container_name=full_name(context, name), **settings)
    else:
        player = Node(package='face_affect_ros', executable='camera_player', output='screen',
                      **settings)
    return [
        *use_profile(context, text(context, 'dds_profile')),
        *([] if together else [ending_with(player)]),
        include_perception(image='image_raw', required='true',
                           transport='compressed' if compressed else 'raw'),
        player]


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return describe(start, 'source', 'rate', 'loop', 'compressed', 'ros4hri', 'tf', *CHOICES,
                    'params_file', *LOW_POWER, 'namespace', 'node_name', 'log_level', 'rviz',
                    'dds_profile', 'container')
