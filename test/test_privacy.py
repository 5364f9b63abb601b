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

"""Nothing is sent to a network, and nothing is written: verified by restrictions of the kernel."""

import json
import os
from pathlib import Path
import signal
import subprocess
import sys
from typing import Any

import pytest
from support import SOURCE

TEST = Path(__file__).resolve().parent


def run(folder: Path, *command: str) -> 'subprocess.CompletedProcess[str]':
    """Run Python in an empty folder, which is the home and contains logs and temporary files."""
    places = {name: str(folder / name.lower()) for name in ('HOME', 'TMPDIR', 'ROS_LOG_DIR')}
    for place in (*places.values(), folder / 'here'):
        Path(place).mkdir()
    path = os.pathsep.join([str(SOURCE), str(TEST), os.environ.get('PYTHONPATH', '')])
    return subprocess.run([sys.executable, *command], cwd=folder / 'here', text=True, timeout=120,
                          capture_output=True, env={**os.environ, **places, 'PYTHONPATH': path})


def files(folder: Path) -> list[str]:
    """Return the files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file())


def without_sockets(code: str, *arguments: str) -> list[str]:
    """Return the command that runs code, which is killed if it opens a socket."""
    fence = ('import sys, fences\n'
             'try: fences.kill_at_sockets(datagrams=False)\n'
             'except fences.Unsupported as error: print(error); sys.exit(77)\n')
    return ['-c', fence + code, *arguments]


def skip_where_unsupported(done: Any) -> None:
    if done.returncode == 77:
        pytest.skip(f'this kernel puts up no fences: {done.stdout}')


def test_the_filter_kills_the_process_at_the_first_socket(tmp_path: Path) -> None:
    done = run(tmp_path, *without_sockets('import socket; socket.socket()'))
    skip_where_unsupported(done)
    assert done.returncode == -signal.SIGSYS


def test_the_pipeline_opens_no_socket_and_writes_only_its_outputs(tmp_path: Path) -> None:
    done = run(tmp_path, *without_sockets(
        'from face_affect_ros.cli import main\n'
        'from face_affect_ros.media.portrait import portrait_path\n'
        'sys.exit(main(["analyze", str(portrait_path()), "--json", "faces.jsonl"]))'))
    skip_where_unsupported(done)
    assert done.returncode == 0, done.stderr
    assert files(tmp_path) == ['here/faces.jsonl']
    assert json.loads((tmp_path / 'here' / 'faces.jsonl').read_text())['faces']


def test_the_node_needs_only_the_loopback_and_writes_only_ros_logs(ros_domain: int,
                                                                   tmp_path: Path) -> None:
    done = run(tmp_path, str(TEST / 'lonely_node.py'))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    if 'unsupported' in told:
        pytest.skip(f'no network of its own for this process: {told["unsupported"]}')
    assert told['published'] == 10 and told['faces'] == [1] * 10
    assert told['unreachable'] == 0
    assert told['written'] == []
    assert [path for path in files(tmp_path) if not path.startswith('ros_log_dir/')] == []
    # The log of ten images with faces is a few lines, too small for an image.
    assert sum((tmp_path / path).stat().st_size for path in files(tmp_path)) < 4096


def test_a_packet_to_the_outside_is_counted(tmp_path: Path) -> None:
    done = run(tmp_path, '-c', 'import fences, socket, sys\n'
               'try: fences.leave_the_network()\n'
               'except (fences.Unsupported, OSError) as error: print(error); sys.exit(77)\n'
               'one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n'
               'try: one.sendto(b"x", ("192.0.2.1", 9))\n'
               'except OSError: pass\n'
               'print(fences.unreachable())')
    skip_where_unsupported(done)
    assert int(done.stdout) >= 1, done.stderr
