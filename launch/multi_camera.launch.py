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
A node face_affect for each of several cameras, and one list of their faces as in REP-155.

ros2 launch face_affect_ros multi_camera.launch.py images:=/front/image_raw,/rear/image_raw
"""

from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.launch_support.actions import describe, include_perception
from face_affect_ros.launch_support.arguments import (
    check_topic,
    CHOICES,
    LOW_POWER,
    sim_time,
    text,
)
from launch import LaunchContext, LaunchDescription
from launch_ros.actions import Node


def start(context: LaunchContext) -> list[Any]:
    """Return the actions for the values of the arguments."""
    images = [image.strip() for image in text(context, 'images').split(',')]
    if not all(images) or len(set(images)) < len(images):
        raise AffectError(f"launch argument 'images': '{text(context, 'images')}' is not a "
                          'comma-separated list of different topics')
    for image in images:
        # After an error of a later node, launch would leave the first ones running.
        check_topic('images', image, text(context, 'transport'))
    names = [f'face_affect_{number}' for number, _ in enumerate(images, start=1)]
    nodes = [include_perception(image=image, node_name=name, ros4hri='true',
                                tracked=f'{name}/tracked', camera_info='default')
             for image, name in zip(images, names)]
    merger = Node(package='face_affect_ros', executable='humans_merger', output='screen',
                  name='humans_merger', namespace=text(context, 'namespace'),
                  parameters=[{'sources': [f'{name}/tracked' for name in names],
                               **sim_time(context)}])
    return [*nodes, merger]


def generate_launch_description() -> LaunchDescription:
    """Return the launch description."""
    return describe(start, 'images', 'transport', *CHOICES, 'tf', 'params_file', *LOW_POWER,
                    'namespace', 'autostart', 'respawn', 'use_sim_time', 'log_level',
                    'dds_profile')
