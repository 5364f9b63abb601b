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

"""The table of the launch arguments, which have the same meaning in each file."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.launch_support import CAMERAS, share
from face_affect_ros.nodes.declaration import content_of, sections_of
from face_affect_ros.nodes.parameters import PARAMETERS, Spec
from launch import LaunchContext
from launch.logging import get_logger
from launch.substitutions import LaunchConfiguration
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.utilities import make_namespace_absolute, prefix_namespace
from rclpy.exceptions import InvalidTopicNameException
from rclpy.validate_topic_name import validate_topic_name

#: Words for '', which `ros2 launch` does not accept: the default value, and none.
DEFAULT, NONE = 'default', 'none'
TRUE = ('true', 'True', '1')
FLAG = (*TRUE, 'false', 'False', '0')
#: Seconds between the end of the node's process and its next start, with `respawn`.
RESPAWN_DELAY = 1.0


@dataclass(frozen=True)
class Argument:
    """One launch argument."""

    default: str | None   #: None for a required argument
    description: str   #: for `ros2 launch --show-args`
    choices: tuple[str, ...] = ()   #: allowed values
    empty: str = ''   #: the word for '', which `ros2 launch` does not accept: DEFAULT or NONE


def passed(parameter: str) -> Argument:
    """Return the argument that is passed through as a parameter of the node face_affect."""
    spec = PARAMETERS[parameter]
    choices = FLAG if isinstance(spec.default, bool) else spec.choices
    off = f", '{NONE}' for ''" if spec.default and parameter.endswith('_model') else ''
    return Argument(
        DEFAULT, f"Parameter {parameter}{off}; '{DEFAULT}': as in the parameter file. "
        f'{spec.description}', (DEFAULT, '', *choices) if choices else (), DEFAULT)


#: Parameters of the node by the launch arguments that are passed through to them.
PASSED = {'transport': 'image_transport', 'processing': 'processing', 'ros4hri': 'ros4hri',
          'tf': 'publish_tf', 'emotion_model': 'emotion_model', 'gender_model': 'gender_model',
          'detector': 'detector', 'min_score': 'min_score', 'blur_faces': 'blur_faces'}
#: The argument low_power and its deprecated name.
LOW_POWER = ('low_power', 'frugal')
#: Arguments that select what is computed for each face.
CHOICES = ('emotion_model', 'gender_model', 'detector', 'min_score', 'blur_faces')
#: Suffix of the topics of compressed images in image_transport.
COMPRESSED = '/compressed'
PROFILE = str(share('config', 'fastdds_large_images.xml'))

ARGUMENTS = {
    # the node
    'camera': Argument(
        'default', 'Camera whose topics and parameter file are the defaults of image, camera_info '
        'and params_file.', tuple(CAMERAS)),
    'image': Argument(
        DEFAULT, 'Image topic; a name that ends with /compressed selects compressed images; '
        f"'{DEFAULT}' is that of the camera.", empty=DEFAULT),
    'camera_info': Argument(
        DEFAULT, f"Topic of the calibration; '{DEFAULT}' is camera_info in the namespace of the "
        'image, or that of the camera.', empty=DEFAULT),
    **{name: passed(parameter) for name, parameter in PASSED.items()},
    'depth': Argument(
        NONE, 'Topic of depth images registered to the image, for positions.', empty=NONE),
    'tracked': Argument(
        DEFAULT, 'With ros4hri, topic of the list of faces. With several cameras, each node needs '
        f"its own; humans_merger merges them. '{DEFAULT}' is /humans/faces/tracked.",
        empty=DEFAULT),
    'params_file': Argument(
        DEFAULT, f"Parameter file of the node; '{DEFAULT}' is config/CAMERA.yaml of the camera, "
        'config/default.yaml if there is no argument camera.', empty=DEFAULT),
    'low_power': Argument(
        'false', 'Use the parameters of config/low_power.yaml, which override those of the '
        'parameter file: less processor time, later updates, shorter range.', FLAG),
    'frugal': Argument('false', 'Deprecated name of low_power.', FLAG),
    'namespace': Argument(
        '', f"Namespace of all nodes and of topics without a leading slash; '{NONE}' for none.",
        empty=NONE),
    'node_name': Argument('face_affect', 'Name of the node, with which its topics begin.'),
    'autostart': Argument(
        'true', 'The node configures and activates itself; false: a lifecycle manager does.',
        FLAG),
    'required': Argument(
        'false', 'End the launch with an error if the node cannot be activated or its process '
        'ends; false: the launch continues, with the error in the log and on /diagnostics.',
        FLAG),
    'respawn': Argument(
        'false', f'Restart the node {RESPAWN_DELAY:g} s after its process ends.', FLAG),
    'use_sim_time': Argument(
        DEFAULT, f"Use the time of /clock; '{DEFAULT}': as in the parameter file.",
        (DEFAULT, '', *FLAG), DEFAULT),
    'log_level': Argument('info', 'Minimum severity of the log messages of the node.',
                          ('debug', 'info', 'warn', 'error', 'fatal')),
    'container': Argument(
        'false', 'Run the node in the container <node_name>_container, into which other nodes can '
        'be loaded; with demo.launch.py the camera player, too.', FLAG),
    'rviz': Argument('false', 'Show the annotated image and the markers in rviz2.', FLAG),
    'dds_profile': Argument(
        PROFILE, f"Fast DDS profile for the processes of this launch; '{NONE}' for none; not used "
        'if the environment already names one.', empty=NONE),
    # several cameras
    'images': Argument(
        None, 'Comma-separated image topics of the cameras: '
        '/front/image_raw,/rear/image_raw. The nodes are face_affect_1, face_affect_2 and so on.'),
    # the greeter
    'max_distance': Argument(
        '0.0', 'Maximum distance in metres of people to greet. 0: no limit, no calibrated camera '
        'needed.'),
    # the camera player
    'source': Argument(
        DEFAULT, "Image, GIF, video, folder of these (played as one clip) or camera ('0', "
        f"'/dev/video0'); '{DEFAULT}' is a slowly moving portrait.", empty=DEFAULT),
    'rate': Argument('0.0', "Images per second; 0 is the source's own rate, 30 for still images."),
    'loop': Argument(
        'true', 'Restart the source at its end; false: end the launch.', FLAG),
    'compressed': Argument('false', 'Publish the images as JPEG.', FLAG),
    # the bag player
    'bag': Argument(None, 'Path of a bag, sqlite3 or mcap.'),
    'topic': Argument(
        DEFAULT, f"Image topic in the bag; '{DEFAULT}' is the first one with grey or "
        'colour images, colour preferred.', empty=DEFAULT),
    'clock': Argument(
        'false', 'Publish the time of the recording on /clock, and use it in the node.', FLAG),
    'bag_depth': Argument(
        NONE, 'Topic of depth images in the bag that are registered to the images.', empty=NONE),
    'max_in_flight': Argument(
        '4', 'Maximum number of published images without a result. The bag is played as fast as '
        'this permits; 0: at the recorded speed.'),
    'speed': Argument('1.0', 'Speed, as a multiple of the recording, if max_in_flight is 0.'),
}


def text(context: LaunchContext, name: str) -> str:
    """Return the value of an argument, '' for its word `empty`."""
    value = str(LaunchConfiguration(name).perform(context))
    return '' if value and value == ARGUMENTS[name].empty else value


def number(context: LaunchContext, name: str, spec: Spec) -> Any:
    """Return the number in an argument; AffectError if the spec of the parameter forbids it."""
    try:
        value = type(spec.default)(text(context, name))
        problem = spec.problem_with(value)
    except ValueError:
        what = 'a number' if isinstance(spec.default, float) else 'a whole number'
        problem = f"'{text(context, name)}' is not {what}"
    if problem:
        raise AffectError(f"launch argument '{name}': {problem}")
    return value


def flag(context: LaunchContext, name: str) -> bool:
    """Return whether an argument is true; its declaration has checked the value."""
    return text(context, name) in TRUE


def low_power(context: LaunchContext) -> bool:
    """Return whether the argument low_power is true, by this or by its deprecated name."""
    if flag(context, 'frugal'):
        get_logger('face_affect_ros').warning(
            'the launch argument frugal is deprecated: use low_power')
        return True
    return flag(context, 'low_power')


def passed_parameters(context: LaunchContext) -> dict[str, Any]:
    """Return the node's parameters among the launch arguments; AffectError for a wrong value."""
    parameters: dict[str, Any] = {}
    for name, parameter in PASSED.items():
        value, spec = text(context, name), PARAMETERS[parameter]
        if not value:
            continue
        if isinstance(spec.default, bool):
            parameters[parameter] = flag(context, name)
        elif isinstance(spec.default, str):
            off = value == NONE and parameter.endswith('_model')
            parameters[parameter] = ParameterValue('' if off else value, value_type=str)
        else:
            parameters[parameter] = number(context, name, spec)
    return parameters


def switched_off(file: Path) -> dict[str, Any]:
    """
    Return the models that a parameter file sets to '', for any node.

    They stay switched off, although config/low_power.yaml names models and overrides the file.
    """
    content = content_of(file)
    # launch_ros gives a file without sections to nodes in containers
    found = [content, *(values for _, values in sections_of(content))]
    return {name: ParameterValue('', value_type=str) for values in found
            for name in ('emotion_model', 'gender_model')
            if isinstance(values, dict) and values.get(name) == ''}


def sim_time(context: LaunchContext) -> dict[str, bool]:
    """Return the parameter use_sim_time, if the argument is given."""
    name = 'use_sim_time'
    return {name: flag(context, name)} if text(context, name) else {}


def string_parameter(context: LaunchContext, name: str) -> ParameterValue:
    """Return the value of an argument as a string parameter, also of '0' and ''."""
    return ParameterValue(text(context, name), value_type=str)


def full_name(context: LaunchContext, name: str) -> str:
    """Return a node's name with the argument `namespace`, also inside of a PushRosNamespace."""
    namespace = make_namespace_absolute(prefix_namespace(
        context.launch_configurations.get('ros_namespace'), text(context, 'namespace')))
    return str(prefix_namespace(namespace, name))


def check_topic(argument: str, topic: str, transport: str = '') -> None:
    """Raise AffectError if the topic in a launch argument is invalid, or not of the transport."""
    if topic in (DEFAULT, NONE):   # of other arguments
        raise AffectError(f"launch argument '{argument}' cannot be '{topic}'; name a topic")
    if topic.endswith(COMPRESSED) and transport == 'raw':
        raise AffectError(f"launch argument '{argument}': {topic} is a topic of compressed "
                          'images; leave out transport:=raw, or /compressed')
    try:
        validate_topic_name(topic.removesuffix(COMPRESSED))
    except InvalidTopicNameException as error:
        raise AffectError(f"launch argument '{argument}': {error}") from None


def image_topics(context: LaunchContext) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """
    Return the remappings of the node's inputs, and the parameter image_transport if given.

    An image topic may end with /compressed. If `image` is given and `camera_info` is not, the
    node itself subscribes to camera_info beside the image.

    Raises:
        AffectError: A topic is invalid, or the arguments image and transport contradict each
            other.
    """
    camera = CAMERAS[text(context, 'camera')]
    image, info = text(context, 'image'), text(context, 'camera_info')
    transport = text(context, 'transport')
    if image.endswith(COMPRESSED):
        check_topic('image', image, transport)
        image, transport = image.removesuffix(COMPRESSED), 'compressed'
    elif not image:
        image, info = camera.image, info or camera.camera_info
    for name in ('image', 'camera_info', 'depth', 'tracked'):
        if topic := text(context, name):
            check_topic(name, topic)
    remappings = [('image', image), ('camera_info', info), ('depth', text(context, 'depth')),
                  ('/humans/faces/tracked', text(context, 'tracked'))]
    if '/' in image and info and full_name(context, info) == full_name(context, 'camera_info'):
        # The node does not notice camera_info remapped to itself, and takes that of the image.
        remappings.append((f"{image.rpartition('/')[0]}/camera_info", info))
    return ([(name, topic) for name, topic in remappings if topic],
            {'image_transport': transport} if transport else {})
