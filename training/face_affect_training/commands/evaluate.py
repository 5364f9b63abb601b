"""Judge a model on labelled faces."""

import argparse
import json
from pathlib import Path
from typing import Any


def register(subparsers: Any) -> None:
    """Add the verb evaluate."""
    parser = subparsers.add_parser('evaluate', help='judge a model on labelled faces')
    parser.add_argument('--model', required=True, help="a model's name or folder")
    faces = parser.add_mutually_exclusive_group(required=True)
    faces.add_argument('--npz', type=Path, help='images (N,H,W or N,H,W,3 uint8 RGB), labels, '
                       'optional groups')
    faces.add_argument('--data', nargs=3, metavar=('READER', 'PATH', 'SPLIT'),
                       help='a data set instead, such as fer2013_sheets FOLDER PublicTest')
    parser.add_argument('--task', choices=('emotion', 'gender'), help='where a model has both')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate; return the exit code."""
    from face_affect_training.evaluate import evaluate, faces_of_npz, faces_of_reader
    if args.npz is not None:
        faces = faces_of_npz(args.npz)
    else:
        faces = faces_of_reader(args.data[0], Path(args.data[1]), args.data[2])
    print(json.dumps(evaluate(args.model, faces, task=args.task), indent=1))
    return 0
