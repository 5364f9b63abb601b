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
Measure how fast `face_affect analyze --out` goes through an archive, by jobs and by workers.

    python benchmarks/archive.py CLIP... --copies 8 --jobs 1 2 --workers 1 2 --out archive.md

Each run takes the same copies of the clips and bags into a folder that goes away. The time is that
of the whole command, start and loading included; `--copies` makes these a small share. Workers are
those of a Dask LocalCluster. Runs alternate, so that a slow minute of the machine meets all alike.
"""

import argparse
from collections.abc import Iterator
import contextlib
import os
from pathlib import Path
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from face_affect_ros.archive.results import Results

#: What an archive is reckoned by: hours of video, and images a second of it.
HOURS, RATE = 1000, 15
NAMES = {'jobs': '--jobs', 'workers': 'workers of a cluster'}


def main() -> int:
    """Measure, and write a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('sources', nargs='+', type=Path)
    parser.add_argument('--copies', type=int, default=8)
    parser.add_argument('--repeats', type=int, default=3)
    parser.add_argument('--jobs', type=int, nargs='*', default=[1, 2])
    parser.add_argument('--workers', type=int, nargs='*', default=[1, 2])
    parser.add_argument('--out', type=Path)
    arguments = parser.parse_args()
    cases = [(kind, count) for kind in NAMES for count in getattr(arguments, kind)]
    rates: dict[tuple[str, int], list[float]] = {case: [] for case in cases}
    with tempfile.TemporaryDirectory() as folder:
        copies = Path(folder, 'copies')
        for number in range(arguments.copies):
            for source in arguments.sources:
                target = copies / f'{number}_{source.name}'
                target.parent.mkdir(exist_ok=True)
                (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        for repeat in range(arguments.repeats):
            for case in cases:
                rates[case].append(rate_of(copies, Path(folder, f'{case}{repeat}'), *case))
    text = page(rates)
    print(text)
    if arguments.out:
        arguments.out.write_text(text)
    return 0


def rate_of(copies: Path, out: Path, kind: str, count: int) -> float:
    """Return the images a second of one run."""
    with (cluster(count) if kind == 'workers' else contextlib.nullcontext(
            ['--jobs', str(count)])) as options:
        start = time.monotonic()
        subprocess.run([sys.executable, '-m', 'face_affect_ros.cli', 'analyze', str(copies),
                        '--out', str(out), '--format', 'parquet', *options], check=True,
                       stderr=subprocess.DEVNULL)
        elapsed = time.monotonic() - start
    return sum(each.frames for each in Results(str(out)).summaries().values()) / elapsed


@contextlib.contextmanager
def cluster(count: int) -> Iterator[list[str]]:
    """Run a cluster of so many workers, yield the options that use it."""
    from distributed import LocalCluster
    with LocalCluster(n_workers=count, threads_per_worker=1, processes=True,
                      dashboard_address=None) as workers:
        yield ['--scheduler', workers.scheduler_address]


def page(rates: dict[tuple[str, int], list[float]]) -> str:
    """Return the figures as Markdown."""
    images = HOURS * 3600 * RATE
    lines = ['| how | processes | images a second, median (least to most) | '
             f'{HOURS} h of {RATE} Hz |', '| --- | --- | --- | --- |']
    for (kind, count), found in rates.items():
        median = statistics.median(found)
        lines.append(f'| {NAMES[kind]} | {count} | {median:.0f} ({min(found):.0f} to '
                     f'{max(found):.0f}) | {images / median / 3600:.0f} h, '
                     f'{images / median / 3600 * count:.0f} core hours |')
    return '\n'.join([*lines, f'\n{os.cpu_count()} processor cores.\n'])


if __name__ == '__main__':
    sys.exit(main())
