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
The images of a bag, every one of them processed.

ros2 launch face_affect_ros replay.launch.py bag:=/path/of/bag
"""

from pathlib import Path
from typing import Any

from face_affect_ros.bags import ImageBag
from face_affect_ros.launch_support.actions import (
    describe,
    ending_with,
    include_perception,
    use_profile,
)
from face_affect_ros.launch_support.arguments import (
    CHOICES,
    flag,
    LOW_POWER,
    number,
    string_parameter,
    text,
)
from face_affect_ros.nodes.bag_player import PARAMETERS
from launch import LaunchContext, LaunchDescription
from launch_ros.actions import Node


def start(context: LaunchContext) -> list[Any]:
    """Return the actions for the values of the arguments."""
    # A bag that cannot be read ends the launch here, before any process starts.
    bag = ImageBag(Path(text(context, 'bag')), topic=text(context, 'topic'))
    compressed = bag.type == 'sensor_msgs/msg/CompressedImage'
    player = Node(
        package='face_affect_ros', executable='bag_player', output='screen',
        name='bag_player', namespace=text(context, 'namespace'),
        parameters=[{'bag': string_parameter(context, 'bag'),
                     'topic': string_parameter(context, 'topic'),
                     'depth': string_parameter(context, 'bag_depth'),
                     'clock': flag(context, 'clock'),
                     'rate': number(context, 'speed', PARAMETERS['rate']),
                     'max_in_flight': number(context, 'max_in_flight',
                                             PARAMETERS['max_in_flight'])}],
        remappings=[('faces', f'{text(context, "node_name")}/faces')])
    return [
        *use_profile(context, text(context, 'dds_profile')),
        ending_with(player),
        include_perception(image='image', required='true',
                           depth='depth' if text(context, 'bag_depth') else 'none',
                           use_sim_time='true' if flag(context, 'clock') else 'default',
                           processing=text(context, 'processing') or 'every',
                           transport='compressed' if compressed else 'raw'),
        player]


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return describe(start, 'bag', 'topic', 'bag_depth', 'clock', 'max_in_flight', 'speed',
                    'processing', 'ros4hri', 'tf', *CHOICES, 'params_file', *LOW_POWER,
                    'namespace', 'node_name', 'log_level', 'rviz', 'dds_profile')
