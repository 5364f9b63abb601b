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
Run all benchmarks and write docs/results/performance.json and .md.

    make bench
    make bench BENCH_ARGS='--quick'
    make bench BENCH_ARGS='--only peers'
"""

import argparse
from datetime import date
import inspect
import json
import os
from pathlib import Path
import sys
import tempfile
import time
from typing import Any

from face_affect_bench import machine, peers, report, stages, topics
from face_affect_bench.frames import SHARED

ROOT = Path(__file__).resolve().parents[2]
#: By name: title, description, and function that returns the rows.
SECTIONS: dict[str, tuple[str, str, Any]] = {
    'stages': ('Stages', 'Each step from message to message at 640x480, on the clip of two moving '
               'heads. One thread.', stages.stages),
    'topics': ('From the camera to ~/faces', 'Latency from the stamp of the image to its faces in '
               'another process. An image is lost if no result has its stamp: in transport, or '
               'because a newer image replaced it. Memory is resident memory.',
               topics.run),
    'peers': ('Other packages', 'All packages process the same 640x480 images with two faces '
              'each: a clip of tilting heads, and two frontal portraits. One thread. `found` '
              'counts boxes, false ones included; `time ratio` is the processor time divided by '
              'that of the first row.', peers.run),
    'curves': ('Number of faces, image size and detector', 'Time of the whole pipeline with the '
               'detector on every image; in the last column with default settings at 30 Hz.',
               stages.curves),
}


def main() -> int:
    """Run the selected sections; the others keep their last results."""
    arguments = _parse()
    machine.pin(arguments.cores)
    file = arguments.out.with_suffix('.json')
    results: dict[str, Any] = {'sections': {}}
    if file.is_file():
        results = json.loads(file.read_text())
    # Omit local paths.
    words = [word for word in sys.argv[1:] if not os.path.isabs(word)]
    command = ' '.join(['python -m face_affect_bench', *words])
    commit = machine.commit()   # before the results modify the working tree
    results['machine'] = machine.describe(arguments.cores)
    for name, (title, about, run) in SECTIONS.items():
        if name not in (arguments.only or SECTIONS):
            continue
        print(f'{title} ...', end=' ', file=sys.stderr, flush=True)
        started = time.monotonic()
        load = os.getloadavg()[0]
        measured = f'`{command}`, {date.today()}, commit {commit}, load {load:.1f}'
        rows = list(run(arguments))
        print(f'{time.monotonic() - started:.0f} s', file=sys.stderr, flush=True)
        results['sections'][name] = {
            'title': title, 'about': about, 'measured': measured, 'rows': rows,
            'machine': results['machine']}
        results['sections'] = {each: results['sections'][each] for each in SECTIONS
                               if each in results['sections']}
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(results, separators=(',', ':')) + '\n')
        file.with_suffix('.md').write_text(report.page(results))
    print(f'{file} and {file.with_suffix(".md").name} written', file=sys.stderr)
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m face_affect_bench',
                                     description=inspect.cleandoc(__doc__).splitlines()[0])
    parser.add_argument('--quick', action='store_true', help='about 3 minutes instead of 15')
    parser.add_argument('--only', nargs='+', choices=SECTIONS,
                        help='sections to run (default: all)')
    parser.add_argument('--cores', type=lambda text: [int(core) for core in text.split(',')],
                        default=sorted(os.sched_getaffinity(0))[:2], metavar='0,1',
                        help='cores to run on (default: the first two)')
    parser.add_argument('--out', type=Path, default=ROOT / 'docs' / 'results' / 'performance',
                        help='output file without suffix')
    parser.add_argument('--shared', type=Path, default=SHARED, help='folder of clips and weights')
    parser.add_argument('--venvs', type=Path, default=Path(tempfile.gettempdir())
                        / 'face_affect_bench', help='folder of the environments of the peers')
    arguments = parser.parse_args()
    if not (arguments.shared / 'media').is_dir():
        parser.error(f"{arguments.shared} has no folder 'media'; set FACE_AFFECT_SHARED to the "
                     'folder that contains it')
    return arguments


if __name__ == '__main__':
    raise SystemExit(main())
