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

"""`face_affect demo`: player and node as two processes over DDS, and their results."""

import argparse
import sys
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.commands.options import (
    add_option,
    add_pipeline_options,
    check_option,
    file_path,
    settings_from,
)
from face_affect_ros.commands.outputs import check_folder, check_lines, check_outputs, Inputs
from face_affect_ros.commands.report import make_report
from face_affect_ros.demo import ENDLESS_DURATION, LINES, REPORT, RESULTS
from face_affect_ros.nodes.parameters import Spec
from face_affect_ros.paths import shown

DURATION = Spec(0.0, 'Maximum duration in seconds. 0: to the end of a clip or bag, and '
                f'{ENDLESS_DURATION:.0f} s for images and cameras.', bounds=(0.0, 1e6))


def register(subparsers: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = subparsers.add_parser(
        'demo', help='run a player and the node, show and record the results',
        description='Start camera_player (or bag_player) and face_affect_node as two processes, '
        'show a live table, and write annotated.png, annotated.mp4, faces.jsonl and, if Plotly '
        'is installed, report.html. The exit code is 0 only if faces were published.')
    parser.add_argument('--source', default='', help='image, folder, GIF, video, bag or camera '
                        "device such as '/dev/video0'; a folder is played as one clip (default: a "
                        'portrait, panned and zoomed)')
    add_option(parser, '--duration', DURATION, metavar='SECONDS')
    parser.add_argument('--out', type=file_path, default='out/demo',
                        help='folder of the results (default: %(default)s)')
    add_pipeline_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the demo; return the exit code."""
    try:
        from face_affect_ros.demo.run import run_demo
    except ImportError as error:
        raise AffectError(f'the demo needs ROS 2 and the built messages ({error}); run '
                          "'make demo', or source your ROS workspace first") from error
    check_option('--duration', DURATION, arguments.duration)
    settings = settings_from(arguments)
    check_folder('--out', str(arguments.out), 'choose another name')
    check_outputs([('--out', arguments.out / name) for name in RESULTS],
                  Inputs([arguments.source]))
    check_lines('--out', arguments.out / LINES)
    code = run_demo(source=arguments.source, duration=arguments.duration, out=arguments.out,
                    settings=settings)
    try:
        make_report(str(arguments.out / LINES), arguments.out / REPORT)
    except AffectError as error:   # the other results are complete
        print(f'no {REPORT}: {shown(error)}', file=sys.stderr)
    return code
