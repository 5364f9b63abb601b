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

"""The executables of setup.py."""

import os
from pathlib import Path
import re
import signal
import sys
import time
import types
from typing import Any

from face_affect_ros import executables
from face_affect_ros.processes import running_node
import pytest
from support import running, SOURCE, wait_until

SCRIPTS = dict(re.findall(r"'(\w+) = ([\w.]+:\w+)'", (SOURCE / 'setup.py').read_text().partition(
    'console_scripts')[2].partition(']')[0]))
SLOW = "import time; print('importing', flush=True); time.sleep(60)"


@pytest.mark.parametrize('name', SCRIPTS)
def test_ctrl_c_during_the_imports_prints_nothing(name: str, tmp_path: Path) -> None:
    (tmp_path / 'numpy.py').write_text(SLOW)
    (tmp_path / 'rclpy.py').write_text(SLOW)
    module, _, function = SCRIPTS[name].partition(':')
    path = os.pathsep.join([str(tmp_path), str(SOURCE), os.environ.get('PYTHONPATH', '')])
    code = ('import signal; signal.signal(signal.SIGINT, signal.default_int_handler); '
            f'from {module} import {function}; {function}()')
    with running(sys.executable, '-c', code, environment={'PYTHONPATH': path}) as process:
        assert wait_until(lambda: process.output() or not process.running())
        assert process.output() == 'importing\n'
        assert process.stop() == -signal.SIGINT
        assert process.output() == 'importing\n'


def test_ctrl_c_while_the_process_ends_changes_nothing() -> None:
    """As of launch, which sends a second one after that of the terminal."""
    code = ('import atexit, os, signal, sys, types; '
            'signal.signal(signal.SIGINT, signal.default_int_handler); '
            'from face_affect_ros import executables; '
            'sys.modules["face_affect_ros.cli"] = types.SimpleNamespace(main=lambda: 3); '
            'atexit.register(os.kill, os.getpid(), signal.SIGINT); '
            'raise SystemExit(executables.face_affect())')
    with running(sys.executable, '-c', code) as process:
        assert (process.wait(), process.output()) == (3, '')


def test_a_node_of_the_demo_that_is_ended_during_its_imports_prints_nothing(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
        ) -> None:
    (tmp_path / 'numpy.py').write_text(SLOW)
    (tmp_path / 'rclpy.py').write_text(SLOW)
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([
        str(tmp_path), str(SOURCE), os.environ.get('PYTHONPATH', '')]))
    printed = ''
    former = signal.signal(signal.SIGINT, signal.default_int_handler)   # else it may be ignored
    try:
        with running_node('camera_player', 'player', {}) as player:
            while not printed and player.poll() is None:
                time.sleep(0.05)
                printed = capfd.readouterr().out
    finally:
        signal.signal(signal.SIGINT, former)
    assert (printed, player.returncode) == ('importing\n', -signal.SIGINT)
    assert capfd.readouterr() == ('', '')


@pytest.mark.parametrize('handler', [signal.default_int_handler, signal.SIG_IGN])
def test_main_has_the_signal_handler_of_the_process(handler: Any,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    cli: Any = types.ModuleType('cli')
    cli.main = lambda: 3 if signal.getsignal(signal.SIGINT) is handler else 4
    monkeypatch.setitem(sys.modules, 'face_affect_ros.cli', cli)
    former = signal.signal(signal.SIGINT, handler)
    try:
        assert executables.face_affect() == 3
    finally:
        signal.signal(signal.SIGINT, former)
