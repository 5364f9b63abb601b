"""The parameters of `camera_player`, with description, default and range of each."""

import difflib
from dataclasses import dataclass

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node

from face_affect_ros.affect.types import AffectError


@dataclass(frozen=True)
class Spec:
    """One parameter.

    default: its value and, by its type, its type. bounds: smallest and largest value. choices:
    the values it may have. live: whether it may change while the node runs. loose: whether a
    value of another type is taken for its text, so that the camera 0 may be given as a number.
    """

    default: bool | int | float | str
    description: str
    bounds: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    live: bool = False
    loose: bool = False

    def descriptor(self) -> ParameterDescriptor:
        """Return what rclpy needs to check the parameter and `ros2 param describe` shows."""
        descriptor = ParameterDescriptor(description=self.description, read_only=not self.live,
                                         dynamic_typing=self.loose)
        if self.choices:
            descriptor.additional_constraints = 'one of: ' + ', '.join(self.choices)
        if self.bounds and isinstance(self.default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=self.bounds[0], to_value=self.bounds[1], step=0.0)]
        elif self.bounds:
            descriptor.integer_range = [IntegerRange(
                from_value=int(self.bounds[0]), to_value=int(self.bounds[1]), step=1)]
        return descriptor


PARAMETERS: dict[str, Spec] = {
    'source': Spec(
        '', "Picture, folder of pictures, GIF or video, camera ('0', '/dev/video0'); '' is a "
        'portrait that moves slowly.', loose=True),
    'rate': Spec(
        0.0, "Images per second; 0 is the source's own rate, 30 for pictures. A camera is asked "
        'for it once, at the start.', bounds=(0.0, 240.0), live=True),
    'loop': Spec(True, 'Start again at the end.', live=True),
    'exit_at_end': Spec(False, 'End the process at the end of the source.', live=True),
    'min_subscribers': Spec(
        0, 'Begin only when image_raw, compressed or not, has so many subscribers, so that none '
        'misses the start.', bounds=(0, 100)),
    'frame_id': Spec('camera_optical_frame', "Frame of the images' headers.", live=True),
    'width': Spec(
        0, "Pixels; 0 is the source's own width, or follows from the height.", bounds=(0, 8192)),
    'height': Spec(
        0, "Pixels; 0 is the source's own height, or follows from the width.", bounds=(0, 8192)),
    'encoding': Spec('bgr8', 'Encoding of image_raw.', choices=('bgr8', 'rgb8', 'mono8')),
    'compressed': Spec(False, 'Publish JPEG on image_raw/compressed as well.'),
    'jpeg_quality': Spec(
        90, 'Quality of the JPEG, 1 is small, 100 is best.', bounds=(1, 100), live=True),
    'horizontal_fov': Spec(
        60.0, 'Horizontal field of view for camera_info, degrees; 0: not calibrated.',
        bounds=(0.0, 179.0), live=True),
    'reliability': Spec(
        'reliable', 'Reliability of the publishers; reliable matches every subscription.',
        choices=('reliable', 'best_effort')),
}


def declare(node: Node) -> None:
    """Declare all parameters.

    rclpy raises for a value out of range; AffectError for one of a wrong type or not among the
    choices, and for a given parameter that does not exist, which rclpy would ignore.
    """
    for name, spec in PARAMETERS.items():
        try:
            value = node.declare_parameter(name, spec.default, spec.descriptor()).value
        except InvalidParameterTypeException as error:
            kind = type(spec.default).__name__
            raise AffectError(f"parameter '{name}' has a value of a wrong type; it is a {kind} "
                              f'like {spec.default!r}') from error
        if spec.choices and value not in spec.choices:
            raise AffectError(f"parameter '{name}': '{value}' is not one of "
                              f"{', '.join(spec.choices)}{_hint(str(value), spec.choices)}")
    for name in sorted(getattr(node, '_parameter_overrides', {})):
        if not node.has_parameter(name) and not name.startswith('qos_overrides.'):
            raise AffectError(f"unknown parameter '{name}'{_hint(name, tuple(PARAMETERS))}; known "
                              f"ones: {', '.join(PARAMETERS)}")


def _hint(word: str, words: tuple[str, ...]) -> str:
    close = difflib.get_close_matches(word, words, 1)
    return f"; did you mean '{close[0]}'?" if close else ''
