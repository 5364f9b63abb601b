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

"""Nodes of this package in separate processes."""

from collections.abc import Iterator
import contextlib
import os
from pathlib import Path
import signal
import subprocess
import sys
import tempfile
from typing import Any

import yaml

#: Seconds to wait for the end of a process after each signal.
GRACE = 5.0


class _Dumper(yaml.SafeDumper):
    """Writes strings in quotes: to the parser of rcl, 1e3 and inf without quotes are numbers."""


_Dumper.add_representer(str, lambda dumper, text: dumper.represent_scalar(
    'tag:yaml.org,2002:str', text, style='"'))


@contextlib.contextmanager
def running_node(module: str, name: str, parameters: dict[str, Any],
                 remappings: dict[str, str] | None = None) -> Iterator['subprocess.Popen[bytes]']:
    """
    Run a node during a with block, and end it cleanly.

    Args:
        module: Name in face_affect_ros.executables.
        name: Name of the node.
        parameters: Values by name, passed in a file, in which a string such as '0' stays a
            string.
        remappings: Target by source.

    Yields:
        The process.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'parameters.yaml'
        file.write_text(yaml.dump({name: {'ros__parameters': parameters}}, Dumper=_Dumper),
                        encoding='utf-8')
        command = [sys.executable, '-c', f'from face_affect_ros.executables import {module} as '
                   'main; raise SystemExit(main())',
                   '--ros-args', '-r', f'__node:={name}', '--params-file', str(file)]
        for source, target in (remappings or {}).items():
            command += ['-r', f'{source}:={target}']
        # A separate process group: Ctrl-C in the terminal reaches only the parent, which then ends
        # its children in order.
        process = subprocess.Popen(command, process_group=0) if sys.version_info >= (3, 11) \
            else subprocess.Popen(command, preexec_fn=os.setpgrp)
        try:
            yield process
        finally:
            stop(process)


def stop(process: 'subprocess.Popen[bytes]') -> int:
    """End a process by SIGINT, then SIGTERM, then SIGKILL; return its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            break
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
    return process.wait()
