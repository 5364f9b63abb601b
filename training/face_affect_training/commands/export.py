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

"""Turn a trained network into a model of the robot."""

import argparse
import json
import os
from pathlib import Path
import sys
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.tflite import PRECISIONS


def register(subparsers: Any) -> None:
    """Add the verb export."""
    parser = subparsers.add_parser('export', help='turn a trained network into a model of the '
                                   'robot: model.tflite and card.yaml')
    parser.add_argument('folder', type=Path, help='folder of the training run')
    parser.add_argument('--main', default='float32', choices=PRECISIONS, help='precision of the '
                        'folder NAME; that of the others is part of their name (default: float32)')
    parser.add_argument('--precision', nargs='+', default=[], choices=PRECISIONS,
                        help='of the files to write (default: that of --main)')
    parser.add_argument('--models', type=Path, default=Path('models'), help='folder of models')
    parser.add_argument('--name', help="the model's name (default: the experiment's)")
    parser.add_argument('--margin', type=float, help="of the robot's crop, as share of the box on "
                        "each side; framing finds it (default: the experiment's)")
    parser.add_argument('--unknown-share', type=float, default=0.1, help='share of the validation '
                        'faces that the threshold leaves UNKNOWN (default: 0.1)')
    parser.add_argument('--limits', type=Path, nargs='+', default=[], metavar='JSON',
                        help='what `limits` has printed of the faces that the model cannot judge, '
                        'for the card; a file for each of its tasks')
    parser.add_argument('--saliency', nargs='?', default='', const='float32',
                        choices=('float32', 'float16', 'dynamic'), help='also write '
                        'saliency.npz into the folder NAME, the gradients by which the robot '
                        'explains the model; in this precision (default: float32)')
    parser.add_argument('--mirror', action='store_true', help='a model that looks at each face in '
                        'the mirror as well, and takes the mean: more often right, at twice the '
                        'time')
    parser.add_argument('--cache', type=Path, help='folder for decoded pictures')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Export; return the exit code."""
    if not 0.0 <= args.unknown_share < 1.0:
        raise AffectError(f'--unknown-share {args.unknown_share:g}: must lie in [0, 1)')
    if 'keras' in sys.modules and sys.modules['keras'].backend.backend() != 'tensorflow':
        raise AffectError('export needs the TensorFlow backend: set KERAS_BACKEND=tensorflow')
    os.environ['KERAS_BACKEND'] = 'tensorflow'
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    from face_affect_training.export import export
    for exported in export(args.folder, args.models, name=args.name, main=args.main,
                           precisions=args.precision, margin=args.margin,
                           unknown_share=args.unknown_share, saliency=args.saliency,
                           limits=_limits(args.limits), mirror=args.mirror,
                           cache_folder=args.cache):
        print(exported.line())
    return 0


def _limits(files: list[Path]) -> dict[str, dict[str, float]]:
    """Return the limits in files that `limits` has written, by task."""
    found = {}
    for file in files:
        try:
            facts = json.loads(file.read_text(encoding='utf-8'))
            found[str(facts['task'])] = dict(facts['limits'])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise AffectError(f'--limits {file}: is not what `face_affect limits` prints: {error}'
                              ) from error
    return found
