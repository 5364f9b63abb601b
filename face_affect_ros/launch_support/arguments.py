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

"""The arguments of the launch files: one table, so that a name means the same in each file."""

from dataclasses import dataclass
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.launch_support.cameras import CAMERAS, share
from launch import LaunchContext
from launch.actions import DeclareLaunchArgument
from launch.conditions import evaluate_condition_expression
from launch.substitutions import LaunchConfiguration, TextSubstitution
from launch_ros.parameter_descriptions import ParameterValue


@dataclass(frozen=True)
class Argument:
    """One launch argument; default None means that it must be given."""

    default: str | None
    description: str
    choices: tuple[str, ...] = ()


PROFILE = str(share('config', 'fastdds_large_images.xml'))
LEVELS = ('debug', 'info', 'warn', 'error', 'fatal')

ARGUMENTS = {
    # the node
    'camera': Argument(
        'default', 'Whose topics and parameter file to use where image, camera_info and '
        'params_file do not say otherwise.', tuple(CAMERAS)),
    'image': Argument(
        '', "Image topic, for transport compressed without the ending /compressed; '' is the "
        "camera's."),
    'camera_info': Argument('', "Topic of the image's calibration; '' is the camera's."),
    'transport': Argument(
        '', "Subscribe to raw images or to compressed ones; '' as the parameter file says.",
        ('', 'raw', 'compressed')),
    'processing': Argument(
        '', "Process the newest image only, or every one; '' as the parameter file says.",
        ('', 'newest', 'every')),
    'depth': Argument(
        '', "Topic of depth images that are registered to the image, for the faces' positions; '' "
        'is none.'),
    'ros4hri': Argument(
        '', "Publish the faces under /humans/faces as REP-155 has it; '' as the parameter file "
        'says.', ('', 'true', 'false')),
    'tf': Argument(
        '', "Publish the faces' frames on /tf; '' as the parameter file says.",
        ('', 'true', 'false')),
    'params_file': Argument('', "Parameter file of the node; '' is the camera's in config/."),
    'frugal': Argument(
        'false', 'Save processor time as config/frugal.yaml says, which then counts more than the '
        'parameter file: fewer looks, and none at distant people.'),
    'namespace': Argument('', 'Namespace of all nodes and of the topics without a leading slash.'),
    'node_name': Argument('face_affect', 'Name of the node, and so of its topics.'),
    'autostart': Argument(
        'true', 'Configure and activate the node; false leaves that to a lifecycle manager.'),
    'required': Argument(
        'false', 'End the launch with an error when the node cannot be brought up or ends; false '
        'leaves it running, with its error in the log and on /diagnostics.'),
    'respawn': Argument('false', 'Start the node again when its process ends, and activate it.'),
    'use_sim_time': Argument('', "Take the time from /clock; '' as the parameter file says."),
    'log_level': Argument('info', 'Least severe log messages to show.', LEVELS),
    'container': Argument(
        'false', 'Run the node in a container, face_affect_container, that further nodes may be '
        'loaded into; in demo.launch.py the camera player as well.'),
    'rviz': Argument('false', 'Show the annotated image and the markers in rviz2.'),
    'dds_profile': Argument(
        PROFILE, "Fast DDS profile for the processes of this launch, '' for none; not used where "
        'the environment names one already.'),
    # the greeter
    'max_distance': Argument(
        '0.0', 'Metres within which people are spoken to; 0 speaks to all, and needs no '
        'calibrated camera.'),
    # the camera player
    'source': Argument(
        '', "Picture, GIF or video, folder of them, played as one clip, camera ('0', "
        "'/dev/video0'); '' is a portrait that moves slowly."),
    'rate': Argument('0.0', "Images per second; 0 is the source's own rate, 30 for pictures."),
    'loop': Argument('true', 'Start the source again at its end; false ends the launch there.'),
    'compressed': Argument('false', 'Send the images as JPEG.'),
    # the bag player
    'bag': Argument(None, 'Path of a bag, sqlite3 or mcap.'),
    'topic': Argument(
        '', "Image topic in the bag; '' is the first with pictures, those in colour first."),
    'max_in_flight': Argument(
        '4', 'Images that may wait for their result. The bag is played as fast as that allows; 0 '
        'plays it at the speed of its recording.'),
    'speed': Argument('1.0', 'Multiple of the speed of the recording, for max_in_flight 0.'),
}


def declare(*names: str) -> list[DeclareLaunchArgument]:
    """Return the declarations of these arguments of the table."""
    return [DeclareLaunchArgument(
        name, description=ARGUMENTS[name].description,
        default_value=ARGUMENTS[name].default,
        choices=list(ARGUMENTS[name].choices) or None) for name in names]


def text(context: LaunchContext, name: str) -> str:
    """Return the value of an argument."""
    return str(LaunchConfiguration(name).perform(context))


def number(context: LaunchContext, name: str, kind: type = float) -> Any:
    """Return the value of an argument as a float or an int; AffectError where it is none."""
    try:
        return kind(text(context, name))
    except ValueError:
        what = 'a number' if kind is float else 'a whole number'
        raise AffectError(
            f"launch argument '{name}': '{text(context, name)}' is not {what}") from None


def sim_time(context: LaunchContext) -> dict[str, bool]:
    """Return the parameter use_sim_time, where the argument is given."""
    given = text(context, 'use_sim_time')
    return {'use_sim_time': flag(context, 'use_sim_time')} if given else {}


def string_parameter(context: LaunchContext, name: str) -> ParameterValue:
    """Return the value of an argument as a parameter that stays a string, were it '0' or ''."""
    return ParameterValue(text(context, name), value_type=str)


def flag(context: LaunchContext, name: str) -> bool:
    """Return whether an argument is true; launch takes true, false, 1 and 0."""
    return bool(evaluate_condition_expression(context, [TextSubstitution(
        text=text(context, name))]))
