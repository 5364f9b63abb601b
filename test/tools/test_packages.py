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

"""Packages that a ROS distribution lacks, and paths in the cmake files of the wheels."""

from functools import partial
import os
from pathlib import Path
import sys
import venv

import pytest
from setup_steps import build, packages
from setup_steps.steps import SetupError

LOCK = """\
# Written by a test.
numpy==1.26.4 ; python_full_version < '3.13' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
no-such-package==1.0 \\
    --hash=sha256:cc
pyyaml==6.0 \\
    --hash=sha256:dd
"""


def test_a_pin_includes_its_marker_and_hashes() -> None:
    pins = packages.split_pins(LOCK)
    assert [name for name, _ in pins] == ['numpy', 'no-such-package', 'pyyaml']
    assert ''.join(pin for _, pin in pins) == LOCK.partition('\n')[2]


def test_only_missing_packages_are_installed(tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[str] = []
    monkeypatch.setattr(packages, 'install_lock',
                        lambda python, path, env: installed.append(path.read_text()))
    lock, chosen = tmp_path / 'lock.txt', tmp_path / 'chosen.txt'
    lock.write_text(LOCK)
    packages.install_missing(Path(sys.executable), lock, dict(os.environ), chosen)
    assert installed == ['no-such-package==1.0 \\\n    --hash=sha256:cc\n']

    lock.write_text(LOCK.replace('no-such-package', 'numpy'))
    packages.install_missing(Path(sys.executable), lock, dict(os.environ), chosen)
    assert len(installed) == 1


@pytest.mark.slow
def test_packages_are_installed_into_the_environment_despite_pip_conf(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / 'pip.conf').write_text('[install]\nuser = true\n')
    monkeypatch.setenv('PIP_CONFIG_FILE', str(tmp_path / 'pip.conf'))
    monkeypatch.setattr(packages, 'run', partial(packages.run, log=tmp_path / 'log'))
    (tmp_path / 'empty.txt').write_text('')
    venv.create(tmp_path / 'venv', with_pip=True)
    packages.install_lock(tmp_path / 'venv' / 'bin' / 'python', tmp_path / 'empty.txt', os.environ)


def test_another_version_is_not_accepted(tmp_path: Path) -> None:
    """For example, setuptools installed by hand."""
    site = tmp_path / 'lib' / 'python3.12' / 'site-packages'
    (site / 'numpy-2.0.0.dist-info').mkdir(parents=True)
    lock = tmp_path / 'lock.txt'
    lock.write_text(LOCK)
    assert packages.installed_path('numpy', lock, tmp_path) == site / 'numpy-1.26.4.dist-info'
    with pytest.raises(SetupError, match='lock.txt does not pin scipy'):
        packages.installed_path('scipy', lock, tmp_path)


@pytest.mark.parametrize(('line', 'name'), [
    ('set(x "/opt/python/cp311-cp311/include/python3.11")', 'include'),
    ('"/opt/python/cp313-cp313/include/python3.13;/usr/include"', 'include'),
    ('/opt/python/cp311-cp311/lib/python3.11/site-packages/numpy/_core/include', 'numpy'),
    ('/opt/python/cp310-cp310/lib/python3.10/site-packages/numpy/core/include', 'numpy'),
])
def test_folders_of_the_machine_that_made_the_wheels_are_found(line: str, name: str) -> None:
    hits = {key for key, pattern in build.BUILD_PATHS.items() if pattern.search(line)}
    assert hits == {name}
    assert '/opt' not in build.BUILD_PATHS[name].sub('/here', line)
