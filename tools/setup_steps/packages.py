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

"""Installation of pinned and hashed Python packages by pip."""

from collections.abc import Mapping
import json
from pathlib import Path
import re
import subprocess

from setup_steps.steps import run, SetupError

#: The package without a wheel. It is built with the setuptools of requirements/build.txt.
SOURCE_ONLY = 'empy'
#: Modules whose names differ from those of their distributions.
MODULES = {
    'backports-strenum': 'backports.strenum',
    'backports-zstd': 'backports.zstd',
    'empy': 'em',
    'opencv-python-headless': 'cv2',
    'pillow': 'PIL',
    'protobuf': 'google.protobuf',
    'python-dateutil': 'dateutil',
    'pympi-ling': 'pympi',
    'pyyaml': 'yaml',
    'ruamel-yaml': 'ruamel.yaml',
    'scikit-image': 'skimage',
    'webvtt-py': 'webvtt',
}
# Since version 80, setuptools copies files in place of the links of colcon's --symlink-install.
FIND = """
import importlib.util, json, sys
def found(name):
    try:
        if importlib.util.find_spec(name) is None:
            return False
    except ModuleNotFoundError:
        return False
    if name != 'setuptools':
        return True
    import setuptools
    return int(setuptools.__version__.split('.')[0]) < 80
print(json.dumps([found(name) for name in sys.argv[1:]]))
"""


def install_lock(python: Path, path: Path, env: Mapping[str, str]) -> None:
    """Install a lock. It is complete, so pip does not resolve dependencies."""
    _pip(python, env, f'installing {path.name}', '--require-hashes', '--only-binary', ':all:',
         '--no-binary', SOURCE_ONLY, '--requirement', str(path))


def installed_path(name: str, path: Path, venv: Path) -> Path:
    """Return the metadata folder of the pinned version of a package, installed or not."""
    version = re.search(rf'^{name}==(\S+)', path.read_text(), re.MULTILINE)
    if version is None:
        raise SetupError(f'{path} does not pin {name}')
    return next((venv / 'lib').glob('python3*/site-packages')) / f'{name}-{version[1]}.dist-info'


def link(python: Path, folder: Path, env: Mapping[str, str]) -> None:
    """Install the Python package in a folder as a link to its sources."""
    _pip(python, env, f'linking {folder.name}', '--editable', str(folder))


def _pip(python: Path, env: Mapping[str, str], what: str, *options: str) -> None:
    # A virtual environment refuses `user = true` of the user's pip.conf.
    run([python, '-m', 'pip', 'install', '--disable-pip-version-check', '--no-input',
         '--progress-bar', 'off', '--no-deps', '--no-build-isolation', *options],
        what=what, env={**env, 'PIP_USER': '0'})


def install_missing(python: Path, path: Path, env: Mapping[str, str], chosen: Path) -> None:
    """
    Install those pins of a lock whose modules an interpreter does not find.

    Dependencies are not installed, so that no package of a ROS distribution is replaced.

    Args:
        python: The interpreter.
        path: The lock.
        env: Environment variables of the commands.
        chosen: File to which the missing pins are written.
    """
    pins = split_pins(path.read_text())
    modules = [MODULES.get(name, name.replace('-', '_')) for name, _ in pins]
    answer = subprocess.run([python, '-c', FIND, *modules], check=True, env=env,
                            stdout=subprocess.PIPE, text=True).stdout
    found = json.loads(answer.splitlines()[-1])
    chosen.write_text(''.join(pin for (_, pin), here in zip(pins, found, strict=True) if not here))
    if not all(found):
        install_lock(python, chosen, env)


def split_pins(lock: str) -> list[tuple[str, str]]:
    """Return the pins of a lock: distribution name, and the lines with its hashes."""
    pins = re.findall(r'^([a-z][\w.-]*)(==.*\n(?: .*\n)*)', lock, re.MULTILINE)
    return [(name, name + rest) for name, rest in pins]
