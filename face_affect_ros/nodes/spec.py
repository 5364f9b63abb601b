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

"""What a parameter is: default, description and range in one place, checked in one way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import difflib
from typing import Any

from face_affect_ros.affect.types import AffectError
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node


@dataclass(frozen=True)
class Spec:
    """
    One parameter.

    default: its value and, by its type, its type. bounds: smallest and largest value. choices:
    the values it may have. live: whether a change takes effect while the node runs. loose: a
    value of another type is taken for its text, so that the camera 0 may be given as a number.
    """

    default: bool | int | float | str
    description: str
    bounds: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    live: bool = False
    loose: bool = False

    def problem_with(self, value: Any) -> str:
        """Return why a value of the right type is refused, '' if it is not."""
        if self.choices and value not in self.choices:
            return f"'{value}' is not one of {', '.join(self.choices)}{_hint(value, self.choices)}"
        if self.bounds and not self.bounds[0] <= value <= self.bounds[1]:
            return f'{value} is outside of {self.bounds[0]} to {self.bounds[1]}'
        return ''

    def descriptor(self, *, read_only: bool) -> ParameterDescriptor:
        """Return what rclpy needs to check the parameter and `ros2 param describe` shows."""
        descriptor = ParameterDescriptor(description=self.description, read_only=read_only,
                                         dynamic_typing=self.loose)
        if self.choices:
            descriptor.additional_constraints = 'one of: ' + ', '.join(self.choices)
        if self.bounds and isinstance(self.default, float):
            descriptor.floating_point_range = [FloatingPointRange(
                from_value=self.bounds[0], to_value=self.bounds[1], step=0.0)]
        elif self.bounds:
            descriptor.integer_range = [IntegerRange(
                from_value=int(self.bounds[0]), to_value=int(self.bounds[1]), step=1)]
        return descriptor


def declare(node: Node, specs: Mapping[str, Spec], *, fixed: bool) -> None:
    """
    Declare parameters and check the values that were given.

    fixed: what is not live is read-only, for nodes that cannot be configured anew. Raises
    AffectError for a wrong type or a value not among the choices, and lets rclpy raise for one
    out of range.
    """
    for name, spec in specs.items():
        descriptor = spec.descriptor(read_only=fixed and not spec.live)
        try:
            value = node.declare_parameter(name, spec.default, descriptor).value
        except InvalidParameterTypeException as error:
            raise AffectError(
                f"parameter '{name}' has a value of a wrong type; it is a "
                f'{type(spec.default).__name__} like {spec.default!r}') from error
        problem = spec.problem_with(value)
        if problem:
            raise AffectError(f"parameter '{name}': {problem}")


def unknown_overrides(node: Node, specs: Mapping[str, Spec]) -> list[str]:
    """
    Return a complaint for each parameter that the user gave and this node does not have.

    rclpy ignores such parameters silently, so that a misspelt one would have no effect unseen.
    """
    given = getattr(node, '_parameter_overrides', {})
    return [f"unknown parameter '{name}'{_hint(name, tuple(specs))}" for name in sorted(given)
            if not node.has_parameter(name) and not name.startswith('qos_overrides.')]


def refuse_unknown(node: Node, specs: Mapping[str, Spec]) -> None:
    """Raise AffectError where the user gave parameters that this node does not have."""
    complaints = unknown_overrides(node, specs)
    if complaints:
        raise AffectError(f"{'; '.join(complaints)}; known ones: {', '.join(specs)}")


def table(specs: Mapping[str, Spec]) -> str:
    """Return parameters as a Markdown table."""
    rows = ['| parameter | default | range | live | |', '| --- | --- | --- | --- | --- |']
    for name, spec in specs.items():
        bounds = f'{spec.bounds[0]:g} to {spec.bounds[1]:g}' if spec.bounds else ''
        rows.append(f"| `{name}` | `{spec.default!r}` | {bounds or ', '.join(spec.choices)} | "
                    f"{'live' if spec.live else ''} | {spec.description} |")
    return '\n'.join(rows)


def _hint(word: Any, words: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(word), words, 1)
    return f"; did you mean '{close[0]}'?" if close else ''
