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

"""The ROS distribution, the Python and the build tools of this machine."""

from dataclasses import dataclass
import json
import os
from pathlib import Path
import shlex
import shutil
import subprocess
import sys

from setup_steps.steps import ROOT, SetupError

OLDEST, NEWEST = (3, 10), (3, 13)
#: Distributions with wheels, requirements/ros-NAME.txt. The first one is the default.
WHEELS = ('jazzy', 'kilted')
DEFAULT = WHEELS[0]
#: The Python of Debian and Ubuntu, for which the rclpy of a distribution is built.
SYSTEM_PYTHON = '/usr/bin/python3'
# In a virtual environment, the base interpreter is described.
PROBE = """
import json, os, sys, sysconfig
def imports(name):
    try:
        __import__(name)
    except ImportError:
        return False
    return True
print(json.dumps({
    'executable': getattr(sys, '_base_executable', sys.executable), 'prefix': sys.base_prefix,
    'version': sys.version_info[:3], 'rclpy': imports('rclpy'),
    'venv': imports('venv') and imports('ensurepip'),
    'headers': os.path.isfile(os.path.join(sysconfig.get_paths()['include'], 'Python.h'))}))
"""


@dataclass(frozen=True)
class Python:
    """
    An interpreter.

    Attributes:
        executable: Path.
        prefix: sys.base_prefix.
        version: Major, minor and micro version.
        rclpy: Whether rclpy can be imported.
        venv: Whether venv and ensurepip can be imported.
        headers: Whether Python.h is installed.
    """

    executable: str
    prefix: str
    version: tuple[int, int, int]
    rclpy: bool
    venv: bool
    headers: bool


@dataclass(frozen=True)
class Machine:
    """
    The machine to set up.

    Attributes:
        python: Interpreter that creates the virtual environment.
        distribution: Name of the ROS distribution.
        wheels: Whether it is installed as wheels; else it is sourced.
    """

    python: Python
    distribution: str
    wheels: bool


def inspect(requested: str) -> Machine:
    """
    Return the properties of this machine.

    Args:
        requested: Name of the ROS distribution, '' for the sourced one, else the default.

    Raises:
        SetupError: Something is missing; the message contains the remedy.
    """
    if shlex.quote(str(ROOT)) != str(ROOT):
        raise SetupError(f'the path {ROOT} contains a space, a non-ASCII letter or another '
                         'character that virtual environments and the build of ROS messages do '
                         'not support; move the repository')
    python = probe(sys.executable)
    if python is None:
        raise SetupError(f'{sys.executable} cannot be run; choose another: make setup PYTHON=...')
    machine = choose(python, os.environ.get('ROS_DISTRO', ''), requested)
    remedy = [*missing_tools(), *missing_modules(machine.python)]
    if remedy:
        raise SetupError(f'{", ".join(what for what, _ in remedy)} not found; '
                         f'sudo apt install {" ".join(package for _, package in remedy)}')
    return machine


def choose(python: Python, distribution: str, requested: str = '') -> Machine:
    """
    Return the sourced distribution with a Python that imports its rclpy, else the wheels.

    Args:
        python: The interpreter of the set-up.
        distribution: Name of the sourced distribution, '' for none.
        requested: Name of the requested distribution, '' for the sourced one, else the default.

    Raises:
        SetupError: The requested distribution differs from the sourced one, or has no wheels for
            this machine.
    """
    if distribution:
        if requested not in ('', distribution):
            raise SetupError(f'ROS={requested} is requested, but ROS {distribution} is sourced; '
                             'omit ROS=, or use a shell in which nothing is sourced')
        for candidate in (python, probe(SYSTEM_PYTHON)):
            if candidate is not None and candidate.rclpy:
                if not OLDEST <= candidate.version[:2] <= NEWEST:
                    raise SetupError(f'ROS {distribution} has Python '
                                     f'{candidate.version[0]}.{candidate.version[1]}, this '
                                     'package needs 3.10 to 3.13')
                return Machine(candidate, distribution, wheels=False)
        print(f'setup: ROS {distribution} is sourced, but {python.executable} cannot import its '
              f'rclpy; using ROS 2 {requested or DEFAULT} as Python wheels')
    requested = requested or DEFAULT
    if requested not in WHEELS:
        raise SetupError(f'ROS={requested}: only {" and ".join(WHEELS)} have wheels; install '
                         'others by apt and source them')
    if sys.platform != 'linux' or os.uname().machine != 'x86_64':
        raise SetupError(f'the ROS wheels are for x86-64 Linux, this is {sys.platform} on '
                         f'{os.uname().machine}; install ROS 2 by apt and source it')
    return Machine(python, requested, wheels=True)


def missing_tools() -> list[tuple[str, str]]:
    """Return the build tools that are not on the PATH, each with its apt package."""
    wanted = [('cmake', 'cmake'), ('make', 'make')]
    missing = [pair for pair in wanted if not shutil.which(pair[0])]
    compilers = [os.environ.get('CXX', '').partition(' ')[0], 'c++', 'g++', 'clang++']
    if not any(shutil.which(name) for name in compilers if name):
        missing.append(('a C++ compiler', 'g++'))
    return missing


def missing_modules(python: Python) -> list[tuple[str, str]]:
    """Return the missing parts of Python that Debian has in separate packages."""
    name = f'python{python.version[0]}.{python.version[1]}'
    missing = []
    if not python.venv:
        missing.append(("Python's ensurepip", f'{name}-venv'))
    if not python.headers:
        missing.append(("Python's headers", f'{name}-dev'))
    return missing


def probe(executable: str) -> Python | None:
    """Run an interpreter and return its properties, None if it cannot be run."""
    if not Path(executable).is_file():
        return None
    answer = subprocess.run([executable, '-c', PROBE], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, text=True, check=False)
    if answer.returncode != 0:
        return None
    found = json.loads(answer.stdout.splitlines()[-1])
    return Python(**{**found, 'version': tuple(found['version'])})
