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
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.parameter import Parameter


def descriptor_of(spec: Spec, *, read_only: bool) -> ParameterDescriptor:
    """Return what rclpy needs to check the parameter and `ros2 param describe` shows."""
    descriptor = ParameterDescriptor(description=spec.description, read_only=read_only,
                                     dynamic_typing=spec.dynamic_typing)
    constraints = ['one of: ' + ', '.join(spec.choices)] if spec.choices else []
    if spec.once:
        constraints.append('read once, when the node starts')
    descriptor.additional_constraints = '; '.join(constraints)
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

    fixed: what is not live is read-only, for nodes that cannot be configured anew. An integer is
    taken for a float, here and when the parameter is set. Raises AffectError for a wrong type or a
    value not among the choices, and lets rclpy raise for one out of range.
    """
    given = getattr(node, '_parameter_overrides', {})
    for name in specs.keys() & given.keys():
        given[name] = _converted(given[name], specs[name])
    _accept_what_is(node, specs)
    for name, spec in specs.items():
        descriptor = descriptor_of(spec, read_only=fixed and not spec.live)
        try:
            value = node.declare_parameter(name, spec.value, descriptor).value
        except InvalidParameterTypeException as error:
            raise AffectError(
                f"parameter '{name}' has a value of a wrong type; it is a "
                f'{type(spec.value).__name__} like {spec.value!r}') from error
        problem = spec.problem_with(value)
        if problem:
            raise AffectError(f"parameter '{name}': {problem}")


def _converted(parameter: Parameter, spec: Spec) -> Parameter:
    """Return a parameter with a float in place of an integer, where the spec is one of floats."""
    if isinstance(spec.default, float) and parameter.type_ == Parameter.Type.INTEGER:
        return Parameter(parameter.name, value=float(parameter.value))
    return parameter


def _is_value_of(node: Node, parameter: Parameter) -> bool:
    """Return whether a node's parameter has this value already."""
    if not node.has_parameter(parameter.name):
        return False
    own = node.get_parameter(parameter.name)
    return bool(own.type_ == parameter.type_ and own.value == parameter.value)


def _accept_what_is(node: Node, specs: Mapping[str, Spec]) -> None:
    """
    Let the services of a node set its parameters to the values that they have.

    rclpy refuses that for read-only ones, of which each node has some of its own: `ros2 param
    load` of what `ros2 param dump` wrote would fail.
    """
    set_atomically = node.set_parameters_atomically

    def set_changed(parameters: list[Parameter]) -> SetParametersResult:
        converted = [_converted(each, specs[each.name]) if each.name in specs else each
                     for each in parameters]
        changed = [each for each in converted if not _is_value_of(node, each)]
        return set_atomically(changed) if changed else SetParametersResult(successful=True)

    node.set_parameters_atomically = set_changed


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
