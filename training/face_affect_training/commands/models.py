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

"""The commands that train, export and evaluate classifiers."""

import argparse
from collections.abc import Callable, Iterable, Iterator
import errno
from functools import partial
from itertools import chain
import json
import math
import os
from pathlib import Path
import subprocess
import sys
import time
from typing import Any, get_args

from face_affect_ros.affect.detectors import DEFAULT_DETECTOR
from face_affect_ros.affect.model_store import MAX_MARGIN
from face_affect_ros.affect.types import AffectError
from face_affect_ros.paths import expanded
from face_affect_training.experiment import (
    Experiment,
    is_file_of_run,
    load_experiment,
    portable_path,
)
from face_affect_training.tflite import GradientPrecision, PRECISIONS

Parser = argparse.ArgumentParser
Run = Callable[[argparse.Namespace], int]
EXPERIMENT = 'YAML file, see training/experiments/'
RUN = 'folder of the run (default: runs/NAME)'
CACHE = 'folder for decoded images'
MODELS = 'folder of models (default: models)'
DATA = ('READER', 'PATH', 'SPLIT')
#: Backends of Keras that `make training` does not install.
BACKENDS = ('jax', 'torch')
#: Errors of full disks, folders without permission, and files and folders in the way.
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR,
              errno.EISDIR, errno.EEXIST)


def register(subparsers: Any) -> None:
    """Add the commands to those of `face_affect`."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    add = partial(add_command, subparsers)
    describe = add('describe', _describe, 'print a table of the parameters, multiply-accumulates '
                   'and float32 TFLite bytes of networks')
    describe.add_argument('networks', nargs='*', metavar='NETWORK', help='YAML files of '
                          'experiments, or names of networks, with grey input of 48 x 48 pixels '
                          'and 7 classes (default: all networks)')

    train = add('train', _train, 'train the network of an experiment file, or resume the training')
    train.add_argument('experiment', type=expanded, help=EXPERIMENT)
    train.add_argument('--set', dest='changes', action='extend', nargs='+', default=[],
                       metavar='KEY=VALUE', help='change entries, e.g. training.epochs=10')
    train.add_argument('--out', type=expanded, help=RUN)
    train.add_argument('--cache', type=expanded, help=CACHE)
    add_minutes(train)

    ship = add('ship', _ship, 'make a model: train its network and those that it depends on, tune '
               'the crop margin, measure the limits of the input, export, evaluate, and write the '
               'card and the results; or resume')
    ship.add_argument('experiment', type=expanded, help=EXPERIMENT)
    ship.add_argument('--out', type=expanded, help=RUN)
    ship.add_argument('--cache', type=expanded, default=Path('runs/cache'),
                      help=f'{CACHE} (default: runs/cache)')
    ship.add_argument('--models', type=expanded, default=Path('models'), help=MODELS)
    ship.add_argument('--results', type=expanded, default=Path('docs/results'),
                      help='folder of result files (default: docs/results)')
    ship.add_argument('--also', nargs=3, action='append', default=[], metavar=DATA,
                      help='also evaluate on these faces')
    add_minutes(ship)

    export = add('export', _export, 'export a trained network as a model: model.tflite and '
                 'card.yaml')
    export.add_argument('folder', type=expanded, help='folder of the training run')
    export.add_argument('--precision', nargs='+', default=['float32'], choices=PRECISIONS,
                        help='precisions: the first is written to the folder NAME, the others to '
                        'NAME_PRECISION (default: float32)')
    export.add_argument('--models', type=expanded, default=Path('models'), help=MODELS)
    export.add_argument('--margin', type=within(float, -0.49, MAX_MARGIN),
                        help='margin of the crop on each side, relative '
                        "to the face box; see tune-margin (default: the experiment's)")
    export.add_argument('--saliency', nargs='?', default='', const='float32',
                        choices=get_args(GradientPrecision), help='also write the gradients '
                        'for saliency maps, saliency.npz, with weights of this precision '
                        '(default: float32)')
    export.add_argument('--mirror', action='store_true', help='test-time flip: average the '
                        'outputs for the crop and its mirror image; takes twice the time')
    export.add_argument('--cache', type=expanded, help=CACHE)

    evaluate = add('evaluate', _evaluate, 'evaluate a model on labelled images of faces and print '
                   'JSON; each whole image is used as the crop')
    evaluate.add_argument('--model', required=True, help='name, folder or .tflite file of a '
                          'model, or folder or .keras file of a run')
    faces = evaluate.add_mutually_exclusive_group(required=True)
    faces.add_argument('--npz', type=expanded, metavar='FILE', help='images (N,H,W or N,H,W,3 '
                       'uint8 RGB), labels (N), optional groups (N, or N,G) and group_NAME (N)')
    faces.add_argument('--data', nargs=3, metavar=DATA,
                       help='data set, e.g. fer2013_sheets FOLDER PublicTest')
    evaluate.add_argument('--without', metavar='SPLIT', default='', help='with --data: exclude '
                          'images whose pixels are identical to those of an image of this split')
    evaluate.add_argument('--task', choices=('emotion', 'gender'),
                          help='task to evaluate, for a model of several')
    evaluate.add_argument('--out', type=expanded, metavar='FOLDER',
                          help='also write report.json and confusion.png')

    margin = add('tune-margin', _tune_margin, 'print the accuracy by crop margin, on the faces '
                 'that the detector finds, as JSON')
    limits = add('input-limits', _input_limits, 'print the accuracy by size, blur and yaw of the '
                 'faces, and the limits for the card, as JSON')
    bias = add('bias-report', _bias_report, 'write the fraction of the saliency in each region of '
               'the face, by class and group')
    for parser in (margin, limits, bias):
        parser.add_argument('--model', required=True, help='name or folder of a model')
        parser.add_argument('--data', nargs=3, metavar=DATA, required=True, help='data set')
        parser.add_argument('--detector', default=DEFAULT_DETECTOR,
                            help=f'name or folder of a detector (default: {DEFAULT_DETECTOR})')
    for parser in (limits, bias):
        parser.add_argument('--limit', type=within(int), default=0, help='maximum number of '
                            'faces, evenly spaced; 0 = all (default: 0)')
    bias.add_argument('--out', type=expanded, default=Path('runs/bias'), help='folder for '
                      'bias_MODEL.json, .md and figures (default: runs/bias)')


def _describe(args: argparse.Namespace) -> int:
    from face_affect_training import networks
    from face_affect_training.runs import build_network
    rows = []
    for name in args.networks or networks.NETWORKS:
        if Path(name).suffix in ('.yaml', '.yml'):
            network = build_network(load_experiment(Path(name)))
        else:
            network = networks.build(name, input_shape=(48, 48, 1), classes=7)
        rows.append({'name': Path(name).stem, **networks.describe(network)})
    print(f"{'name':<30} {'input':>12} {'parameters':>12} {'multiply-acc.':>14} {'TFLite':>12}")
    for row in rows:
        size = f"{row['tflite_bytes']:,}" if row['tflite_bytes'] else '-'
        print(f"{row['name']:<30} {' x '.join(map(str, row['input'])):>12} "
              f"{row['parameters']:>12,} {row['macs']:>14,} {size:>12}")
    return 0


def _train(args: argparse.Namespace) -> int:
    os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')
    from face_affect_training.train import train
    experiment = load_experiment(args.experiment, args.changes)
    out = args.out or Path('runs') / experiment.name
    deadline = deadline_of(args)
    for each, folder in chain(_dependencies(args.experiment, experiment), [(experiment, out)]):
        if each is not experiment:
            print(f'{folder} is trained first, for {experiment.name}', file=sys.stderr)
        result = train(each, folder, cache=args.cache, deadline=deadline)
        print(f"{folder}: epoch {result['epoch']}, best validation accuracy {result['best']:.4f}")
        if not result['finished']:
            break
    return 0


def _dependencies(file: Path, experiment: Experiment, *needed_by: Path,
                  ) -> Iterator[tuple[Experiment, Path]]:
    """
    Yield the unfinished runs of initial weights and teachers, and their folders, in order.

    runs/NAME/best.keras is made by NAME.yaml in the folder of the experiment file. Without that
    file the run is skipped, and the training raises AffectError. Each run is checked when the
    previous ones have been trained. needed_by: experiment files that need this one.
    """
    from face_affect_training.runs import is_finished
    for path in map(expanded, filter(is_file_of_run, experiment.sources)):
        beside = file.with_name(f'{path.parent.name}.yaml')
        if beside.is_file() and not is_finished(path.parent):
            if beside in (file, *needed_by):
                raise AffectError(f'{file}: {path} is needed for its own training; train it '
                                  'first, or give this experiment another name and file name')
            other = load_experiment(beside)
            yield from _dependencies(beside, other, file, *needed_by)
            yield other, path.parent


def _ship(args: argparse.Namespace) -> int:
    """Return 3 if the training is not finished after the time limit."""
    experiment = load_experiment(args.experiment)
    folder = args.out or Path('runs') / experiment.name
    # A separate process, because training and export may need different Keras backends.
    trained = subprocess.run([
        sys.executable, '-m', 'face_affect_training', 'train', str(args.experiment), '--out',
        str(folder), '--cache', str(args.cache), '--max-minutes', str(args.max_minutes)],
        check=False)
    if trained.returncode:
        return trained.returncode
    _need_tensorflow()
    from face_affect_training.runs import is_finished
    if not is_finished(folder):
        print(f'{folder}: not finished; the same command resumes', file=sys.stderr)
        return 3
    from face_affect_training.ship import ship
    return print_lines(ship(folder, experiment.export, args.models, args.results,
                            cache=args.cache, also=args.also))


def _export(args: argparse.Namespace) -> int:
    _need_tensorflow()
    from face_affect_training.export import export
    return print_lines(export(args.folder, args.models, precisions=args.precision,
                              margin=args.margin, saliency=args.saliency, mirror=args.mirror,
                              cache=args.cache))


def _evaluate(args: argparse.Namespace) -> int:
    from face_affect_training.data import faces_of_reader, read_npz
    from face_affect_training.evaluate import evaluate
    if args.without and args.npz is not None:
        raise AffectError('--without needs a data set with splits; use it with --data')
    if args.out is not None:   # report errors before the evaluation
        args.out.mkdir(parents=True, exist_ok=True)
    faces = (read_npz(args.npz) if args.npz is not None
             else faces_of_reader(*args.data, without=args.without))
    result = evaluate(args.model, faces, task=args.task)
    text = json.dumps(result, indent=1, allow_nan=False)
    print(text)
    if args.out is not None:
        from face_affect_training.figures.pictures import confusion
        (args.out / 'report.json').write_text(text + '\n', encoding='utf-8')
        confusion(result, args.out / 'confusion.png')
    return 0


def _tune_margin(args: argparse.Namespace) -> int:
    from face_affect_training.data import faces_of_reader
    from face_affect_training.robot_crops import tune_margin
    print(json.dumps(tune_margin(args.model, faces_of_reader(*args.data),
                                 detector=args.detector), indent=1))
    return 0


def _input_limits(args: argparse.Namespace) -> int:
    from face_affect_training.data import faces_of_reader
    from face_affect_training.robot_crops import input_limits
    print(json.dumps(input_limits(args.model, faces_of_reader(*args.data), count=args.limit,
                                  detector=args.detector), indent=1))
    return 0


def _bias_report(args: argparse.Namespace) -> int:
    from face_affect_training.data import faces_of_reader
    from face_affect_training.saliency.bias import bias_report, write_report
    args.out.mkdir(parents=True, exist_ok=True)
    report, explained = bias_report(args.model, faces_of_reader(*args.data), limit=args.limit,
                                    detector=args.detector)
    reader, path, split = args.data
    return print_lines(write_report(
        report, explained, args.out, f'face_affect bias-report --model '
        f'{portable_path(args.model)} --data {reader} {portable_path(path)} {split}'))


def add_command(subparsers: Any, name: str, run: Run, text: str) -> Parser:
    """Add a command with its help and description, see reporting."""
    parser: Parser = subparsers.add_parser(name, help=text, description=text)
    parser.set_defaults(run=reporting(run))
    return parser


def reporting(run: Run) -> Run:
    """Return a command that raises AffectError for unwritable files and missing backends."""
    def command(args: argparse.Namespace) -> int:
        try:
            return run(args)
        except ModuleNotFoundError as error:
            if error.name not in BACKENDS:
                raise
            raise AffectError(f'the Keras backend {error.name} is not installed; set '
                              f'KERAS_BACKEND=tensorflow, or install it: {sys.executable} -m pip '
                              f'install {error.name}') from error
        except OSError as error:
            if error.errno not in UNWRITABLE:
                raise
            where = f'{error.filename}: ' if error.filename else ''
            raise AffectError(f'{where}cannot be written: {error.strerror}; free space, or choose '
                              'another folder') from error

    return command


def within(kind: type, low: float = 0.0, high: float = 1e9) -> Callable[[str], Any]:
    """Return a type of argparse for the numbers of a kind in [low, high]."""
    def number(text: str) -> Any:
        value = kind(text)
        if not low <= value <= high:   # true for NaN
            raise argparse.ArgumentTypeError(f'{text} is not in [{low:g}, {high:g}]')
        return value

    number.__name__ = kind.__name__   # argparse names it
    return number


def add_minutes(parser: Parser) -> None:
    """Add the option --max-minutes."""
    parser.add_argument('--max-minutes', type=within(float), default=0.0,
                        help='save the state and stop the training after this time; 0 = no '
                        'limit (default: 0)')


def deadline_of(args: argparse.Namespace) -> float:
    """Return the end of --max-minutes on the monotonic clock, infinity for no limit."""
    return time.monotonic() + 60.0 * args.max_minutes if args.max_minutes else math.inf


def _need_tensorflow() -> None:
    if 'keras' in sys.modules and sys.modules['keras'].backend.backend() != 'tensorflow':
        raise AffectError('export needs the TensorFlow backend: set KERAS_BACKEND=tensorflow')
    os.environ['KERAS_BACKEND'] = 'tensorflow'


def print_lines(lines: Iterable[Any]) -> int:
    """Print each line; return the exit code 0."""
    for line in lines:
        print(line)
    return 0
