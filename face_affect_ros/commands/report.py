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

"""`face_affect report`: an HTML page about results."""

import argparse
from collections.abc import Iterable
from pathlib import Path
import sys
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.commands.options import add_results, file_path
from face_affect_ros.commands.outputs import check_new, check_outputs, Inputs, result_files
from face_affect_ros.paths import replaced, shown


def register(subparsers: Any) -> None:
    """Add the subcommand to argparse's subparsers."""
    parser = subparsers.add_parser(
        'report', help='write a page of charts about results',
        description='Write one self-contained HTML page that needs no network: tracks over time, '
        'expressions over time, counts. Needs the extra `report` (Plotly).')
    add_results(parser)
    parser.add_argument('--out', type=file_path, default=Path('report.html'), metavar='PAGE.html',
                        help='page to write (default: %(default)s)')
    parser.add_argument('--with-faces', action='store_true', help='show an image of each track, '
                        'read from its source; without it, nobody can be recognised')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace an existing PAGE.html')
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the page; return the exit code."""
    check_outputs([('--out', arguments.out)], Inputs(result_files(arguments.results)))
    if not arguments.overwrite:
        check_new('--out', arguments.out)
    make_report(arguments.results, arguments.out, with_faces=arguments.with_faces)
    print(f'written: {shown(arguments.out)}', file=sys.stderr)
    return 0


def make_report(results: str, out: Path, *, with_faces: bool = False) -> None:
    """
    Write a page about results.

    Args:
        results: Folder of results, or file of JSON lines.
        out: The page.
        with_faces: Whether it shows an image of each track.

    Raises:
        AffectError: The results cannot be read, or the page cannot be written.
    """
    from face_affect_ros.archive.reading import parts_of
    from face_affect_ros.archive.report import write_page
    parts, metadata = parts_of(results)
    _write(out, write_page(parts, metadata, title=f'Faces in {shown(results)}',
                           with_faces=with_faces))


def _write(out: Path, pieces: Iterable[str]) -> None:
    text = ''.join(pieces)   # before the file is opened: an error leaves no partial page
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replaced(out) as new:
            new.write_text(text, encoding='utf-8', errors='backslashreplace')
    except OSError as error:
        raise AffectError(f'{out}: cannot be written: {error.strerror}; choose another file with '
                          '--out') from error
