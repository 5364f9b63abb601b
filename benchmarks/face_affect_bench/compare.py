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
Compare the processor time of this tree with that of its merge base.

    make bench-compare
    make bench-compare BASE=HEAD~1 BENCH_ARGS='--rounds 30'

The merge base is checked out to a temporary folder. Both trees run alternately, and the ratios of
their times are evaluated, because load affects both alike. The exit code is 1 if a ratio is above
the limit in three quarters of the rounds.
"""

import argparse
from collections.abc import Iterator
import contextlib
import inspect
import json
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile

from face_affect_bench.frames import HD, moving, VGA
from face_affect_bench.machine import Row
from face_affect_bench.report import table
import numpy as np

ROOT = Path(__file__).resolve().parents[2]
PROBE = Path(__file__).with_name('probe.py')
#: Images per block: one second at 30 Hz, with all intervals of the pipeline.
IMAGES = 30

Times = dict[str, float]


def main() -> int:
    """Print a table; return 1 if this tree is slower."""
    parser = argparse.ArgumentParser(prog='python -m face_affect_bench.compare',
                                     description=inspect.cleandoc(__doc__).splitlines()[0])
    parser.add_argument('--base', default='main', help='branch or commit (default: main)')
    parser.add_argument('--rounds', type=int, default=15, help='blocks per tree')
    parser.add_argument('--limit', type=float, default=1.1, help='maximum ratio new : old')
    parser.add_argument('--cores', default='', metavar='0', help='cores to run on')
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))   # remove the checkout
    if arguments.cores:
        os.sched_setaffinity(0, [int(core) for core in arguments.cores.split(',')])
    with tempfile.TemporaryDirectory() as folder:
        frames = Path(folder) / 'frames.npz'
        np.savez(frames, **{f'{size[0]}x{size[1]}, {faces} faces':
                            np.array([frame.image for frame in moving(size, faces, IMAGES)])
                            for size, faces in ((VGA, 0), (VGA, 2), (VGA, 8), (HD, 2))})
        with merge_base(arguments.base, Path(folder) / 'base') as tree:
            rows = ratios(list(rounds(tree, frames, arguments.rounds)))
    print(table(rows))
    slow = [row['work'] for row in rows if row['from'] > arguments.limit]
    if slow:
        print(f'\nmore than {arguments.limit:g} times the merge base in three quarters of the '
              f'rounds: {"; ".join(slow)}')
    return 1 if slow else 0


def rounds(base: Path, frames: Path, count: int) -> Iterator[tuple[Times, Times]]:
    """Yield the times of a block of the base and of this tree, in alternating order."""
    for number in range(count):
        order = (ROOT, base) if number % 2 else (base, ROOT)
        times = {tree: block(tree, frames) for tree in order}
        yield times[base], times[ROOT]


def ratios(measured: list[tuple[Times, Times]]) -> list[Row]:
    """Return times per image, and median and quartiles of the ratios, by kind of work."""
    rows: list[Row] = []
    for work in measured[0][0]:
        old, new = (np.array([pair[side][work] for pair in measured]) for side in (0, 1))
        low, middle, high = np.percentile(new / old, [25, 50, 75])
        rows.append({'work': work, 'old CPU ms': round(float(np.median(old)) * 1e3 / IMAGES, 3),
                     'new CPU ms': round(float(np.median(new)) * 1e3 / IMAGES, 3),
                     'new : old': round(float(middle), 3), 'from': round(float(low), 3),
                     'to': round(float(high), 3)})
    return rows


@contextlib.contextmanager
def merge_base(branch: str, folder: Path) -> Iterator[Path]:
    """Check out the merge base with a branch; SystemExit if there is none."""
    commit = _git('merge-base', branch, 'HEAD')
    print(f'merge base with {branch}: {commit[:12]}', file=sys.stderr)
    _git('worktree', 'add', '--detach', str(folder), commit)
    try:
        yield folder
    finally:
        _git('worktree', 'remove', '--force', str(folder))


def block(tree: Path, frames: Path) -> Times:
    """Run the probe with the package and models of a tree; return times by kind of work."""
    environment = {**os.environ, 'PYTHONPATH': f'{tree}:{os.environ.get("PYTHONPATH", "")}',
                   'FACE_AFFECT_MODEL_PATH': str(tree / 'models')}
    answer = subprocess.run([sys.executable, str(PROBE), str(frames)], env=environment, text=True,
                            stdout=subprocess.PIPE)
    if answer.returncode:
        raise SystemExit('a probe failed; its error is above')
    times: Times = json.loads(answer.stdout)
    return times


def _git(*words: str) -> str:
    answer = subprocess.run(['git', *words], cwd=ROOT, capture_output=True, text=True)
    if answer.returncode:
        raise SystemExit(f'git {" ".join(words[:2])}: {answer.stderr.strip()}')
    return answer.stdout.strip()


if __name__ == '__main__':
    raise SystemExit(main())
