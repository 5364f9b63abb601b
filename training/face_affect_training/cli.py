"""The verbs of this package, for the command `face_affect` and for python -m."""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError

Subparsers = Any


def register_train(subparsers: Subparsers) -> None:
    """Add the verb train."""
    parser = subparsers.add_parser('train', help='train a network as an experiment file says')
    parser.add_argument('experiment', type=Path, help='YAML file, see training/experiments/')
    _add_changes(parser)
    parser.add_argument('--out', type=Path, help='folder of the run (default: runs/NAME); a run '
                        'that lies there is resumed')
    parser.add_argument('--fresh', action='store_true', help='do not resume: fail if there is one')
    parser.add_argument('--cache', type=Path, help='folder for decoded pictures')
    parser.add_argument('--max-minutes', type=float, default=0.0,
                        help='stop cleanly after this time; 0 = no limit')
    parser.add_argument('--prepare-only', action='store_true', help='only fill the cache')
    parser.set_defaults(run=run_train)


def register_export(subparsers: Subparsers) -> None:
    """Add the verb export."""
    parser = subparsers.add_parser('export', help='turn a trained network into a model of the '
                                   'robot: model.tflite and card.yaml')
    parser.add_argument('folder', type=Path, help='folder of the training run')
    parser.add_argument('--models', type=Path, default=Path('models'), help='folder of models')
    parser.add_argument('--name', help="the model's name (default: the experiment's)")
    parser.add_argument('--unknown-share', type=float, default=0.1, help='share of the validation '
                        'faces that the threshold leaves UNKNOWN (default: 0.1)')
    parser.add_argument('--cache', type=Path, help='folder for decoded pictures')
    parser.set_defaults(run=run_export)


def register_evaluate(subparsers: Subparsers) -> None:
    """Add the verb evaluate."""
    parser = subparsers.add_parser('evaluate', help='judge a model on labelled faces')
    parser.add_argument('--model', required=True, help="a model's name or folder")
    faces = parser.add_mutually_exclusive_group(required=True)
    faces.add_argument('--npz', type=Path, help='images (N,H,W or N,H,W,3 uint8 RGB), labels, '
                       'optional groups')
    faces.add_argument('--data', nargs=3, metavar=('READER', 'PATH', 'SPLIT'),
                       help='a data set instead, such as fer2013_sheets FOLDER PublicTest')
    parser.add_argument('--task', choices=('emotion', 'gender'), help='where a model has both')
    parser.set_defaults(run=run_evaluate)


def register_framing(subparsers: Subparsers) -> None:
    """Add the verb framing."""
    parser = subparsers.add_parser('framing', help="accuracy of a model behind the robot's "
                                   'detector, by crop margin')
    parser.add_argument('--model', required=True, help="a model's name or folder")
    parser.add_argument('--data', nargs=3, metavar=('READER', 'PATH', 'SPLIT'), required=True)
    parser.add_argument('--margins', nargs='+', type=float,
                        default=[-0.1, -0.05, 0.0, 0.05, 0.1, 0.15, 0.2])
    parser.add_argument('--detector', default='blazeface_back')
    parser.set_defaults(run=run_framing)


def _add_changes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--set', dest='changes', action='extend', nargs='+', default=[],
                        metavar='KEY=VALUE', help='change entries, as training.epochs=10')


def run_train(args: argparse.Namespace) -> int:
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
    result = train(experiment, out, cache_folder=args.cache, max_minutes=args.max_minutes)
    print(f"{out}: epoch {result['epoch']}, best validation accuracy {result['best']:.4f}")
    return 0


def run_export(args: argparse.Namespace) -> int:
    """Export; return the exit code."""
    if 'keras' in sys.modules and sys.modules['keras'].backend.backend() != 'tensorflow':
        raise AffectError('export needs the TensorFlow backend: set KERAS_BACKEND=tensorflow')
    os.environ['KERAS_BACKEND'] = 'tensorflow'
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    from face_affect_training.export import export
    folder = export(args.folder, args.models, name=args.name, unknown_share=args.unknown_share,
                    cache_folder=args.cache)
    print(folder)
    return 0


def run_evaluate(args: argparse.Namespace) -> int:
    """Evaluate; return the exit code."""
    import json

    from face_affect_training.evaluate import evaluate, faces_of_npz, faces_of_reader
    if args.npz is not None:
        faces = faces_of_npz(args.npz)
    else:
        faces = faces_of_reader(args.data[0], Path(args.data[1]), args.data[2])
    print(json.dumps(evaluate(args.model, faces, task=args.task), indent=1))
    return 0


def run_framing(args: argparse.Namespace) -> int:
    """Print accuracy by margin; return the exit code."""
    import json

    from face_affect_training.evaluate import faces_of_reader
    from face_affect_training.framing import accuracy_by_margin
    faces = faces_of_reader(args.data[0], Path(args.data[1]), args.data[2])
    print(json.dumps(accuracy_by_margin(args.model, faces, args.margins, args.detector), indent=1))
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; return the exit code."""
    parser = argparse.ArgumentParser(prog='face_affect_training', description=__doc__)
    subparsers = parser.add_subparsers(required=True, metavar='VERB')
    for register in (register_train, register_export, register_evaluate, register_framing):
        register(subparsers)
    args = parser.parse_args(arguments)
    try:
        return int(args.run(args))
    except AffectError as error:
        print(f'face_affect: {error}', file=sys.stderr)
        return 1
