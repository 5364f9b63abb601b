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

"""Train a network as an experiment file says."""

import argparse
from collections.abc import Iterator
from itertools import chain
import os
from pathlib import Path
import sys
import time
from typing import Any, TYPE_CHECKING

from face_affect_ros.affect.types import AffectError

if TYPE_CHECKING:
    from face_affect_training.experiment import Experiment


def register(subparsers: Any) -> None:
    """Add the verb train."""
    parser = subparsers.add_parser('train', help='train a network as an experiment file says')
    parser.add_argument('experiment', type=Path, help='YAML file, see training/experiments/')
    parser.add_argument('--set', dest='changes', action='extend', nargs='+', default=[],
                        metavar='KEY=VALUE', help='change entries, as training.epochs=10')
    parser.add_argument('--out', type=Path, help='folder of the run (default: runs/NAME); a run '
                        'that lies there is resumed')
    parser.add_argument('--fresh', action='store_true', help='do not resume: fail if there is one')
    parser.add_argument('--cache', type=Path, help='folder for decoded pictures')
    parser.add_argument('--max-minutes', type=float, default=0.0,
                        help='stop cleanly after this time; 0 = no limit')
    parser.add_argument('--prepare-only', action='store_true', help='only fill the cache')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train; return the exit code."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')
    from face_affect_training.experiment import load_experiment
    from face_affect_training.train import load_data, train
    experiment = load_experiment(args.experiment, args.changes)
    if args.prepare_only:
        if args.cache is None:
            raise AffectError('--prepare-only needs --cache FOLDER')
        load_data(experiment, args.cache)
        return 0
    out = args.out or Path('runs') / experiment.name
    if args.fresh and (out / 'state.npz').is_file():
        raise AffectError(f'{out}: there is a run already; remove it, or leave out --fresh')
    deadline = time.monotonic() + 60.0 * args.max_minutes
    for each, folder in chain(needed_first(args.experiment, experiment), [(experiment, out)]):
        if each is not experiment:
            print(f'{experiment.name} needs {folder}, which is trained first', file=sys.stderr)
        left = max((deadline - time.monotonic()) / 60.0, 1e-4) if args.max_minutes else 0.0
        result = train(each, folder, cache_folder=args.cache, max_minutes=left)
        print(f"{folder}: epoch {result['epoch']}, best validation accuracy {result['best']:.4f}")
        if not result['finished']:
            break
    return 0


def needed_first(file: Path, experiment: 'Experiment') -> Iterator[tuple['Experiment', Path]]:
    """
    Yield the runs that this one starts from or learns from and that are not there yet, in order.

    Each is looked for only when the one before it has been trained.
    file: of the experiment. A run runs/NAME/best.keras is made by NAME.yaml beside it; one without
    such a file is left to the training, which says that it is missing.
    """
    from face_affect_training.experiment import is_file_of_run, load_experiment
    from face_affect_training.runs import is_finished
    for path in (Path(source).expanduser() for source in experiment.sources
                 if is_file_of_run(source)):
        beside = file.with_name(f'{path.parent.name}.yaml')
        if beside.is_file() and not is_finished(path.parent):
            other = load_experiment(beside)
            yield from needed_first(beside, other)
            yield other, path.parent
