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

"""Judge a model on labelled faces."""

import argparse
import json
import os
from pathlib import Path
import sys
from typing import Any


def register(subparsers: Any) -> None:
    """Add the verb evaluate."""
    parser = subparsers.add_parser(
        'evaluate', help='judge a model on labelled faces', description='Judge a model on '
        'labelled faces: JSON with the key accuracy on standard output. Each whole picture is '
        "taken as the crop, and goes through the robot's own crop, scale and classifier.")
    parser.add_argument('--model', required=True, help="a model's name, folder or .tflite file; "
                        "or a run's folder or .keras file")
    faces = parser.add_mutually_exclusive_group(required=True)
    faces.add_argument('--npz', type=Path, metavar='FILE', help='images (N,H,W or N,H,W,3 uint8 '
                       'RGB), labels (N), optional groups (N, or N,G) and group_NAME (N)')
    faces.add_argument('--data', nargs=3, metavar=('READER', 'PATH', 'SPLIT'),
                       help='a data set instead, such as fer2013_sheets FOLDER PublicTest')
    parser.add_argument('--without', metavar='SPLIT', default='', help='with --data: leave out '
                        'the pictures that are in this split as well, pixel by pixel')
    parser.add_argument('--task', choices=('emotion', 'gender'), help='where a model has both')
    parser.add_argument('--out', type=Path, metavar='FOLDER',
                        help='also write report.json, report.md and confusion.png')
    parser.add_argument('--threads', type=_threads, default=1,
                        help='of the TFLite runtime (default: 1)')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate; return the exit code."""
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    from face_affect_training.evaluate import (
        evaluate,
        faces_of_npz,
        faces_of_reader,
        make_folder,
        write_report,
    )
    if args.out is not None:
        make_folder(args.out)   # a wrong one is reported before the work
    if args.npz is not None:
        faces = faces_of_npz(args.npz)
    else:
        faces = faces_of_reader(args.data[0], Path(args.data[1]), args.data[2],
                                without=args.without)
    result = evaluate(args.model, faces, task=args.task, threads=args.threads)
    print(f"{result['model']} on {result['data']}: {result['faces']:,} faces, each whole picture "
          'taken as the crop', file=sys.stderr)
    if args.out is not None:
        write_report(result, args.out)
        print(f'{args.out}: report.json, report.md, confusion.png', file=sys.stderr)
    print(json.dumps(result, indent=1, allow_nan=False))
    return 0


def _threads(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f'{number} is not a number of threads')
    return number
