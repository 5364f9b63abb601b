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

"""The set-up command: errors, and a second set-up at the same time."""

import fcntl
import os
from pathlib import Path
import shutil
import subprocess
from types import SimpleNamespace

import bootstrap
import pytest

ROOT = Path(bootstrap.__file__).parents[1]


@pytest.fixture
def created(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Replace the steps of the set-up. error: raised by the first one."""
    state = SimpleNamespace(error=None)

    def create(_: object) -> None:
        if state.error:
            raise state.error
    monkeypatch.setattr(bootstrap.environment, 'create', create)
    monkeypatch.setattr(bootstrap.environment, 'install', lambda *_: None)
    monkeypatch.setattr(bootstrap.build, 'build', lambda *_: None)
    monkeypatch.setattr(bootstrap.host, 'inspect', lambda *_: None)
    monkeypatch.setattr('sys.argv', ['bootstrap.py'])
    return state


def test_a_file_that_cannot_be_written_is_reported(created: SimpleNamespace,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    assert bootstrap.main() == 0
    created.error = PermissionError(13, 'Permission denied', '.venv/stamps/build')
    assert bootstrap.main() == 1
    assert "Permission denied: '.venv/stamps/build'; free space, or " in capsys.readouterr().err


def test_a_second_set_up_waits_for_the_first_one(created: SimpleNamespace, tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(bootstrap, 'ROOT', tmp_path)
    first = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(first, fcntl.LOCK_EX)
    ends = [lambda *_: os.close(first)]   # when the second one begins to wait
    real = fcntl.flock

    def flock(lock: int, mode: int) -> None:
        if mode == fcntl.LOCK_EX:
            ends.pop()()
        real(lock, mode)
    monkeypatch.setattr(fcntl, 'flock', flock)
    assert bootstrap.main() == 0
    assert 'waiting for another set-up' in capsys.readouterr().out


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """Return a checkout with the files that env.sh reads, except for those of the build."""
    here = tmp_path / 'here'
    (here / 'tools').mkdir(parents=True)
    shutil.copy(ROOT / 'tools' / 'env.sh', here / 'tools')
    (here / '.venv' / 'bin').mkdir(parents=True)
    (here / '.venv' / 'bin' / 'activate').write_text(
        f"VIRTUAL_ENV='{here}/.venv'\ndeactivate() {{ unset VIRTUAL_ENV; }}\n")
    (here / '.venv' / 'setup.sh').write_text('FACE_AFFECT_ROS=wheels\n')
    (here / 'install').mkdir()
    return here


def test_libraries_of_another_checkout_or_ros_are_not_used(here: Path) -> None:
    for name in ('local_setup.sh', 'local_setup.bash'):
        (here / 'install' / name).touch()
    path = '/opt/ros/humble/lib:/a/install/face_affect_msgs/lib:/a/.venv/underlay/lib:/cuda/lib64'
    done = subprocess.run(['bash', '-ec', f'. {here}/tools/env.sh; echo "$LD_LIBRARY_PATH"'],
                          env={**os.environ, 'LD_LIBRARY_PATH': path}, stdout=subprocess.PIPE,
                          text=True, check=True)
    assert done.stdout == '/cuda/lib64\n'


def test_only_a_complete_set_up_of_this_folder_is_entered(here: Path, tmp_path: Path) -> None:
    def complaint(folder: Path) -> str:
        done = subprocess.run(['bash', '-c', f'. {folder}/tools/env.sh'], capture_output=True,
                              text=True, check=False)
        assert done.returncode == bool(done.stderr)
        return done.stderr

    assert 'here is not set up; run: make setup' in complaint(here)
    for name in ('local_setup.sh', 'local_setup.bash'):
        (here / 'install' / name).touch()
    assert complaint(here) == ''
    (tmp_path / 'link').symlink_to(here)
    assert complaint(tmp_path / 'link') == ''
    shutil.copytree(here, tmp_path / 'copy')
    assert 'copy was moved or copied after its set-up; run: make setup' in complaint(
        tmp_path / 'copy')
