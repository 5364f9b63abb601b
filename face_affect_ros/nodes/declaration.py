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

"""Declare the parameters of a table in a node; check parameters and files of the user."""

from collections.abc import Callable, Iterator, Mapping, Sequence
import difflib
import functools
from itertools import takewhile
from pathlib import Path
import re
import sys
from typing import Any

from face_affect_ros.affect.types import AffectError, hint
from face_affect_ros.nodes.parameters import Spec
from face_affect_ros.paths import shown
from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    ParameterType,
    SetParametersResult,
)
from rcl_interfaces.srv import SetParameters, SetParametersAtomically
from rclpy.exceptions import InvalidParameterTypeException
from rclpy.node import Node
from rclpy.parameter import Parameter
import yaml

#: Key of a node's parameters in a parameter file.
SECTION = 'ros__parameters'
#: Similarity from which a name is taken for a misspelt one of this node, not that of another node.
MISSPELT = 0.8


def descriptor_of(spec: Spec, *, read_only: bool) -> ParameterDescriptor:
    """Return the descriptor with which rclpy checks a parameter and `ros2 param` describes it."""
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


def overrides_of(node: Node) -> dict[str, Parameter]:
    """Return the parameters that the user gave; rclpy has no public name for them."""
    return getattr(node, '_parameter_overrides', {})


def declare(node: Node, specs: Mapping[str, Spec], *, fixed: bool) -> None:
    """
    Declare parameters and check the values that the user gave.

    An integer is accepted for a float, here and when the parameter is set.

    Args:
        node: Node that declares the parameters.
        specs: By name.
        fixed: Whether parameters that are not live are read-only and unknown ones an error, for
            nodes that cannot be configured again.

    Raises:
        AffectError: A value is missing, has a wrong type or is not among the choices, or the user
            gave a parameter that this node does not have.
        rclpy.exceptions.InvalidParameterValueException: A value is out of range.
    """
    given = overrides_of(node)
    for name in specs.keys() & given.keys():
        given[name] = _converted(given[name], specs[name])
    _accept_unchanged(node, specs)
    _refuse_unknown_types(node)
    for name, spec in specs.items():
        descriptor = descriptor_of(spec, read_only=fixed and not spec.live)
        try:
            value = node.declare_parameter(name, spec.value, descriptor).value
        except InvalidParameterTypeException as error:
            raise AffectError(
                f"parameter '{name}' has a value of the wrong type; it must be a "
                f'{type(spec.value).__name__} such as {spec.value!r}') from error
        if value is None:   # rcl does not know the type of an empty list
            raise AffectError(f"parameter '{name}' has no value; it must be a "
                              f'{type(spec.value).__name__} such as {spec.value!r}')
        problem = spec.problem_with(value)
        if problem:
            raise AffectError(f"parameter '{name}': {problem}")
    unknown = unknown_overrides(node, specs) if fixed else ''
    if unknown:
        raise AffectError(f"{unknown}; known ones: {', '.join(specs)}")


def _converted(parameter: Parameter, spec: Spec) -> Parameter:
    """Return a parameter with a float in place of an integer, if the spec has a float."""
    if isinstance(spec.default, float) and parameter.type_ == Parameter.Type.INTEGER:
        return Parameter(parameter.name, value=float(parameter.value))
    return parameter


def _accept_unchanged(node: Node, specs: Mapping[str, Spec]) -> None:
    """
    Let the services of a node set parameters to the values that they have already.

    rclpy refuses that for read-only ones, so that `ros2 param load` of the output of `ros2 param
    dump` would fail. It does not name unknown parameters (7.1.6).
    """
    set_atomically = node.set_parameters_atomically

    def set_changed(parameters: list[Parameter]) -> SetParametersResult:
        converted = [_converted(each, specs[each.name]) if each.name in specs else each
                     for each in parameters]
        for each in converted:
            if each.type_ == Parameter.Type.NOT_SET:
                return SetParametersResult(successful=False, reason=(
                    f"parameter '{each.name}' has no value of a type in "
                    'rcl_interfaces/msg/ParameterType'))
            if not (node.has_parameter(each.name) or node._allow_undeclared_parameters):
                return SetParametersResult(successful=False, reason=(
                    f"unknown parameter '{each.name}'{hint(each.name, specs)}"))
        changed = [each for each in converted if not (
            node.has_parameter(each.name) and
            node.get_parameter(each.name).to_parameter_msg() == each.to_parameter_msg())]
        return set_atomically(changed) if changed else SetParametersResult(successful=True)

    node.set_parameters_atomically = set_changed


def _refuse_unknown_types(node: Node) -> None:
    """
    Let the services of a node refuse values whose type is not one of ParameterType.

    rclpy (7.1.6) raises ValueError into the executor instead, which ends the process.
    """
    types = {each.value for each in Parameter.Type}

    def answer(change: Callable[[Any, Any], Any], request: Any, response: Any) -> Any:
        for each in request.parameters:
            if each.value.type not in types:   # refused by _accept_unchanged
                each.value.type = ParameterType.PARAMETER_NOT_SET
        return change(request, response)

    for service in node.services:
        if service.srv_type in (SetParameters, SetParametersAtomically):
            service.callback = functools.partial(answer, service.callback)


def unknown_overrides(node: Node, specs: Mapping[str, Spec]) -> str:
    """
    Return an error about parameters that the user gave and this node does not have, '' for none.

    rclpy ignores such parameters silently, a misspelt one for example. Those that are not in a
    section of a parameter file for this node alone may be for other nodes: `-p`, SetParameter of
    a launch file and sections for all nodes give them to each node. Unless they are similar to one
    of this node, they are only logged.
    """
    given = overrides_of(node)
    unknown = [name for name in sorted(given)
               if not node.has_parameter(name) and not name.startswith('qos_overrides.')]
    own = _given_to(node.get_fully_qualified_name(), sys.argv) if unknown else set()
    others = [name for name in unknown if name.split('.')[0] not in own
              and not difflib.get_close_matches(name, specs, 1, MISSPELT)]
    for name in others:
        node.get_logger().warning(f"unknown parameter '{name}' is ignored; it may be for another "
                                  'node')
    return '; '.join(f"unknown parameter '{name}'{hint(name, specs)}" for name in unknown
                     if name not in others)


def unmatched_files(arguments: Sequence[str], node: str) -> list[str]:
    """
    Return a warning for each parameter file that has no section for a node; rcl ignores it.

    arguments: of the process, --params-file FILE among them. node: fully qualified name.
    """
    return [text for file in _files(arguments) if (text := unmatched_file(file, node))]


def _files(arguments: Sequence[str]) -> list[Path]:
    return [Path(file) for flag, file in zip(arguments, arguments[1:]) if flag == '--params-file']


def _given_to(node: str, arguments: Sequence[str]) -> set[str]:
    """Return the parameters that files give to this node alone, without what follows a dot."""
    # launch_ros writes the values that a launch file gives to one node to /**, too
    return {str(name).split('.')[0] for file in _files(arguments)
            for section, values in sections_of(content_of(file))
            if (section.rpartition('/')[2] not in ('*', '**')
                or file.name.startswith('launch_params_'))
            and re.fullmatch(_pattern(section), node) and isinstance(values, dict)
            for name in values}


def ignored_arguments(arguments: Sequence[str]) -> list[str]:
    """Return a warning about arguments before --ros-args: the nodes have none of their own."""
    words = list(takewhile(lambda word: word != '--ros-args', arguments))
    if all(':=' in word for word in words):   # remappings in the old form, which rcl reports
        return []
    return [f"arguments '{shown(' '.join(words))}' are not after --ros-args and have no effect, "
            'except for remappings: put --ros-args before parameters, parameter files and log '
            'levels']


def unmatched_file(file: Path, node: str, *, composed: bool = False) -> str:
    """
    Return a warning about a file without a section for a node, '' if it has one.

    composed: whether the node is in a container. Its files are read by launch_ros, which
    also applies those without sections.
    """
    content = content_of(file)
    if content is None:
        return ''
    names = [name for name, _ in sections_of(content)]
    if any(re.fullmatch(_pattern(name), node) for name in names) or composed and not names:
        return ''
    there = f'only for {", ".join(names)}' if names else 'for none'
    return (f'parameter file {file} has no section for {node}, {there}, and is ignored: begin it '
            f"with '/**:' or '{node}:'")


def content_of(file: Path) -> Any:
    """Return the content of a parameter file, None if it cannot be read; rcl reports that."""
    if not file.is_file():   # missing, or a pipe, which rcl has read
        return None
    try:
        return yaml.safe_load(file.read_text(encoding='utf-8')) or {}
    except (OSError, ValueError, yaml.YAMLError):
        return None


def sections_of(content: Any, path: str = '') -> Iterator[tuple[str, Any]]:
    """Yield the sections of a file: name of the node, with its namespace, and parameters."""
    if not isinstance(content, dict):
        return
    for key, value in content.items():
        if key == SECTION:
            yield path, value
        else:
            yield from sections_of(value, f'{path}/{str(key).strip("/")}')


def _pattern(name: str) -> str:
    """Return a section's name as a regular expression; its wildcards are * and **."""
    return ''.join('(/[^/]+)*' if token == '**' else '/' + re.escape(token).replace(
        r'\*', '[^/]*') for token in name.strip('/').split('/'))
