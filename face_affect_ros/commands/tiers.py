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

"""`face_affect tiers`: time lines for annotation tools."""

import argparse
import os
from pathlib import Path
import sys
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.archive.reading import parts_of
from face_affect_ros.archive.tiers import tiers_path, write_tiers, WRITERS
from face_affect_ros.commands.options import add_results, file_path
from face_affect_ros.commands.outputs import check_folder, check_outputs, Inputs, result_files
from face_affect_ros.paths import shown


def register(subparsers: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = subparsers.add_parser(
        'tiers', help='write time lines of results for ELAN and video players',
        description='Write a file for each source: when each track was present, and its apparent '
        'expressions. ELAN and WebVTT need the extra `tiers`; CSV needs no extra.')
    add_results(parser)
    parser.add_argument('--format', choices=WRITERS, default='csv',
                        help='eaf: ELAN; vtt: WebVTT; csv (default: %(default)s)')
    parser.add_argument('--out', type=file_path, required=True, metavar='FOLDER',
                        help='folder of the files')
    parser.add_argument('--overwrite', action='store_true',
                        help='write into a FOLDER that is not empty')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the files; return the exit code."""
    out = arguments.out
    check_folder('--out', str(out), 'choose another name')
    if not arguments.overwrite and _is_used(out):
        raise AffectError(f'--out {out}: is not empty; choose another folder, or use --overwrite')
    parts, _ = parts_of(arguments.results)
    check_outputs([('--out', tiers_path(part, out, arguments.format)) for part in parts],
                  Inputs(result_files(arguments.results)))
    for part in parts:
        print(f'{shown(part.title)}: {shown(write_tiers(part, out, arguments.format))}',
              file=sys.stderr)
    return 0


def _is_used(out: Path) -> bool:
    """Return whether a path exists and is not an empty folder."""
    try:
        return os.path.lexists(out) and (not os.path.isdir(out) or bool(os.listdir(out)))
    except OSError as error:
        raise AffectError(f'--out {out}: {error.strerror}; choose another folder') from error
