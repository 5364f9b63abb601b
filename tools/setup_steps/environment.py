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
"""The virtual environment, and the requirements that are installed into it."""

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
#: Beside a distribution: an environment of the locked packages alone, for lint and training.
LOCKED = VENV / 'locked'


@dataclass(frozen=True)
class Environment:
    """
    The virtual environment.

    Attributes:
        machine: The machine for which it was created.
        key: Part of the key of all steps; changes when the environment is created again.
    """

    machine: Machine
    key: str

    def variables(self, venv: Path = VENV) -> dict[str, str]:
        """
        Return the environment variables of commands.

        Args:
            venv: VENV, with the variables of a sourced distribution, or LOCKED, without them.
        """
        env = {name: value for name, value in os.environ.items() if name != 'PYTHONHOME'}
        env['VIRTUAL_ENV'] = str(venv)
        env['PATH'] = f'{venv / "bin"}:{env.get("PATH", os.defpath)}'
        if self.machine.wheels or venv != VENV:
            for name in ('PYTHONPATH', 'ROS_DISTRO', 'COLCON_PREFIX_PATH'):
                env.pop(name, None)
            env['AMENT_PREFIX_PATH'] = env['CMAKE_PREFIX_PATH'] = str(venv)
        return env


def create(machine: Machine) -> Environment:
    """Create the virtual environment, again if ROS, Python or the folder has changed."""
    python = machine.python
    version = '.'.join(map(str, python.version))
    ros = f'ROS 2 {machine.distribution}{" as wheels" if machine.wheels else ""}'
    key = digest(str(VENV), python.prefix, version, ros)

    def make() -> None:
        # The Python packages of a distribution must be visible; the wheels must be alone.
        _make_venv(machine, VENV, [] if machine.wheels else ['--system-site-packages'])
        (VENV / 'setup.sh').write_text(
            f'FACE_AFFECT_ROS={"wheels" if machine.wheels else machine.distribution}\n')

    step('environment', f'.venv with Python {version}, {ros}', key, make, product=PYTHON)
    return Environment(machine, key)


def install(target: Environment, extras: Collection[str]) -> None:
    """Install the locked requirements: all of them, or those that a sourced distribution lacks."""
    machine = target.machine
    if machine.wheels:
        venv = VENV
        for name in ('build', 'colcon', f'ros-{machine.distribution}', 'runtime', *extras):
            _install(target, name, venv)
    else:
        venv = LOCKED
        for name in ('distro', *(['distro-test'] if 'test' in extras else [])):
            path = REQUIREMENTS / f'{name}.txt'
            step(f'requirements-{name}',
                 f'packages of requirements/{name}.txt that ROS {machine.distribution} lacks',
                 digest(target.key, path),
                 partial(packages.install_missing, PYTHON, path, target.variables(),
                         VENV / f'{name}.txt'))
        if extras:
            step('locked', '.venv/locked, for lint and training', target.key,
                 partial(_make_venv, machine, LOCKED, []), product=LOCKED)
            for name in ('build', 'runtime', *extras):
                _install(target, name, venv)
    training = ROOT / 'training' / 'pyproject.toml'
    if 'training' in extras and training.is_file():
        # The command face_affect finds the subcommands of this package by its metadata.
        step('training', 'link to training/', digest(target.key, training),
             partial(packages.link, venv / 'bin' / 'python', training.parent,
                     target.variables(venv)))


def _install(target: Environment, name: str, venv: Path) -> None:
    path = REQUIREMENTS / f'{name}.txt'
    # A package that is installed by hand may replace setuptools by one with which colcon copies.
    product = packages.installed_path('setuptools', path, venv) if name == 'build' else venv
    step(f'requirements-{name}', f'packages of requirements/{name}.txt', digest(target.key, path),
         partial(packages.install_lock, venv / 'bin' / 'python', path, target.variables(venv)),
         product=product)


def _make_venv(machine: Machine, venv: Path, options: list[str]) -> None:
    run([machine.python.executable, '-m', 'venv', '--clear', *options, venv],
        what=f'creating {venv.relative_to(ROOT)}')
