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

"""Run this Python in a process of its own: what could end a process must not end ours."""

import os
import signal
import subprocess
import sys

#: Seconds for Python's start, imports and a trial, on a slow computer.
TIMEOUT = 60.0


def run_apart(*arguments: str, timeout: float = TIMEOUT,
              **variables: str) -> 'subprocess.CompletedProcess[bytes]':
    """
    Run Python with the module path of this process, and return how it ended and what it said.

    arguments: of the interpreter, such as '-c' and code. timeout: seconds. variables: of the
    environment. Raises subprocess.TimeoutExpired.
    """
    path = os.pathsep.join(filter(None, sys.path))
    return subprocess.run([sys.executable, *arguments],
                          env={**os.environ, 'PYTHONPATH': path, **variables},
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=timeout,
                          check=False)


def signal_of(code: int) -> str:
    """Return the name of the signal that ended a process with this return code, '' for none."""
    return signal.Signals(-code).name if code < 0 else ''
