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

"""Make a shipped model of its recipe: everything from the data to its page."""

import argparse
import os
from pathlib import Path
import subprocess
import sys
from typing import Any

from face_affect_ros.affect.types import AffectError


def register(subparsers: Any) -> None:
    """Add the verb ship."""
    parser = subparsers.add_parser(
        'ship', help='make a model of its recipe: train, export, measure, write card and page',
        description='Train what the recipe needs and the recipe itself, find the margin of the '
        'crop, measure the limits, export, judge, and write the model with its card, its page and '
        'its file of figures. The same command goes on where it was stopped.')
    parser.add_argument('experiment', type=Path, help='YAML file, see training/experiments/')
    parser.add_argument('--out', type=Path, help='folder of the run (default: runs/NAME)')
    parser.add_argument('--cache', type=Path, default=Path('runs/cache'),
                        help='folder for decoded pictures (default: runs/cache)')
    parser.add_argument('--models', type=Path, default=Path('models'), help='folder of models')
    parser.add_argument('--results', type=Path, default=Path('docs/results'),
                        help='folder of result files (default: docs/results)')
    parser.add_argument('--also', nargs=3, action='append', default=[],
                        metavar=('READER', 'PATH', 'SPLIT'), help='judge it on these faces, too')
    parser.add_argument('--max-minutes', type=float, default=0.0, help='stop the training cleanly '
                        'after this time, with exit code 3; 0 = no limit')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Ship; return the exit code, 3 where time was up before the end of the training."""
    if 'keras' in sys.modules and sys.modules['keras'].backend.backend() != 'tensorflow':
        raise AffectError('ship exports by TensorFlow: call it in a process of its own')
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    from face_affect_training.experiment import load_experiment
    experiment = load_experiment(args.experiment)
    folder = args.out or Path('runs') / experiment.name
    # in a process of its own: the training may run on another backend than the export
    trained = subprocess.run([
        sys.executable, '-m', 'face_affect_training', 'train', str(args.experiment), '--out',
        str(folder), '--cache', str(args.cache), '--max-minutes', str(args.max_minutes)],
        check=False)
    if trained.returncode:
        return trained.returncode
    os.environ['KERAS_BACKEND'] = 'tensorflow'
    from face_affect_training.runs import is_finished
    if not is_finished(folder):
        print(f'{folder}: not finished; the same command goes on', file=sys.stderr)
        return 3
    from face_affect_training.ship import ship
    for path in ship(folder, experiment.export, args.models, args.results, cache=args.cache,
                     also=[tuple(each) for each in args.also]):
        print(path)
    return 0
