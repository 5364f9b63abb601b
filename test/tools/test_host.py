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

"""Which ROS and which Python the set-up takes, and what it says when something is missing."""

from dataclasses import replace
from pathlib import Path

import pytest
from setup_steps import host
from setup_steps.host import Machine, Python
from setup_steps.steps import SetupError

PLAIN = Python(executable='/opt/python3', prefix='/opt', version=(3, 12, 3), rclpy=False,
               venv=True, headers=True)
WITH_ROS = replace(PLAIN, executable='/usr/bin/python3', rclpy=True)


@pytest.mark.parametrize(('python', 'system', 'distribution', 'expected'), [
    (PLAIN, None, '', Machine(PLAIN, '')),
    (PLAIN, WITH_ROS, '', Machine(PLAIN, '')),
    (WITH_ROS, None, 'jazzy', Machine(WITH_ROS, 'jazzy')),
    (PLAIN, WITH_ROS, 'jazzy', Machine(WITH_ROS, 'jazzy')),
    (PLAIN, PLAIN, 'jazzy', Machine(PLAIN, '')),
])
def test_a_sourced_distribution_is_taken_where_its_rclpy_imports(
        python: Python, system: Python | None, distribution: str, expected: Machine,
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(host, 'ask', lambda executable: system)
    monkeypatch.setattr('sys.platform', 'linux')
    monkeypatch.setattr('os.uname', lambda: type('Name', (), {'machine': 'x86_64'}))
    assert host.choose(python, distribution) == expected
    said = capsys.readouterr().out
    assert ('cannot import its rclpy' in said) == bool(distribution and not expected.distribution)


def test_a_distribution_with_too_new_a_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match=r'ROS next has Python 3\.14, .* needs 3\.10 to 3\.13'):
        host.choose(replace(WITH_ROS, version=(3, 14, 0)), 'next')


def test_no_wheels_for_another_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('os.uname', lambda: type('Name', (), {'machine': 'aarch64'}))
    with pytest.raises(SetupError, match='x86-64 Linux, this is linux on aarch64; install ROS 2'):
        host.choose(PLAIN, '')


def test_what_is_missing_is_named_by_its_debian_package(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = tmp_path / 'make'
    make.touch()
    make.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.delenv('CXX', raising=False)
    assert [package for _, package in host.lacking_tools()] == ['cmake', 'g++']
    bare = replace(PLAIN, venv=False, headers=False)
    assert [package for _, package in host.lacking_modules(bare)] == [
        'python3.12-venv', 'python3.12-dev']
    assert host.lacking_modules(PLAIN) == []


def test_an_interpreter_answers_for_itself() -> None:
    import platform
    import sys

    python = host.ask(sys.executable)
    assert python is not None
    assert python.version == sys.version_info[:3]
    assert python.prefix == sys.base_prefix
    assert '.'.join(map(str, python.version)) in platform.python_version()
    assert host.ask('/no/such/python3') is None
