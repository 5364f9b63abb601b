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
Write the generated parts of the documentation, and config/default.yaml.

These are the parameters in docs/nodes/*.md and the columns in docs/tables.md. Run it in the
environment (`. tools/env.sh`) after a change of either; tests compare the files.
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
    from face_affect_ros.nodes.parameters import Spec

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / 'docs' / 'nodes'
TABLES = ROOT / 'docs' / 'tables.md'
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
PART = re.compile(r'(<!-- (?:parameters|columns): .*? -->\n).*?(<!-- end of \w+ -->)', re.DOTALL)
WIDTH = 100


def page(node: str) -> Path:
    """Return the path of a node's page."""
    return FOLDER / f'{node}.md'


def with_list(text: str, entries: str) -> str:
    """
    Replace the generated part of a page.

    Args:
        text: The page.
        entries: The new part, Markdown without a final newline.

    Returns:
        The page with the new part.

    Raises:
        ValueError: The page lacks the two HTML comments that enclose the generated part.
    """
    found = PART.search(text)
    if not found:
        raise ValueError('the page lacks the HTML comments that enclose the generated part')
    return f'{text[:found.end(1)]}{entries}\n{text[found.start(2):]}'


def item(name: str, notes: list[str], text: str) -> str:
    """Return an item of a Markdown list: name, its notes in parentheses, text."""
    return textwrap.fill(f"**`{name}`** ({'; '.join(filter(None, notes))}): {text}", WIDTH,
                         initial_indent='- ', subsequent_indent='  ', break_long_words=False,
                         break_on_hyphens=False)


def parameters(specs: Mapping[str, 'Spec']) -> str:
    """Return a node's parameters as a Markdown list."""
    items = []
    for name, spec in specs.items():
        bounds = f'{spec.bounds[0]:g} to {spec.bounds[1]:g}' if spec.bounds else ''
        when = 'live' if spec.live else 'at start' if spec.once else ''
        default = yaml.safe_dump(spec.value, default_flow_style=True, width=1000).split('\n')[0]
        items.append(item(name, [f'`{default}`', bounds or ', '.join(spec.choices), when],
                          spec.description))
    return '\n'.join(items)


def columns() -> str:
    """Return the columns of the table of faces as a Markdown list."""
    from face_affect_ros.archive.schema import COLUMNS
    return '\n'.join(item(each.name, [f"{each.kind}{' or null' if each.nullable else ''}",
                                      each.unit], each.description) for each in COLUMNS)


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
    """Return (type, quality of service) of each topic, service and action in a page's lists."""
    rows = re.findall(r'^- \*\*`([^`]+)`\*\* \((\w+/\w+/\w+)(?:;\s([^)]*))?\)', text,
                      re.MULTILINE)
    return {name: (kind, ' '.join(quality.split())) for name, kind, quality in rows}


def main() -> int:
    """Write all generated parts and the parameter file."""
    for node, module in NODES.items():
        path = page(node)
        path.write_text(with_list(path.read_text(), parameters(import_module(module).PARAMETERS)))
    TABLES.write_text(with_list(TABLES.read_text(), columns()))
    DEFAULTS.write_text(parameter_file(import_module(NODES['face_affect']).PARAMETERS))
    return 0


if __name__ == '__main__':
    sys.exit(main())
