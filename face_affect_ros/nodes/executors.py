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

"""The executors that a parameter chooses from."""

from face_affect_ros.affect.types import AffectError
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node


def make_executor(node: Node) -> Executor:
    """
    Return the executor that a node's parameter `executor` names.

    'events' is the events executor, anything else the single-threaded one. Raises AffectError
    where this distribution's rclpy has no events executor.
    """
    if node.get_parameter('executor').value != 'events':
        return SingleThreadedExecutor(context=node.context)
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError as error:
        raise AffectError("parameter 'executor': the rclpy of this distribution has no events "
                          'executor, take single_threaded') from error
    executor: Executor = EventsExecutor(context=node.context)
    return executor
