#!/usr/bin/env python3

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

"""
Write the tables of parameters into docs/nodes/*.md, and config/default.yaml.

Run it in the environment (`. tools/env.sh`) after a parameter has changed; a test compares.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
import re
import sys
import textwrap
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from face_affect_ros.nodes.spec import Spec

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / 'docs' / 'nodes'
DEFAULTS = ROOT / 'config' / 'default.yaml'
#: Module with the table PARAMETERS, by the node's name.
NODES = {
    'face_affect': 'face_affect_ros.nodes.parameters',
    'camera_player': 'face_affect_ros.nodes.camera_player',
    'bag_player': 'face_affect_ros.nodes.bag_player',
    'face_affect_container': 'face_affect_ros.nodes.container',
    'humans_merger': 'face_affect_ros.nodes.humans_merger',
    'greeter': 'face_affect_ros.behaviours.greeter',
}
HEAD = """\
# Written by `python tools/node_pages.py` from face_affect_ros/nodes/parameters.py.
#
# All parameters of the node face_affect, with their defaults. Copy what you change into a file of
# your own and pass it to the launch file: params_file:=/path/to/your.yaml
/**:
  ros__parameters:
"""
PART = re.compile(r'(<!-- parameters: .*? -->\n).*?(<!-- end of parameters -->)', re.DOTALL)


def page(node: str) -> Path:
    """Return the path of a node's page."""
    return FOLDER / f'{node}.md'


def with_table(text: str, table: str) -> str:
    """Return a page's text with this table in its place; ValueError where it has no place."""
    found = PART.search(text)
    if not found:
        raise ValueError('there is no place for the parameters: two HTML comments mark it')
    return f'{text[:found.end(1)]}{table}\n{text[found.start(2):]}'


def parameter_file(specs: Mapping[str, 'Spec']) -> str:
    """Return a parameter file for the node face_affect with all defaults, explained."""
    lines = HEAD.splitlines()
    for name, spec in specs.items():
        text = spec.description
        if spec.bounds:
            text += f' Range: {spec.bounds[0]:g} to {spec.bounds[1]:g}.'
        elif spec.choices:
            text += f" One of: {', '.join(spec.choices)}."
        lines += [f'    # {line}' for line in textwrap.wrap(text, 90, break_long_words=False,
                                                            break_on_hyphens=False)]
        lines.append(f'    {yaml.safe_dump({name: spec.value}).strip()}')
    return '\n'.join(lines) + '\n'


def topics(text: str) -> Mapping[str, tuple[str, str]]:
    """Return (type, quality) by the name of each topic, service and action in a page's tables."""
    rows = re.findall(r'^\| `([^`]+)` \| (\S+/\S+) \|([^|]*)\|', text, re.MULTILINE)
    return {name: (kind, quality.strip()) for name, kind, quality in rows}


def main() -> int:
    """Write all tables and the parameter file."""
    from face_affect_ros.nodes.spec import table
    for node, module in NODES.items():
        path = page(node)
        path.write_text(with_table(path.read_text(), table(import_module(module).PARAMETERS)))
    DEFAULTS.write_text(parameter_file(import_module(NODES['face_affect']).PARAMETERS))
    return 0


if __name__ == '__main__':
    sys.exit(main())
