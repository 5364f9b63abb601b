"""Include perception.launch.py in another launch file."""

from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

from face_affect_ros.launch_support.cameras import share


def include_perception(**arguments: str) -> IncludeLaunchDescription:
    """Return the action that starts the node face_affect.

    arguments: of perception.launch.py. Those that the including file has, too, keep the values
    that they have there.
    """
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share('launch', 'perception.launch.py'))),
        launch_arguments=list(arguments.items()))
