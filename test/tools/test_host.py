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

"""The ROS distribution and the Python of the set-up, and errors for missing tools."""

from dataclasses import replace
from pathlib import Path

import pytest
from setup_steps import host
from setup_steps.host import Machine, Python
from setup_steps.steps import SetupError

PLAIN = Python(executable='/opt/python3', prefix='/opt', version=(3, 12, 3), rclpy=False,
               venv=True, headers=True)
WITH_ROS = replace(PLAIN, executable='/usr/bin/python3', rclpy=True)


@pytest.fixture
def x86(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('sys.platform', 'linux')
    monkeypatch.setattr('os.uname', lambda: type('Name', (), {'machine': 'x86_64'}))


@pytest.mark.parametrize(('python', 'system', 'distribution', 'expected'), [
    (PLAIN, None, '', Machine(PLAIN, 'jazzy', wheels=True)),
    (PLAIN, WITH_ROS, '', Machine(PLAIN, 'jazzy', wheels=True)),
    (WITH_ROS, None, 'humble', Machine(WITH_ROS, 'humble', wheels=False)),
    (PLAIN, WITH_ROS, 'humble', Machine(WITH_ROS, 'humble', wheels=False)),
    (PLAIN, PLAIN, 'humble', Machine(PLAIN, 'jazzy', wheels=True)),
])
def test_a_sourced_distribution_with_rclpy_is_used(python: Python, system: Python | None,
                                                   distribution: str, expected: Machine, x86: None,
                                                   monkeypatch: pytest.MonkeyPatch,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(host, 'probe', lambda executable: system)
    assert host.choose(python, distribution) == expected
    said = capsys.readouterr().out
    assert ('cannot import its rclpy' in said) == bool(distribution and expected.wheels)


def test_the_wheels_of_a_requested_distribution_are_used(x86: None) -> None:
    assert host.choose(PLAIN, '', 'kilted') == Machine(PLAIN, 'kilted', wheels=True)
    assert host.choose(WITH_ROS, 'kilted', 'kilted') == Machine(WITH_ROS, 'kilted', wheels=False)


@pytest.mark.parametrize(('sourced', 'requested', 'complaint'), [
    ('', 'humble', 'ROS=humble: only jazzy and kilted have wheels'),
    ('jazzy', 'kilted', 'ROS=kilted is requested, but ROS jazzy is sourced'),
])
def test_a_distribution_without_wheels_is_refused(sourced: str, requested: str, complaint: str,
                                                  x86: None) -> None:
    with pytest.raises(SetupError, match=complaint):
        host.choose(WITH_ROS, sourced, requested)


def test_a_distribution_with_too_new_a_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match=r'ROS next has Python 3\.14, .* needs 3\.10 to 3\.13'):
        host.choose(replace(WITH_ROS, version=(3, 14, 0)), 'next')


def test_wheels_for_another_machine_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('os.uname', lambda: type('Name', (), {'machine': 'aarch64'}))
    with pytest.raises(SetupError, match='x86-64 Linux, this is linux on aarch64; install ROS 2'):
        host.choose(PLAIN, '')


@pytest.mark.parametrize('name', ['my robot', 'Größe', "q'q", 'a(1)', 'a$b'])
def test_a_path_that_the_build_does_not_support_is_refused(
        name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host, 'ROOT', Path('/home', name))
    with pytest.raises(SetupError, match='the path /home/.* move the repository'):
        host.inspect('')


def test_what_is_missing_is_named_by_its_debian_package(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = tmp_path / 'make'
    make.touch()
    make.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path))
    monkeypatch.delenv('CXX', raising=False)
    assert [package for _, package in host.missing_tools()] == ['cmake', 'g++']
    bare = replace(PLAIN, venv=False, headers=False)
    assert [package for _, package in host.missing_modules(bare)] == [
        'python3.12-venv', 'python3.12-dev']
    assert host.missing_modules(PLAIN) == []


def test_the_properties_of_an_interpreter() -> None:
    import platform
    import sys

    python = host.probe(sys.executable)
    assert python is not None
    assert python.version == sys.version_info[:3]
    assert python.prefix == sys.base_prefix
    assert '.'.join(map(str, python.version)) in platform.python_version()
    assert host.probe('/no/such/python3') is None
