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

"""The order of the set-up."""

import argparse
import fcntl
import os
import sys

from setup_steps import build, environment, host
from setup_steps.steps import ROOT, SetupError


def main() -> int:
    """Set up what is asked for, and return the exit status."""
    parser = argparse.ArgumentParser(description='Set up .venv, build and install.')
    parser.add_argument('--with', dest='extras', action='append', default=[],
                        choices=['test', 'training'], help='install also what these need')
    parser.add_argument('--ros', default='', metavar='DISTRIBUTION',
                        help='set up for this one: the sourced one, or, where none is, one that '
                        f'there are wheels of ({", ".join(host.WHEELS)}; {host.DEFAULT} if left '
                        'out)')
    arguments = parser.parse_args()
    # Two at a time would spoil each other's work: the second one waits.
    lock = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        place = environment.create(host.inspect(arguments.ros))
        environment.install(place, arguments.extras)
        build.build(place)
    except SetupError as error:
        print(f'setup: {error}', file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('setup: interrupted', file=sys.stderr)
        return 130
    finally:
        os.close(lock)
    return 0
