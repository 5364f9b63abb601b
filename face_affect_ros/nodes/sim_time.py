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

"""Simulated time: whether there is any."""

from rclpy.node import Node


def why_no_time(node: Node) -> str:
    """Return why a node's time stands still, '' where it does not."""
    if not node.get_parameter('use_sim_time').value:
        return ''
    if not node.count_publishers('/clock'):
        return ('use_sim_time is set, and nobody publishes /clock: start the simulation, or '
                '`ros2 bag play --clock`, or set use_sim_time to false')
    if not node.get_clock().now().nanoseconds:
        return 'use_sim_time is set, and no message has come on /clock yet'
    return ''
