#!/usr/bin/env python3

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

"""
Set up .venv, build/ and install/ (`make setup`).

A sourced ROS distribution is used, and completed by the packages that it lacks. Otherwise ROS 2 is
installed as Python wheels: Jazzy, or the distribution of --ros. Steps that are up to date are
skipped; another ROS repeats all of them.

    tools/bootstrap.py [--with test] [--with docs] [--with training] [--ros kilted]
"""

import argparse
import fcntl
import os
import sys

if not (3, 10) <= sys.version_info[:2] <= (3, 13):
    sys.exit('setup: Python 3.10 to 3.13 is needed, this is {}.{}; choose one: '
             'make setup PYTHON=python3.12'.format(*sys.version_info[:2]))

# Only a Python of these versions can read the following modules.
from setup_steps import build, environment, host  # noqa: E402
from setup_steps.steps import ROOT, SetupError  # noqa: E402


def main() -> int:
    """Run the set-up; return the exit status."""
    parser = argparse.ArgumentParser(description='Set up .venv, build and install.')
    parser.add_argument('--with', dest='extras', action='append', default=[],
                        choices=['test', 'docs', 'training'], help='also install what these need')
    parser.add_argument('--ros', default='', metavar='DISTRIBUTION',
                        help='ROS distribution: the sourced one or, if none is sourced, one with '
                        f'wheels: {", ".join(host.WHEELS)} (default: the sourced one, else '
                        f'{host.DEFAULT})')
    arguments = parser.parse_args()
    # A second set-up of this repository waits for the first one.
    lock = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print('setup: waiting for another set-up of this repository', flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        target = environment.create(host.inspect(arguments.ros))
        environment.install(target, arguments.extras)
        build.build(target)
    except SetupError as error:
        print(f'setup: {error}', file=sys.stderr)
        return 1
    except OSError as error:   # a full disk, or files of another user
        print(f'setup: {error}; free space, or remove what another user has made: '
              'sudo make clean', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('setup: interrupted', file=sys.stderr)
        return 130
    finally:
        os.close(lock)
    return 0


if __name__ == '__main__':
    sys.exit(main())
