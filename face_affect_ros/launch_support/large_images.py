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

"""The Fast DDS profile for large images, for all processes of a launch."""

from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.nodes.large_images import variables
from launch import LaunchContext
from launch.actions import SetEnvironmentVariable


def use_profile(context: LaunchContext, profile: str) -> list[Any]:
    """
    Return the actions that give a profile to the processes started after them.

    profile: path, '' for none. Raises AffectError where there is no such file.
    """
    wanted = variables(context.environment, profile) if profile else {}
    if wanted and not Path(profile).is_file():
        raise AffectError(f"launch argument 'dds_profile': there is no file {profile}")
    return [SetEnvironmentVariable(name, value) for name, value in wanted.items()]
