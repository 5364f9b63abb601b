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

"""The command that makes the table and figures of the paper, and the pages of results."""

import argparse
import os
from pathlib import Path
import sys
from typing import Any

from face_affect_ros.paths import expanded
from face_affect_training.commands.models import (
    add_command,
    add_minutes,
    CACHE,
    DATA,
    deadline_of,
    MODELS,
    print_lines,
    Run,
)
from face_affect_training.experiment import portable_path

RESULTS = Path('docs/results')


def register(subparsers: Any) -> None:
    """Add the command `figures` and its subcommands."""
    parser = subparsers.add_parser('figures', help='reproduce the table and figures of the paper')
    verbs = parser.add_subparsers(required=True, metavar='WHAT')

    def add(name: str, run: Run, text: str) -> argparse.ArgumentParser:
        own = add_command(verbs, name, run, text)
        own.add_argument('--results', type=expanded, default=RESULTS, help='folder of result '
                         f'files and figures (default: {RESULTS})')
        return own

    runs = add('run', _run, 'train the small experiments of a figure, or resume')
    runs.add_argument('plans', nargs='+', metavar='PLAN', help='networks, dropout, rate_maps, or '
                      'a YAML file like those in training/experiments/figures')
    runs.add_argument('--out', type=expanded, default=Path('runs/figures'),
                      help='folder of the runs (default: runs/figures)')
    runs.add_argument('--cache', type=expanded, default=Path('runs/cache'),
                      help=f'{CACHE} (default: runs/cache)')
    add_minutes(runs)
    add('sizes', _sizes, 'parameters, multiply-accumulates and TFLite bytes of the networks')
    ascent = add('ascent', _ascent, 'gradient ascent: images that maximise the activation of '
                 'filters')
    ascent.add_argument('folder', type=expanded, help='folder of a training run of mini_xception '
                        'or sequential_fully_cnn')
    maps = add('guided', _guided, 'guided back-propagation of each expression')
    maps.add_argument('models', nargs='+', metavar='MODEL', help='names or folders of models')
    maps.add_argument('--data', nargs=3, metavar=DATA, required=True, help='data set')
    page = add('page', _page, 'draw the figures, and write the pages of results and models')
    page.add_argument('--models', type=expanded, default=Path('models'), help=MODELS)


def _run(args: argparse.Namespace) -> int:
    """Return 3 if cells are not finished after the time limit."""
    from face_affect_training.figures import plans
    loaded, missing = [plans.load_plan(name) for name in args.plans], []
    deadline = deadline_of(args)
    for plan in loaded:
        missing += [f'{plan.name}/{cell}' for cell in plans.run(
            plan, args.out / plan.name, args.results / f'{plan.name}.json', cache=args.cache,
            deadline=deadline)]
    if missing:
        print(f"not finished: {', '.join(missing)}; the same command resumes", file=sys.stderr)
    return 3 if missing else 0


def _sizes(args: argparse.Namespace) -> int:
    os.environ['KERAS_BACKEND'] = 'tensorflow'
    from face_affect_training.figures.paper import write_sizes
    from face_affect_training.figures.plans import load_plan
    return print_lines([write_sizes(load_plan('networks'), args.results)])


def _ascent(args: argparse.Namespace) -> int:
    from face_affect_training.figures.ascent import make
    return print_lines(make(args.folder, args.results))


def _guided(args: argparse.Namespace) -> int:
    from face_affect_training.data import faces_of_reader
    from face_affect_training.figures.guided import make
    reader, path, split = args.data
    command = (f"face_affect figures guided {' '.join(args.models)} --data {reader} "
               f'{portable_path(path)} {split}')
    return print_lines(make(args.models, faces_of_reader(*args.data), args.results, command))


def _page(args: argparse.Namespace) -> int:
    from face_affect_training.figures import models, paper
    content = paper.text(args.results, args.models)
    written = paper.draw(args.results, args.models, args.results)
    (args.results / paper.PAGE).write_text(content, encoding='utf-8')
    return print_lines([*written, args.results / paper.PAGE,
                        *models.write_pages(args.results, args.models)])
