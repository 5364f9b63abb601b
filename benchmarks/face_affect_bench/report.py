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

"""The results, as a page that a person reads and as files."""

import json
from pathlib import Path
from typing import Any

from face_affect_bench.timing import Row


def page(results: dict[str, Any]) -> str:
    """Return the Markdown page of a run, as __main__ writes it to JSON."""
    parts = ['# What it costs', 'Written by `make bench`, see [Speed](../performance.md). CPU is '
             'processor time, which a busy machine disturbs less than wall time. Below each table '
             'stand its command, date, commit and the load of the machine, and what differs from '
             'the machine below where it was another one.',
             table([{'': key, 'value': value} for key, value in results['machine'].items()])]
    for section in results['sections'].values():
        others = [f'{key}: {value}' for key, value in section['machine'].items()
                  if value != results['machine'].get(key)]
        parts += [f'## {section["title"]}', section['about'], table(section['rows']),
                  f'({"; ".join([section["measured"], *others])})']
    return '\n\n'.join(filter(None, parts)) + '\n'


def table(rows: list[Row]) -> str:
    """Return rows as a Markdown table; its columns are all keys in the order of first use."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [f'| {" | ".join(columns)} |', '|' + ' --- |' * len(columns)]
    lines += [f'| {" | ".join(_cell(row.get(column)) for column in columns)} |' for row in rows]
    return '\n'.join(lines) if rows else ''


def _cell(value: Any) -> str:
    if value is None:
        return ''
    return f'{value:.3g}' if isinstance(value, float) and abs(value) < 100 else (
        f'{value:.0f}' if isinstance(value, float) else str(value).replace('|', '/'))


def keep(told: Any, out: Path | None) -> str:
    """Return figures as JSON, and write them into a file where one is named."""
    text = json.dumps(told, indent=1)
    if out:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + '\n')
    return text
