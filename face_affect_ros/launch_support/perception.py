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

"""Include perception.launch.py in another launch file."""

from face_affect_ros.launch_support.cameras import share
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource


def include_perception(**arguments: str) -> IncludeLaunchDescription:
    """
    Return the action that starts the node face_affect.

    arguments: of perception.launch.py. Those that the including file has, too, keep the values
    that they have there.
    """
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share('launch', 'perception.launch.py'))),
        launch_arguments=list(arguments.items()))
