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

"""The paper's table and figures from our own runs, and the page that shows them."""

import argparse
from collections.abc import Callable
import os
from pathlib import Path
import sys
import time
from typing import Any

RESULTS = Path('docs/results')


def register(subparsers: Any) -> None:
    """Add the verb figures and its own verbs."""
    parser = subparsers.add_parser('figures', help="the paper's table and figures from own runs")
    verbs = parser.add_subparsers(required=True, metavar='WHAT')
    runs = _add(verbs, 'run', run, 'train the small experiments of a figure, or go on with them')
    runs.add_argument('plans', nargs='+', metavar='PLAN', help='networks, dropout, rate_maps, or '
                      'a YAML file like those in training/experiments/figures')
    runs.add_argument('--out', type=Path, default=Path('runs/figures'), help='folder of the runs')
    runs.add_argument('--cache', type=Path, default=Path('runs/cache'),
                      help='folder for decoded pictures')
    runs.add_argument('--max-minutes', type=float, default=0.0,
                      help='stop cleanly after this time; 0 = no limit')
    sizes = _add(verbs, 'sizes', run_sizes, 'parameters, multiply-accumulates and TFLite bytes')
    sizes.add_argument('plan', nargs='?', default='networks', help='the networks of this plan')
    filters = _add(verbs, 'filters', run_filters, 'draw what the filters of a network look for')
    filters.add_argument('folder', type=Path, help='folder of a training run')
    filters.add_argument('--layers', nargs='+', help="names of layers (default: the network's)")
    filters.add_argument('--count', type=int, default=8, help='filters of each layer')
    filters.add_argument('--steps', type=int, default=120, help='steps of ascent')
    errors = _add(verbs, 'errors', run_errors, 'which class is taken for which')
    errors.add_argument('--model', required=True, help="a model's name or folder")
    errors.add_argument('--data', nargs=3, metavar=('READER', 'PATH', 'SPLIT'), required=True)
    errors.add_argument('--task', choices=('emotion', 'gender'), help='where a model has both')
    errors.add_argument('--sheets', type=Path, default=Path('runs/errors'), help='folder for '
                        'sheets of single faces: they are data, and no part of the results')
    maps = _add(verbs, 'guided', run_guided, 'guided back-propagation of each expression')
    maps.add_argument('models', nargs='+', metavar='MODEL', help="models' names or folders")
    maps.add_argument('--data', nargs=3, metavar=('READER', 'PATH', 'SPLIT'), required=True)
    _add(verbs, 'published', run_published, "measure the paper's published weights")
    page = _add(verbs, 'page', run_page, 'draw the pictures, write the page and those of the '
                'models')
    page.add_argument('--models', type=Path, default=Path('models'), help='the shipped models')


def run(args: argparse.Namespace) -> int:
    """Train the cells of plans; exit code 3 where time was up before the end."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    from face_affect_training.figures import cells
    from face_affect_training.figures.plans import load_plan
    plans = [load_plan(name) for name in args.plans]
    deadline = time.monotonic() + 60.0 * args.max_minutes
    missing = []
    for plan in plans:
        # a plan whose time is up still tells what is done
        left = max(1e-3, (deadline - time.monotonic()) / 60.0) if args.max_minutes else 0.0
        missing += [f'{plan.name}/{cell}' for cell in cells.run(
            plan, args.out / plan.name, args.results / f'{plan.name}.json', cache=args.cache,
            max_minutes=left)]
    if missing:
        print(f"not finished: {', '.join(missing)}; the same command goes on", file=sys.stderr)
    return 3 if missing else 0


def run_sizes(args: argparse.Namespace) -> int:
    """Measure the networks of a plan; return the exit code."""
    os.environ['KERAS_BACKEND'] = 'tensorflow'
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    from face_affect_training.figures import sizes
    from face_affect_training.figures.plans import load_plan
    print(sizes.make(load_plan(args.plan), args.results))
    return 0


def run_filters(args: argparse.Namespace) -> int:
    """Draw filters; return the exit code."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    from face_affect_training.figures import filters
    from face_affect_training.figures.ascent import Climb
    return _tell(filters.make(args.folder, args.results, layers=args.layers, count=args.count,
                              climb=Climb(steps=args.steps)))


def run_errors(args: argparse.Namespace) -> int:
    """Count errors and write sheets of them; return the exit code."""
    from face_affect_training.evaluate import faces_of_reader
    from face_affect_training.figures import errors
    faces = faces_of_reader(args.data[0], Path(args.data[1]), args.data[2])
    return _tell(errors.make(args.model, faces, args.results, args.sheets / Path(args.model).name,
                             task=args.task, command=_errors_command(args)))


def run_guided(args: argparse.Namespace) -> int:
    """Draw guided back-propagation; return the exit code."""
    from face_affect_training.evaluate import faces_of_reader
    from face_affect_training.experiment import portable_path
    from face_affect_training.figures import guided
    reader, path, split = args.data
    command = (f"face_affect figures guided {' '.join(args.models)} --data {reader} "
               f'{portable_path(path)} {split}')
    return _tell(guided.make(args.models, faces_of_reader(reader, Path(path), split),
                             args.results, command))


def run_published(args: argparse.Namespace) -> int:
    """Measure the published weights; return the exit code."""
    from face_affect_training.experiment import shared_folder
    from face_affect_training.figures import published, results
    path = args.results / f'{published.NAME}.json'
    results.write(path, published.measure(shared_folder()))
    return _tell([path])


def run_page(args: argparse.Namespace) -> int:
    """Draw and write the page; return the exit code."""
    from face_affect_training.figures import model_page, page
    content = page.text(args.results, args.models)
    written = page.draw(args.results, args.models, args.results)
    (args.results / page.PAGE).write_text(content, encoding='utf-8')
    return _tell([*written, args.results / page.PAGE,
                  *model_page.write_all(args.results, args.models)])


def _add(verbs: Any, name: str, run: Callable[[argparse.Namespace], int],
         text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=text, description=text)
    parser.add_argument('--results', type=Path, default=RESULTS, help='folder of result files '
                        f'and pictures (default: {RESULTS})')
    parser.set_defaults(run=run)
    return parser


def _errors_command(args: argparse.Namespace) -> str:
    """Return the command as the page shows it, without the folders of this machine."""
    from face_affect_training.experiment import portable_path
    reader, path, split = args.data
    return (f'face_affect figures errors --model {args.model} --data {reader} '
            f'{portable_path(path)} {split}')


def _tell(paths: list[Path]) -> int:
    for path in paths:
        print(path)
    return 0
