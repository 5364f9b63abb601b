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

"""Find the crop margin that suits a model behind the robot's detector."""

import argparse
import json
from pathlib import Path
from typing import Any

from face_affect_ros.affect.detectors import DEFAULT_DETECTOR


def register(subparsers: Any) -> None:
    """Add the verb framing."""
    parser = subparsers.add_parser('framing', help="accuracy of a model behind the robot's "
                                   'detector, by crop margin')
    parser.add_argument('--model', required=True, help="a model's name or folder")
    parser.add_argument('--data', nargs=3, metavar=('READER', 'PATH', 'SPLIT'), required=True)
    parser.add_argument('--margins', nargs='+', type=float, default=None)
    parser.add_argument('--detector', default=DEFAULT_DETECTOR)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print accuracy by margin; return the exit code."""
    from face_affect_training.evaluate import faces_of_reader
    from face_affect_training.framing import accuracy_by_margin, MARGINS
    faces = faces_of_reader(args.data[0], Path(args.data[1]), args.data[2])
    print(json.dumps(accuracy_by_margin(args.model, faces, args.margins or MARGINS,
                                        args.detector), indent=1))
    return 0
