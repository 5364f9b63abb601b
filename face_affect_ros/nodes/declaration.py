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

"""Declare the parameters of a table in a node, and check what the user gave."""

from collections.abc import Mapping

from face_affect_ros.affect.types import AffectError
from face_affect_ros.nodes.spec import hint, Spec
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node


def descriptor_of(spec: Spec, *, read_only: bool) -> ParameterDescriptor:
    """Return what rclpy needs to check the parameter and `ros2 param describe` shows."""
    descriptor = ParameterDescriptor(description=spec.description, read_only=read_only,
                                     dynamic_typing=spec.loose)
    if spec.choices:
        descriptor.additional_constraints = 'one of: ' + ', '.join(spec.choices)
    if spec.bounds and isinstance(spec.default, float):
        descriptor.floating_point_range = [FloatingPointRange(
            from_value=spec.bounds[0], to_value=spec.bounds[1], step=0.0)]
    elif spec.bounds:
        descriptor.integer_range = [IntegerRange(
            from_value=int(spec.bounds[0]), to_value=int(spec.bounds[1]), step=1)]
    return descriptor


def declare(node: Node, specs: Mapping[str, Spec], *, fixed: bool) -> None:
    """
    Declare parameters and check the values that were given.

    fixed: what is not live is read-only, for nodes that cannot be configured anew. Raises
    AffectError for a wrong type or a value not among the choices, and lets rclpy raise for one
    out of range.
    """
    for name, spec in specs.items():
        descriptor = descriptor_of(spec, read_only=fixed and not spec.live)
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
    return [f"unknown parameter '{name}'{hint(name, tuple(specs))}" for name in sorted(given)
            if not node.has_parameter(name) and not name.startswith('qos_overrides.')]


def refuse_unknown(node: Node, specs: Mapping[str, Spec]) -> None:
    """Raise AffectError where the user gave parameters that this node does not have."""
    complaints = unknown_overrides(node, specs)
    if complaints:
        raise AffectError(f"{'; '.join(complaints)}; known ones: {', '.join(specs)}")
