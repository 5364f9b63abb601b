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

"""Measure which faces a model cannot judge."""

import argparse
import json
from pathlib import Path
from typing import Any

from face_affect_ros.affect.detectors import DEFAULT_DETECTOR


def register(subparsers: Any) -> None:
    """Add the verb limits."""
    parser = subparsers.add_parser(
        'limits', help='which faces a model cannot judge: too small, too blurred, too turned',
        description='Print accuracy by size, blur and turn of the faces as JSON, with the limits '
        'for the card; `export --limits FILE` takes them over.')
    parser.add_argument('--model', required=True, help="a model's name or folder")
    parser.add_argument('--data', nargs=3, metavar=('READER', 'PATH', 'SPLIT'), required=True)
    parser.add_argument('--limit', type=int, default=0, help='only this many faces, evenly spread')
    parser.add_argument('--detector', default=DEFAULT_DETECTOR)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print curves and limits; return the exit code."""
    from face_affect_training.evaluate import faces_of_reader
    from face_affect_training.limits import measure
    faces = faces_of_reader(args.data[0], Path(args.data[1]), args.data[2])
    print(json.dumps(measure(args.model, faces, limit=args.limit, detector=args.detector),
                     indent=1))
    return 0
