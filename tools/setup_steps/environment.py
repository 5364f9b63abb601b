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

"""The virtual environment, and which requirements go into it."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import partial
import os
from pathlib import Path

from setup_steps import packages
from setup_steps.host import Machine
from setup_steps.steps import digest, ROOT, run, step, VENV

REQUIREMENTS = ROOT / 'requirements'
PYTHON = VENV / 'bin' / 'python'
#: Beside a distribution: the locked packages alone, for lint and for training.
LOCKED = VENV / 'locked'


@dataclass(frozen=True)
class Place:
    """The virtual environment. key: another one whenever it is made anew."""

    machine: Machine
    key: str

    @property
    def env(self) -> dict[str, str]:
        """What commands run in: the sourced distribution's variables, or none of any ROS."""
        return environment_of(VENV, wheels=self.machine.wheels)


def environment_of(venv: Path, *, wheels: bool) -> dict[str, str]:
    """Return the variables of a virtual environment; wheels: without those of a sourced ROS."""
    env = {name: value for name, value in os.environ.items() if name != 'PYTHONHOME'}
    env['VIRTUAL_ENV'] = str(venv)
    env['PATH'] = f'{venv / "bin"}:{env.get("PATH", os.defpath)}'
    if wheels:
        for name in ('PYTHONPATH', 'ROS_DISTRO', 'COLCON_PREFIX_PATH'):
            env.pop(name, None)
        env['AMENT_PREFIX_PATH'] = env['CMAKE_PREFIX_PATH'] = str(venv)
    return env


def create(machine: Machine) -> Place:
    """Make the virtual environment, anew where ROS, Python or the folder is another one."""
    python = machine.python
    version = '.'.join(map(str, python.version))
    ros = f'ROS 2 {machine.distribution}{" as wheels" if machine.wheels else ""}'
    key = digest(str(VENV), python.prefix, version, ros)

    def make() -> None:
        # A distribution's Python packages are to be seen, the wheels are to be alone.
        site = [] if machine.wheels else ['--system-site-packages']
        _make_venv(machine, VENV, site)
        (VENV / 'setup.sh').write_text(
            f'FACE_AFFECT_ROS={"wheels" if machine.wheels else machine.distribution}\n')

    step('environment', f'.venv with Python {version}, {ros}', key, make, product=PYTHON)
    return Place(machine, key)


def install(place: Place, extras: Collection[str]) -> None:
    """Install the locked requirements: all of them, or what a sourced distribution lacks."""
    if place.machine.wheels:
        ros = f'ros-{place.machine.distribution}'
        for name in ('build', 'colcon', ros, 'runtime', *extras, 'detector'):
            _install(place, name, VENV)
        if 'training' in extras:
            _install_training(place, VENV)
    else:
        _install_beside_distribution(place, extras)


def _install_beside_distribution(place: Place, extras: Collection[str]) -> None:
    for name in ('distro', *(['distro-test'] if 'test' in extras else [])):
        path = REQUIREMENTS / f'{name}.txt'
        step(f'requirements-{name}', f'what ROS {place.machine.distribution} lacks of '
             f'requirements/{name}.txt', digest(place.key, path),
             partial(packages.install_lacking, PYTHON, path, place.env, VENV / f'{name}.txt'))
    _install(place, 'detector', VENV)
    if extras:
        step('locked', '.venv/locked, for lint and training', place.key,
             partial(_make_venv, place.machine, LOCKED, []), product=LOCKED)
        for name in ('build', 'runtime', *extras):
            _install(place, name, LOCKED)
    if 'training' in extras:
        _install_training(place, LOCKED)


def _install(place: Place, name: str, venv: Path) -> None:
    path = REQUIREMENTS / f'{name}.txt'
    # Whatever else is installed by hand may bring another setuptools, with which colcon copies.
    product = packages.place_of('setuptools', path, venv) if name == 'build' else venv
    step(f'requirements-{name}', f'packages of requirements/{name}.txt', digest(place.key, path),
         partial(packages.install_lock, venv / 'bin' / 'python', path, _env(place, venv)),
         product=product)


def _install_training(place: Place, venv: Path) -> None:
    """Link the package in training/, so that the command face_affect finds its subcommands."""
    facts = ROOT / 'training' / 'pyproject.toml'
    if facts.is_file():
        step('training', 'link to training/', digest(place.key, facts),
             partial(packages.link, venv / 'bin' / 'python', facts.parent, _env(place, venv)))


def _env(place: Place, venv: Path) -> dict[str, str]:
    return place.env if venv == VENV else environment_of(venv, wheels=True)


def _make_venv(machine: Machine, venv: Path, options: list[str]) -> None:
    run([machine.python.executable, '-m', 'venv', '--clear', *options, venv],
        what=f'making {venv.relative_to(ROOT)}')
