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

"""The command for the paper's table and figures from our own runs, and the pages of results."""

import argparse
from collections.abc import Callable
import os
from pathlib import Path
import sys
import time
from typing import Any

RESULTS = Path('docs/results')


def register(subparsers: Any) -> None:
    """Add the command figures and its own commands."""
    parser = subparsers.add_parser('figures', help="the paper's table and figures from own runs")
    verbs = parser.add_subparsers(required=True, metavar='WHAT')

    def add(name: str, run: Callable[[argparse.Namespace], int],
            text: str) -> argparse.ArgumentParser:
        own: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
        own.add_argument('--results', type=Path, default=RESULTS, help='folder of result files '
                         f'and pictures (default: {RESULTS})')
        own.set_defaults(run=run)
        return own

    runs = add('run', run, 'train the small experiments of a figure, or resume')
    runs.add_argument('plans', nargs='+', metavar='PLAN', help='networks, dropout, rate_maps, or '
                      'a YAML file like those in training/experiments/figures')
    runs.add_argument('--out', type=Path, default=Path('runs/figures'), help='folder of the runs')
    runs.add_argument('--cache', type=Path, default=Path('runs/cache'),
                      help='folder for decoded pictures')
    runs.add_argument('--max-minutes', type=float, default=0.0,
                      help='stop cleanly after this time; 0 = no limit')
    sizes = add('sizes', run_sizes, 'parameters, multiply-accumulates and TFLite bytes')
    sizes.add_argument('plan', nargs='?', default='networks', help='the networks of this plan')
    ascent = add('ascent', run_ascent, 'draw what excites the filters of a trained network')
    ascent.add_argument('folder', type=Path, help='folder of a training run')
    ascent.add_argument('--layers', nargs='+', help="names of layers (default: the network's)")
    ascent.add_argument('--count', type=int, default=8, help='filters of each layer')
    ascent.add_argument('--steps', type=int, default=120, help='steps of ascent')
    maps = add('guided', run_guided, 'guided back-propagation of each expression')
    maps.add_argument('models', nargs='+', metavar='MODEL', help="models' names or folders")
    maps.add_argument('--data', nargs=3, metavar=('READER', 'PATH', 'SPLIT'), required=True)
    page = add('page', run_page, 'draw the pictures, write the page and those of the models')
    page.add_argument('--models', type=Path, default=Path('models'), help='the shipped models')


def run(args: argparse.Namespace) -> int:
    """Train the cells of plans; exit code 3 where time was up before the end."""
    from face_affect_training.figures import plans
    deadline = time.monotonic() + 60.0 * args.max_minutes
    missing = []
    for plan in [plans.load_plan(name) for name in args.plans]:
        left = max(1e-3, (deadline - time.monotonic()) / 60.0) if args.max_minutes else 0.0
        missing += [f'{plan.name}/{cell}' for cell in plans.run(
            plan, args.out / plan.name, args.results / f'{plan.name}.json', cache=args.cache,
            max_minutes=left)]
    if missing:
        print(f"not finished: {', '.join(missing)}; the same command resumes", file=sys.stderr)
    return 3 if missing else 0


def run_sizes(args: argparse.Namespace) -> int:
    """Measure the networks of a plan; return the exit code."""
    os.environ['KERAS_BACKEND'] = 'tensorflow'
    from face_affect_training.figures.paper import write_sizes
    from face_affect_training.figures.plans import load_plan
    return _print([write_sizes(load_plan(args.plan), args.results)])


def run_ascent(args: argparse.Namespace) -> int:
    """Draw gradient ascent; return the exit code."""
    from face_affect_training.figures.ascent import make
    return _print(make(args.folder, args.results, layers=args.layers, count=args.count,
                       steps=args.steps))


def run_guided(args: argparse.Namespace) -> int:
    """Draw guided back-propagation; return the exit code."""
    from face_affect_training.evaluate import faces_of_reader
    from face_affect_training.experiment import portable_path
    from face_affect_training.figures.guided import make
    reader, path, split = args.data
    command = (f"face_affect figures guided {' '.join(args.models)} --data {reader} "
               f'{portable_path(path)} {split}')
    return _print(make(args.models, faces_of_reader(reader, Path(path), split), args.results,
                       command))


def run_page(args: argparse.Namespace) -> int:
    """Draw and write the pages; return the exit code."""
    from face_affect_training.figures import models, paper
    content = paper.text(args.results, args.models)
    written = paper.draw(args.results, args.models, args.results)
    (args.results / paper.PAGE).write_text(content, encoding='utf-8')
    return _print([*written, args.results / paper.PAGE,
                   *models.write_pages(args.results, args.models)])


def _print(paths: list[Path]) -> int:
    for path in paths:
        print(path)
    return 0
