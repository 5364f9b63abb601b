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

"""Command line options of the pipeline, one for each of its settings."""

import argparse
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeAlias

from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import AffectError
from face_affect_ros.nodes.parameters import PARAMETERS, problem_with, Spec
from face_affect_ros.paths import expanded, is_url

Options: TypeAlias = 'argparse.ArgumentParser | argparse._ArgumentGroup'


def add_pipeline_options(parser: argparse.ArgumentParser, **defaults: object) -> None:
    """Add an option for each field of PipelineSettings; `defaults` replace those of fields."""
    group = parser.add_argument_group('pipeline')
    for each in fields(PipelineSettings):
        spec, default = PARAMETERS[each.name], defaults.get(each.name, each.default)
        if isinstance(default, bool):
            group.add_argument(_option(each.name), default=default, help=_help_of(spec),
                               action=argparse.BooleanOptionalAction)
        else:
            group.add_argument(_option(each.name), default=default, type=type(each.default),
                               metavar=each.name.split('_')[-1].upper(),
                               choices=spec.choices or None, help=_help_of(spec))


def settings_from(arguments: argparse.Namespace) -> PipelineSettings:
    """Return the chosen settings; AffectError for values that the node refuses."""
    values: dict[str, Any] = {each.name: getattr(arguments, each.name)
                              for each in fields(PipelineSettings)}
    for name, value in values.items():
        problem = problem_with({name: value})
        if problem:
            raise AffectError(problem.replace(f"parameter '{name}'", _option(name)))
    return PipelineSettings(**values)


def add_option(parser: Options, name: str, spec: Spec, *, metavar: str) -> None:
    """Add a numeric option; check_option refuses values outside of its range."""
    parser.add_argument(name, type=type(spec.default), default=spec.default, metavar=metavar,
                        help=_help_of(spec))


def check_option(name: str, spec: Spec, value: float) -> None:
    """Raise AffectError for a value outside of the range, including NaN."""
    if spec.problem_with(value):
        assert spec.bounds is not None
        raise AffectError(f'{name} is {value}; it must be from {spec.bounds[0]:g} to '
                          f'{spec.bounds[1]:g}')


def filled(what: str) -> Callable[[str], str]:
    """Return a type for argparse that refuses an empty text, as of an unset variable."""
    def check(text: str) -> str:
        if not text:
            raise argparse.ArgumentTypeError(f'it is empty; give {what}')
        return text
    return check


#: The type of the name of a file or folder.
file_name = filled('the name of a file or folder')


def local_name(text: str) -> str:
    """Return the name of a file or folder to write on this machine; refuses a URL."""
    if is_url(file_name(text)):
        raise argparse.ArgumentTypeError(f'{text} is a URL; give the name of a file or folder on '
                                         'this machine')
    return text


def file_path(text: str) -> Path:
    """Return the path of a file or folder to write, see local_name."""
    return expanded(local_name(text))


def _help_of(spec: Spec) -> str:
    """Return description, range and default of a parameter as help text for argparse."""
    bounds = f' From {spec.bounds[0]:g} to {spec.bounds[1]:g}.' if spec.bounds else ''
    return f'{spec.description}{bounds}'.replace('%', '%%') + ' (default: %(default)r)'


def _option(name: str) -> str:
    return '--' + name.replace('_', '-')


def add_results(parser: Any) -> None:
    """Add the argument RESULTS, see archive.reading.parts_of."""
    parser.add_argument('results', metavar='RESULTS', type=file_name, help='folder of '
                        '`analyze --out`, or the JSON lines of analyze or of the demo')
