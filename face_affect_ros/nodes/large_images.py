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

"""The Fast DDS profile for the processes that send large images."""

from collections.abc import Mapping
import os
from pathlib import Path

from ament_index_python.packages import get_package_share_directory, PackageNotFoundError
from rclpy.utilities import get_rmw_implementation_identifier

#: Variables of the profile of Fast DDS 2 (Humble, Jazzy) and 3 (Kilted and later).
VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
#: Variable of the transports of Fast DDS, which it ignores if a profile has transports.
TRANSPORTS = 'FASTDDS_BUILTIN_TRANSPORTS'


def profile() -> Path | None:
    """Return the path of the installed profile, None if the package is not installed."""
    try:
        share = get_package_share_directory('face_affect_ros')
    except (PackageNotFoundError, OSError):   # OSError: no AMENT_PREFIX_PATH
        return None
    return Path(share, 'config', 'fastdds_large_images.xml')


def variable() -> str:
    """
    Return which of VARIABLES the sourced Fast DDS reads.

    Fast DDS 3 reads the other one as well, but each process prints a warning.
    """
    prefixes = filter(None, os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep))
    return VARIABLES[not any(Path(prefix, 'share', 'fastrtps').is_dir() for prefix in prefixes)]


def variables(environment: Mapping[str, str], file: str) -> dict[str, str]:
    """
    Return the environment variables that make a process use the profile in a file.

    Empty if the user's environment names a profile or selects transports.
    """
    if _selects_transports(environment) or any(environment.get(name) for name in VARIABLES):
        return {}
    return {variable(): file}


def _selects_transports(environment: Mapping[str, str]) -> bool:
    """Return whether the user selects transports, which those of a profile would replace."""
    alone = (environment.get('ROS_DISTRO'), environment.get('ROS_LOCALHOST_ONLY')) == (
        'humble', '1')
    return alone or bool(environment.get(TRANSPORTS))


def why_lost(topic: str, lost: int, sent: int) -> str:
    """Return the warning about images that the middleware lost, with the remedy."""
    text = f"{lost} of the last {sent} images on '{topic}' were lost between the processes"
    file = profile()
    if (file is None or 'fastrtps' not in get_rmw_implementation_identifier()
            or _selects_transports(os.environ)):
        return text
    return (f'{text}: the shared memory of their publisher is too small for them. Before you '
            f'start the publisher (the camera driver): export {variable()}={file}')
