"""The Fast DDS profile for large images, for all processes of a launch."""

from pathlib import Path
from typing import Any

from launch import LaunchContext
from launch.actions import SetEnvironmentVariable

from face_affect_ros.affect.types import AffectError

#: Where Fast DDS 2 (Humble, Jazzy) and Fast DDS 3 (Kilted and later) look for a profile.
VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')


def use_profile(context: LaunchContext, profile: str) -> list[Any]:
    """Return the actions that give a profile to the processes started after them.

    profile: path, '' for none. The user's own profile, set in the environment, is left alone. No
    other middleware reads these variables. Raises AffectError where there is no such file.
    """
    if not profile or any(context.environment.get(name) for name in VARIABLES):
        return []
    if not Path(profile).is_file():
        raise AffectError(f"launch argument 'dds_profile': there is no file {profile}")
    return [SetEnvironmentVariable(name, profile) for name in VARIABLES]
