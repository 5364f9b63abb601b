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
Write the tables of parameters into docs/nodes/*.md, each node's into its page.

Run it in the environment (`. tools/env.sh`) after a parameter has changed; a test compares.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
import re
import sys

FOLDER = Path(__file__).resolve().parents[1] / 'docs' / 'nodes'
#: Module with the table PARAMETERS, by the node's name.
NODES = {
    'face_affect': 'face_affect_ros.nodes.parameters',
    'camera_player': 'face_affect_ros.nodes.player_parameters',
    'bag_player': 'face_affect_ros.nodes.bag_player',
    'face_affect_container': 'face_affect_ros.nodes.container',
    'humans_merger': 'face_affect_ros.nodes.humans_merger',
    'greeter': 'face_affect_ros.behaviours.greeter',
}
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


def topics(text: str) -> Mapping[str, tuple[str, str]]:
    """Return (type, quality) by the name of each topic, service and action in a page's tables."""
    rows = re.findall(r'^\| `([^`]+)` \| (\S+/\S+) \|([^|]*)\|', text, re.MULTILINE)
    return {name: (kind, quality.strip()) for name, kind, quality in rows}


def main() -> int:
    """Write all tables."""
    from face_affect_ros.nodes.spec import table
    for node, module in NODES.items():
        path = page(node)
        path.write_text(with_table(path.read_text(), table(import_module(module).PARAMETERS)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
