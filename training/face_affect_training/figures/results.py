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

"""Result files in JSON, and the elements of Markdown pages."""

from collections.abc import Iterable, Sequence
import json
from pathlib import Path
import re
import textwrap
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.paths import replaced

#: Columns of a page.
WIDTH = 100


def write(path: Path, record: dict[str, Any]) -> None:
    """Write a JSON file; numbers have six digits, and flat lists and mappings are on one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rounded = json.loads(json.dumps(record, allow_nan=False),
                         parse_float=lambda digits: float(f'{float(digits):.6g}'))
    text = json.dumps(rounded, indent=1)
    text = re.sub(r'([\[{])\s*\n\s*([^\[\]{}]*?)\s*\n\s*([\]}])', lambda found: (
        found[1] + re.sub(r'\s*\n\s*', ' ', found[2]) + found[3]), text)
    with replaced(path) as new:
        new.write_text(text + '\n', encoding='utf-8')


class _Record(dict[str, Any]):
    """The content of a result file; AffectError for an entry that it does not have."""

    def __init__(self, content: Any, path: Path, command: str) -> None:
        super().__init__(content)
        self._path, self._command = path, command

    def __missing__(self, key: str) -> Any:
        raise AffectError(f"{self._path}: the entry '{key}' is missing; make it again with: "
                          f'{self._command}')


def read(folder: Path, name: str, command: str) -> dict[str, Any]:
    """Return the content of NAME.json; AffectError, with the command that makes it, without."""
    path = folder / f'{name}.json'
    try:
        return _Record(json.loads(path.read_text(encoding='utf-8-sig')), path, command)
    except FileNotFoundError:
        raise AffectError(f'{path} does not exist; make it with: {command}') from None
    except (OSError, ValueError, TypeError) as error:
        raise AffectError(f'{path}: cannot be read: {error}; make it again with: {command}'
                          ) from error


def table(header: Sequence[str], rows: Iterable[Sequence[str | float | None]]) -> str:
    """
    Return a Markdown table; columns of numbers are right-aligned.

    An integer is shown as '58,423', a float as '63.6 %', None as '—'.
    """
    texts = [[cell if isinstance(cell, str) else f'{cell:,}' if isinstance(cell, int) else
              percent(cell) for cell in row] for row in rows]
    words = [any(cell.strip('*')[:1].isalpha() or cell[:1] == '[' for cell in column)
             for column in zip(*texts)]
    return '\n'.join([f"| {' | '.join(header)} |",
                      f"|{'|'.join(' --- ' if each else ' ---: ' for each in words)}|",
                      *(f"| {' | '.join(row)} |" for row in texts)])


def wrapped(*parts: str) -> str:
    """Return a Markdown page with wrapped paragraphs and lists, not tables, headings and code."""
    return '\n\n'.join(
        block if block.startswith(('|', '#', '```')) else '\n'.join(
            textwrap.fill(' '.join(item.split()), WIDTH, break_long_words=False,
                          break_on_hyphens=False, subsequent_indent='  ' * item.startswith('- '))
            for item in re.split(r'\n(?=- )', block))
        for block in re.split(r'\n{2,}', '\n\n'.join(parts).strip('\n'))) + '\n'


def percent(value: float | None) -> str:
    """Return a fraction as '63.6 %'."""
    return '—' if value is None else f'{100.0 * value:.1f} %'


def command(line: str) -> str:
    """Return a code block of a command line; a long one is continued with a backslash."""
    lines = textwrap.wrap(line, WIDTH - 6, break_long_words=False, break_on_hyphens=False)
    return '\n'.join(('```', ' \\\n    '.join(lines), '```'))
