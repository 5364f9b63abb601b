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

"""Pinned and hashed Python packages, by pip."""

from collections.abc import Mapping
import json
from pathlib import Path
import re
import subprocess

from setup_steps.steps import run, SetupError

#: What has no wheel. It is built with the setuptools of requirements/build.txt.
SOURCE_ONLY = 'empy'
#: Modules that are not called as their distribution is.
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
# From version 80 on, setuptools turns the links of colcon's --symlink-install into copies.
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
    """Install a lock as it is. It is complete, so that pip need not look for dependencies."""
    _pip(python, env, f'installing {path.name}', '--require-hashes', '--only-binary', ':all:',
         '--no-binary', SOURCE_ONLY, '--requirement', str(path))


def place_of(name: str, path: Path, venv: Path) -> Path:
    """Return the folder that is there while the version of a lock is installed."""
    version = re.search(rf'^{name}==(\S+)', path.read_text(), re.MULTILINE)
    if version is None:
        raise SetupError(f'{path} does not pin {name}')
    return next((venv / 'lib').glob('python3*/site-packages')) / f'{name}-{version[1]}.dist-info'


def link(python: Path, folder: Path, env: Mapping[str, str]) -> None:
    """Install a folder's Python package as a link to its sources."""
    _pip(python, env, f'linking {folder.name}', '--editable', str(folder))


def _pip(python: Path, env: Mapping[str, str], what: str, *options: str) -> None:
    run([python, '-m', 'pip', 'install', '--disable-pip-version-check', '--no-input',
         '--progress-bar', 'off', '--no-deps', '--no-build-isolation', *options],
        what=what, env=env)


def install_lacking(python: Path, path: Path, env: Mapping[str, str], chosen: Path) -> None:
    """
    Install those pins of a lock whose modules an interpreter does not find.

    Without dependencies, so that nothing that a ROS distribution has is ever replaced. chosen:
    the file that lists what was lacking.
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
    """Return the pins of a lock, each with its hashes, by distribution name."""
    pins = re.findall(r'^([a-z][\w.-]*)(==.*\n(?: .*\n)*)', lock, re.MULTILINE)
    return [(name, name + rest) for name, rest in pins]
