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
from collections.abc import Callable, Iterator
from itertools import chain
import json
import os
from pathlib import Path
import subprocess
import sys
import time
from typing import Any, TYPE_CHECKING

from face_affect_ros.affect.detectors import DEFAULT_DETECTOR
from face_affect_ros.affect.types import AffectError
from face_affect_training.tflite import PRECISIONS

if TYPE_CHECKING:
    from face_affect_training.data.faces import FaceData
    from face_affect_training.experiment import Experiment

Parser = argparse.ArgumentParser
EXPERIMENT = 'YAML file, see training/experiments/'


def register(subparsers: Any) -> None:
    """Add the commands to those of `face_affect`."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    describe = _add(subparsers, 'describe', run_describe, 'parameters, multiply-accumulates and '
                    'float32 TFLite bytes of networks, as a table')
    describe.add_argument('networks', nargs='*', metavar='NETWORK', help='names of networks, or '
                          'YAML files of experiments (default: all networks)')
    describe.add_argument('--size', type=int, default=48, help='rows and columns of the grey '
                          'input of networks by name, which have seven classes (default: 48)')
    describe.add_argument('--json', action='store_true', help='print JSON')

    train = _add(subparsers, 'train', run_train, 'train the network of an experiment file, or '
                 'resume')
    train.add_argument('experiment', type=Path, help=EXPERIMENT)
    train.add_argument('--set', dest='changes', action='extend', nargs='+', default=[],
                       metavar='KEY=VALUE', help='change entries, as training.epochs=10')
    train.add_argument('--out', type=Path, help='folder of the run (default: runs/NAME)')
    train.add_argument('--cache', type=Path, help='folder for decoded pictures')
    _add_minutes(train)

    ship = _add(subparsers, 'ship', run_ship, 'make a model of its recipe: train what the recipe '
                'needs and the recipe itself, tune the margin of the crop, measure the limits of '
                'the input, export, evaluate, write card and page, or resume')
    ship.add_argument('experiment', type=Path, help=EXPERIMENT)
    ship.add_argument('--out', type=Path, help='folder of the run (default: runs/NAME)')
    ship.add_argument('--cache', type=Path, default=Path('runs/cache'),
                      help='folder for decoded pictures (default: runs/cache)')
    ship.add_argument('--models', type=Path, default=Path('models'), help='folder of models')
    ship.add_argument('--results', type=Path, default=Path('docs/results'),
                      help='folder of result files (default: docs/results)')
    ship.add_argument('--also', nargs=3, action='append', default=[],
                      metavar=('READER', 'PATH', 'SPLIT'), help='evaluate on these faces, too')
    _add_minutes(ship)

    export = _add(subparsers, 'export', run_export, 'turn a trained network into a model of the '
                  'robot: model.tflite and card.yaml')
    export.add_argument('folder', type=Path, help='folder of the training run')
    export.add_argument('--precision', nargs='+', default=['float32'], choices=PRECISIONS,
                        help='of the files: the first in the folder NAME, the others in folders '
                        'that name them as well (default: float32)')
    export.add_argument('--models', type=Path, default=Path('models'), help='folder of models')
    export.add_argument('--margin', type=float, help="of the robot's crop, as share of the box on "
                        "each side; see tune-margin (default: the experiment's)")
    export.add_argument('--saliency', nargs='?', default='', const='float32',
                        choices=('float32', 'float16', 'dynamic'), help='also write saliency.npz '
                        'into the folder NAME, the gradients that explain the model; in this '
                        'precision (default: float32)')
    export.add_argument('--mirror', action='store_true', help='test-time flip: the mean over each '
                        'face and its mirror image, at twice the time')
    export.add_argument('--cache', type=Path, help='folder for decoded pictures')

    evaluate = _add(subparsers, 'evaluate', run_evaluate, 'evaluate a model on labelled faces: '
                    'JSON with the key accuracy on standard output. Each whole picture is taken '
                    "as the crop, and goes through the robot's own crop, scale and classifier.")
    evaluate.add_argument('--model', required=True, help="a model's name, folder or .tflite file; "
                          "or a run's folder or .keras file")
    faces = evaluate.add_mutually_exclusive_group(required=True)
    faces.add_argument('--npz', type=Path, metavar='FILE', help='images (N,H,W or N,H,W,3 uint8 '
                       'RGB), labels (N), optional groups (N, or N,G) and group_NAME (N)')
    faces.add_argument('--data', nargs=3, metavar=('READER', 'PATH', 'SPLIT'),
                       help='a data set instead, such as fer2013_sheets FOLDER PublicTest')
    evaluate.add_argument('--without', metavar='SPLIT', default='', help='with --data: leave out '
                          'the pictures that are in this split as well, pixel by pixel')
    evaluate.add_argument('--task', choices=('emotion', 'gender'), help='where a model has both')
    evaluate.add_argument('--out', type=Path, metavar='FOLDER',
                          help='also write report.json and confusion.png')

    _add_of_data(subparsers, 'tune-margin', run_tune_margin, "accuracy behind the robot's "
                 'detector by crop margin, as JSON')
    limits = _add_of_data(subparsers, 'input-limits', run_input_limits, 'accuracy by size, blur '
                          'and turn of the faces, with the limits for the card, as JSON')
    limits.add_argument('--limit', type=int, default=0, help='only this many faces, evenly spread')
    bias = _add_of_data(subparsers, 'bias-report', run_bias_report, 'share of saliency on eyes, '
                        'nose, mouth, the rest of the face and outside of it, by class and group')
    bias.add_argument('--limit', type=int, default=0, help='only this many faces, evenly spread')
    bias.add_argument('--out', type=Path, default=Path('runs/bias'), help='folder for '
                      'bias_MODEL.json, .md and pictures (default: runs/bias)')


def run_describe(args: argparse.Namespace) -> int:
    """Print what networks cost; return the exit code."""
    from face_affect_training import networks
    from face_affect_training.describe import describe
    from face_affect_training.experiment import load_experiment
    from face_affect_training.runs import build_network
    rows = []
    for name in args.networks or networks.NETWORKS:
        if Path(name).suffix in ('.yaml', '.yml'):
            network = build_network(load_experiment(Path(name)))
        else:
            network = networks.build(name, input_shape=(args.size, args.size, 1), classes=7)
        rows.append({'name': Path(name).stem, **describe(network)})
    if args.json:
        print(json.dumps(rows, indent=1))
        return 0
    print(f"{'name':<30} {'input':>12} {'parameters':>12} {'multiply-acc.':>14} {'TFLite':>12}")
    for row in rows:
        size = f"{row['tflite_bytes']:,}" if row['tflite_bytes'] else '-'
        print(f"{row['name']:<30} {' x '.join(map(str, row['input'])):>12} "
              f"{row['parameters']:>12,} {row['macs']:>14,} {size:>12}")
    return 0


def run_train(args: argparse.Namespace) -> int:
    """Train; return the exit code."""
    os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')
    from face_affect_training.experiment import load_experiment
    from face_affect_training.train import train
    experiment = load_experiment(args.experiment, args.changes)
    out = args.out or Path('runs') / experiment.name
    deadline = time.monotonic() + 60.0 * args.max_minutes
    for each, folder in chain(needed_first(args.experiment, experiment), [(experiment, out)]):
        if each is not experiment:
            print(f'{experiment.name} needs {folder}, which is trained first', file=sys.stderr)
        left = max((deadline - time.monotonic()) / 60.0, 1e-4) if args.max_minutes else 0.0
        result = train(each, folder, cache=args.cache, max_minutes=left)
        print(f"{folder}: epoch {result['epoch']}, best validation accuracy {result['best']:.4f}")
        if not result['finished']:
            break
    return 0


def needed_first(file: Path, experiment: 'Experiment') -> Iterator[tuple['Experiment', Path]]:
    """
    Yield the runs that this one starts from or learns from and that are not there yet, in order.

    Each is looked for only when the one before it has been trained. A run runs/NAME/best.keras is
    made by NAME.yaml beside the experiment's file; one without such a file is left to the
    training, which raises AffectError.
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


def run_ship(args: argparse.Namespace) -> int:
    """Ship; return the exit code, 3 where time was up before the end of the training."""
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
    _need_tensorflow()
    from face_affect_training.runs import is_finished
    if not is_finished(folder):
        print(f'{folder}: not finished; the same command resumes', file=sys.stderr)
        return 3
    from face_affect_training.ship import ship
    return _print(ship(folder, experiment.export, args.models, args.results, cache=args.cache,
                       also=[tuple(each) for each in args.also]))


def run_export(args: argparse.Namespace) -> int:
    """Export; return the exit code."""
    _need_tensorflow()
    from face_affect_training.export import export
    return _print(export(args.folder, args.models, precisions=args.precision, margin=args.margin,
                         saliency=args.saliency, mirror=args.mirror, cache=args.cache))


def run_evaluate(args: argparse.Namespace) -> int:
    """Evaluate; return the exit code."""
    from face_affect_training.data.npz import read_npz
    from face_affect_training.evaluate import evaluate, faces_of_reader
    if args.out is not None:   # a wrong one is reported before the work
        _make_folder(args.out)
    faces = read_npz(args.npz) if args.npz is not None else faces_of_reader(
        args.data[0], Path(args.data[1]), args.data[2], without=args.without)
    result = evaluate(args.model, faces, task=args.task)
    text = json.dumps(result, indent=1, allow_nan=False)
    if args.out is not None:
        from face_affect_training.figures.pictures import confusion
        (args.out / 'report.json').write_text(text + '\n', encoding='utf-8')
        confusion(result, args.out / 'confusion.png')
    print(text)
    return 0


def run_tune_margin(args: argparse.Namespace) -> int:
    """Print accuracy by margin; return the exit code."""
    from face_affect_training.robot_crops import tune_margin
    return _print([json.dumps(tune_margin(args.model, _faces(args), detector=args.detector),
                              indent=1)])


def run_input_limits(args: argparse.Namespace) -> int:
    """Print curves and limits; return the exit code."""
    from face_affect_training.robot_crops import input_limits
    return _print([json.dumps(input_limits(args.model, _faces(args), count=args.limit,
                                           detector=args.detector), indent=1)])


def run_bias_report(args: argparse.Namespace) -> int:
    """Write the report; return the exit code."""
    from face_affect_training.experiment import portable_path
    from face_affect_training.saliency.bias import bias_report, write_report
    _make_folder(args.out)
    report, explained = bias_report(args.model, _faces(args), limit=args.limit,
                                    detector=args.detector)
    reader, path, split = args.data
    return _print(write_report(
        report, explained, args.out, f'face_affect bias-report --model '
        f'{portable_path(args.model)} --data {reader} {portable_path(path)} {split}'))


def _add(subparsers: Any, name: str, run: Callable[[argparse.Namespace], int],
         text: str) -> Parser:
    parser: Parser = subparsers.add_parser(name, help=text, description=text)
    parser.set_defaults(run=run)
    return parser


def _add_of_data(subparsers: Any, name: str, run: Callable[[argparse.Namespace], int],
                 text: str) -> Parser:
    """Add a command about a model behind a detector on a data set."""
    parser = _add(subparsers, name, run, text)
    parser.add_argument('--model', required=True, help="a model's name or folder")
    parser.add_argument('--data', nargs=3, metavar=('READER', 'PATH', 'SPLIT'), required=True)
    parser.add_argument('--detector', default=DEFAULT_DETECTOR)
    return parser


def _add_minutes(parser: Parser) -> None:
    parser.add_argument('--max-minutes', type=float, default=0.0,
                        help='stop the training cleanly after this time; 0 = no limit')


def _need_tensorflow() -> None:
    if 'keras' in sys.modules and sys.modules['keras'].backend.backend() != 'tensorflow':
        raise AffectError('export needs the TensorFlow backend: set KERAS_BACKEND=tensorflow')
    os.environ['KERAS_BACKEND'] = 'tensorflow'


def _faces(args: argparse.Namespace) -> 'FaceData':
    from face_affect_training.evaluate import faces_of_reader
    return faces_of_reader(args.data[0], Path(args.data[1]), args.data[2])


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AffectError(f'{folder}: cannot be made a folder for the report: '
                          f'{error.strerror}') from error


def _print(lines: Any) -> int:
    for line in lines:
        print(line)
    return 0
