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

"""Parameter files: whether one says anything about a node."""

from collections.abc import Iterator, Sequence
from pathlib import Path
import re
from typing import Any

import yaml

SECTION = 'ros__parameters'


def unmatched_files(arguments: Sequence[str], node: str) -> list[str]:
    """
    Return a complaint for each parameter file on a command line that has no section for a node.

    rcl ignores such files silently. arguments: of the process, --params-file FILE among them.
    node: its fully qualified name.
    """
    files = [file for flag, file in zip(arguments, arguments[1:]) if flag == '--params-file']
    return [complaint for file in files if (complaint := unmatched_file(Path(file), node))]


def unmatched_file(file: Path, node: str) -> str:
    """Return the complaint about a file without a section for a node, '' where it has one."""
    try:
        content = yaml.safe_load(file.read_text(encoding='utf-8'))
    except (OSError, ValueError, yaml.YAMLError):
        return ''   # rcl's own complaint is to the point
    names = list(_sections(content))
    if any(re.fullmatch(_pattern(name), node) for name in names):
        return ''
    there = f'only for {", ".join(names)}' if names else 'for none'
    return (f'parameter file {file} has no section for {node}, {there}, and is ignored: begin it '
            f"with '/**:' or '{node}:'")


def _sections(content: Any, path: str = '') -> Iterator[str]:
    """Yield the names that a file has sections for: those of nodes, with their namespaces."""
    if not isinstance(content, dict):
        return
    for key, value in content.items():
        if key == SECTION:
            yield path
        else:
            yield from _sections(value, f'{path}/{str(key).strip("/")}')


def _pattern(name: str) -> str:
    """Return a section's name as a regular expression; its wildcards are * and **."""
    return ''.join('(/[^/]+)*' if token == '**' else '/' + re.escape(token).replace(
        r'\*', '[^/]*') for token in name.strip('/').split('/'))
