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

"""Where a model looks, by class and by group."""

import argparse
from pathlib import Path
from typing import Any

from face_affect_ros.affect.detectors import DEFAULT_DETECTOR


def register(subparsers: Any) -> None:
    """Add the verb bias-report."""
    parser = subparsers.add_parser(
        'bias-report', help='where a model looks: saliency in each part of the face, by class and '
        'group', description='Write the share of saliency on eyes, nose, mouth, the rest of the '
        'face and outside of it, over all faces of a data set, by class and by group.')
    parser.add_argument('--model', required=True, help="a model's name or folder")
    parser.add_argument('--data', nargs=3, metavar=('READER', 'PATH', 'SPLIT'), required=True)
    parser.add_argument('--mode', choices=('guided', 'gradient'), default='guided')
    parser.add_argument('--limit', type=int, default=0, help='only this many faces, evenly spread')
    parser.add_argument('--detector', default=DEFAULT_DETECTOR)
    parser.add_argument('--out', type=Path, default=Path('runs/bias'), help='folder for '
                        'bias_MODEL_READER.json, .md and pictures (default: runs/bias)')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the report; return the exit code."""
    from face_affect_training.evaluate import faces_of_reader, make_folder
    from face_affect_training.experiment import portable_path
    from face_affect_training.saliency import bias, bias_files
    make_folder(args.out)
    reader, path, split = args.data
    faces = faces_of_reader(reader, Path(path), split)
    report, looked = bias.look(args.model, faces, mode=args.mode, limit=args.limit,
                               detector=args.detector)
    name = f"bias_{report['model']}_{reader}"
    command = (f'face_affect bias-report --model {portable_path(args.model)} --data {reader} '
               f'{portable_path(path)} {split}')
    for written in bias_files.write(report, looked, args.out, name, command):
        print(written)
    return 0
