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

"""The command `face_affect`. Other packages add subcommands as entry points."""

import argparse
from collections.abc import Sequence
import contextlib
from importlib.metadata import entry_points
import os
import signal
import sys

from face_affect_ros import __version__
from face_affect_ros.affect.types import AffectError
from face_affect_ros.paths import shown

#: Each entry point of this group is a function that adds one parser to argparse's subparsers
#: and sets its default `run`, a function of the parsed arguments that returns the exit code.
GROUP = 'face_affect.commands'


def make_parser() -> argparse.ArgumentParser:
    """
    Return the parser with all installed subcommands.

    Raises:
        AffectError: A Python package that a subcommand needs is missing.
    """
    try:
        from face_affect_ros.commands import analyze, demo, explain, report, tiers
    except ModuleNotFoundError as error:
        raise AffectError(f"the Python package '{error.name}' is missing; install the "
                          'dependencies: rosdep install --from-paths src --ignore-src'
                          ) from error
    parser = argparse.ArgumentParser(
        prog='face_affect', description='Find faces, their apparent expression and gender.')
    parser.add_argument('--version', action='version', version=f'%(prog)s {__version__}')
    subparsers = parser.add_subparsers(dest='command', required=True, metavar='COMMAND')
    analyze.register(subparsers)
    demo.register(subparsers)
    explain.register(subparsers)
    report.register(subparsers)
    tiers.register(subparsers)
    for point in sorted(set(entry_points(group=GROUP)), key=lambda point: point.name):
        point.load()(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; return its exit code, 1 after an error that the user can correct."""
    _replace_closed_streams()
    if argv is None:   # this process is the command
        _end_at_signals()
    try:
        try:
            arguments = make_parser().parse_args(argv)
            return int(arguments.run(arguments))
        finally:   # also after --help, which raises SystemExit
            _flush()
    except AffectError as error:
        print(f'error: {shown(error)}', file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of the output has ended, as `head` does
        sys.stderr.close()
        return 1
    except FileNotFoundError:
        if _has_working_directory():
            raise
        print('error: the working directory no longer exists; change to another one: cd FOLDER',
              file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _end_at_signals() -> None:
    """Exit at SIGTERM (of `timeout`) and SIGHUP (of a closed terminal) and close the files."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:   # else it is ignored, as by nohup
            signal.signal(number, lambda number, _: sys.exit(128 + number))


def _has_working_directory() -> bool:
    """Return whether the working directory exists, which a relative name needs."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _replace_closed_streams() -> None:
    """Open the standard streams that the caller has closed on the null device."""
    for number in range(3):   # else the next file gets this number, and what libraries print to it
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    if sys.stderr is None:   # print(file=None) writes to standard output
        sys.stderr = open(os.devnull, 'w')   # noqa: SIM115 - until the process ends


def _flush() -> None:
    """Write the rest of standard output; AffectError if it cannot be written."""
    if sys.stdout is None:   # closed by the caller
        return
    try:
        sys.stdout.flush()
    except OSError as error:
        with contextlib.suppress(OSError):   # else Python tries again at its end, and prints it
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            raise
        raise AffectError(f'standard output cannot be written: {error.strerror}; write to '
                          'another file or disk') from error


if __name__ == '__main__':
    raise SystemExit(main())
