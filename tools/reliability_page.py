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
Write the tables of docs/results/reliability.md from docs/results/reliability/*.json.

Run it after a benchmark has written its file with --out; a test compares the page.
"""

import json
from pathlib import Path
import re
import sys
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / 'docs' / 'results'
PAGE = FOLDER / 'reliability.md'
NOT_YET = 'not measured yet'


def figures(name: str) -> Any:
    """Return the results of a benchmark, None if its file is missing."""
    path = FOLDER / 'reliability' / f'{name}.json'
    return json.loads(path.read_text()) if path.is_file() else None


def restart_table(data: dict[str, Any]) -> list[str]:
    """Return the rows of benchmarks/restart.py."""
    names = {'first result': 'start to first result, also after SIGKILL',
             'SIGINT': 'SIGINT to the end of the process',
             'SIGTERM': 'SIGTERM to the end of the process'}
    return ['| at 30 images per second | runs | median [s] | maximum [s] |', '| --- ' * 4 + '|',
            *(f'| {text} | {data[name]["times"]} | {data[name]["median"]} | '
              f'{data[name]["largest"]} |' for name, text in names.items())]


def cycles_table(data: list[dict[str, Any]]) -> list[str]:
    """Return the rows of benchmarks/cycles.py: first, middle and last."""
    rows = [data[0], data[len(data) // 2], data[-1]]
    return ['| after cycle | memory [MB] | threads | files |', '| --- ' * 4 + '|',
            *(f'| {each["cycle"]} | {each["memory"]} | {each["threads"]} | {each["files"]} |'
              for each in rows),
            '', f'Memory between {min(each["memory"] for each in data)} and '
            f'{max(each["memory"] for each in data)} MB.']


def soak_table(data: dict[str, Any]) -> list[str]:
    """Return the rows of benchmarks/soak.py."""
    names = ('sent', 'received', 'results', 'dropped', 'refused', 'lost')
    growth = data['growth in MB after the first quarter']
    last = data['usage'][-1]
    return ['| images | seconds | ' + ' | '.join(names) + ' | consistent | growth [MB] '
            '| memory [MB] | threads | files |', '| --- ' * (len(names) + 7) + '|',
            f'| {data["kind"]} | {data["seconds"]:.0f} | '
            + ' | '.join(str(data[name]) for name in names)
            + f' | {"yes" if data["adds up"] else "NO"} | {growth} | {last["memory"]} | '
            f'{last["threads"]} | {last["files"]} |']


def tracks_table(data: dict[str, Any]) -> list[str]:
    """Return the rows of benchmarks/tracks.py about ids."""
    first = next(iter(data.values()))
    lengths = [each['seconds'] for each in first['occlusions']]
    return ['| clip | people, tracks, swaps | ' + ' | '.join(
        f'ids kept, hidden for {each:g} s' for each in lengths) + ' | tracks ended, people gone |',
        '| --- ' * (len(lengths) + 3) + '|',
        *(f'| {name} | {each["people"]}, {each["tracks"]}, {each["swaps"]} | ' + ' | '.join(
            f'{case["kept their id"]} of {case["people hidden"]}, {case["swaps"]} swaps'
            for case in each['occlusions'])
          + f' | {each["left"]["tracks ended"]} of {each["left"]["people"]} |'
          for name, each in data.items())]


def labels_table(data: dict[str, Any]) -> list[str]:
    """Return the rows of benchmarks/tracks.py about labels."""
    rows = ['| clip | label changes per track and minute | with smoothing | annotated faces '
            '| correct | unknown | wrong |', '| --- ' * 7 + '|']
    for name, each in data.items():
        raw, smoothed = each['labels without smoothing'], each['labels']
        counts = ' | '.join(str(smoothed[key]) for key in ('judged', 'right', 'unknown', 'wrong'))
        rows.append(f'| {name} | {raw["per track and minute"]} '
                    f'| {smoothed["per track and minute"]} | {counts} |')
    return rows


def fuzz_table(data: dict[str, Any]) -> list[str]:
    """Return the rows of the fuzzers."""
    rows = ['| target | coverage-guided: minutes | inputs | inputs of hypothesis | findings |',
            '| --- ' * 5 + '|']
    for name, each in data.items():
        rows.append(f'| {name} | {each["minutes"]} | {each["guided"]} | {each["varied"]} | '
                    f'{each["found"]} |')
    total = [sum(each[key] for each in data.values()) for key in ('minutes', 'guided', 'varied')]
    return [*rows, f'| all | {total[0]} | {total[1]} | {total[2]} | |']


#: Tables by their names in the page: file of the results, function that returns the rows.
TABLES = {
    'restart': ('restart', restart_table), 'cycles': ('cycles', cycles_table),
    'soak in step': ('soak_frames', soak_table), 'soak at a rate': ('soak_rate', soak_table),
    'tracks': ('tracks', tracks_table), 'labels': ('tracks', labels_table),
    'fuzz': ('fuzz', fuzz_table)}


def filled(text: str) -> str:
    """Return the page with all tables replaced; ValueError if a place is missing."""
    for name, (file, rows) in TABLES.items():
        data = figures(file)
        table = '\n'.join(rows(data)) if data is not None else NOT_YET
        text, count = re.subn(rf'(<!-- {name} -->\n).*?(<!-- end -->)',
                              lambda found, table=table: f'{found[1]}{table}\n{found[2]}',
                              text, count=1, flags=re.DOTALL)
        if not count:
            raise ValueError(f"{PAGE}: the comments that enclose the table '{name}' are missing")
    return text


def main() -> int:
    """Write all tables."""
    PAGE.write_text(filled(PAGE.read_text()))
    return 0


if __name__ == '__main__':
    sys.exit(main())
