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

"""Command lines of the benchmarks, and their results as Markdown and JSON."""

import argparse
import inspect
import json
from pathlib import Path
import textwrap
from typing import Any

from face_affect_bench.machine import Row


def page(results: dict[str, Any]) -> str:
    """Return the Markdown page of the content of performance.json."""
    parts = ['# Performance measurements', _wrapped(
        'Processing time, latency and memory, measured by `make bench`; '
        '[performance](../performance.md) describes how. "CPU ms" is processor time, which '
        'depends less on the load of the machine than wall time. "Default settings" are those of '
        'the commit below the table. Below each table are its command, date and commit, the load '
        'of the machine, and the differences of that machine from this one:'),
        table([{'': key, 'value': value} for key, value in results['machine'].items()])]
    for section in results['sections'].values():
        others = [f'{key}: {value}' for key, value in section['machine'].items()
                  if value != results['machine'].get(key)]
        parts += [f'## {section["title"]}', _wrapped(section['about']), table(section['rows']),
                  _wrapped(f'({"; ".join([section["measured"], *others])})')]
    return '\n\n'.join(filter(None, parts)) + '\n'


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def table(rows: list[Row]) -> str:
    """Return a Markdown table; the columns are all keys in the order of first use."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [f'| {" | ".join(columns)} |', '|' + ' --- |' * len(columns)]
    lines += [f'| {" | ".join(_cell(row.get(column)) for column in columns)} |' for row in rows]
    return '\n'.join(lines) if rows else ''


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f'{value:.3g}' if abs(value) < 100 else f'{value:.0f}'
    return '' if value is None else str(value).replace('|', '/')


def parse(description: str, **options: Any) -> argparse.Namespace:
    """Return the command-line arguments: --out, and the options with these defaults."""
    parser = argparse.ArgumentParser(description=inspect.cleandoc(description),
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in options.items():
        parser.add_argument(f'--{name}', type=type(default), default=default,
                            help=f'default: {default}')
    parser.add_argument('--out', type=Path, help='also write the results to this file')
    return parser.parse_args()


def keep(results: Any, out: Path | None) -> None:
    """Print results as JSON, and write them to the file `out` if it is given."""
    text = json.dumps(results, indent=1)
    print(text)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + '\n')
