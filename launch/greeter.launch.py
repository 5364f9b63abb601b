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
The node face_affect, and the example of a behaviour tree that greets people.

ros2 launch face_affect_ros greeter.launch.py camera:=usb_cam
"""

from typing import Any

from face_affect_ros.behaviours.greeter import PARAMETERS
from face_affect_ros.launch_support.actions import describe, include_perception
from face_affect_ros.launch_support.arguments import (
    full_name,
    LOW_POWER,
    number,
    PASSED,
    sim_time,
    text,
)
from launch import LaunchContext, LaunchDescription
from launch_ros.actions import Node


def start(context: LaunchContext) -> list[Any]:
    """Return the actions for the values of the arguments."""
    name = full_name(context, text(context, 'node_name'))
    greeter = Node(package='face_affect_ros', executable='greeter', name='greeter',
                   namespace=text(context, 'namespace'), output='screen',
                   parameters=[{'max_distance': number(context, 'max_distance',
                                                       PARAMETERS['max_distance']),
                                **sim_time(context)}],
                   remappings=[('face_affect/faces', f'{name}/faces')])
    return [include_perception(), greeter]


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return describe(start, 'camera', 'image', 'camera_info', 'depth', *PASSED, 'params_file',
                    *LOW_POWER, 'namespace', 'node_name', 'use_sim_time', 'log_level', 'rviz',
                    'dds_profile', 'max_distance')
