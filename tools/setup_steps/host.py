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

"""What this machine has: a ROS distribution or not, and the tools to build with."""

from dataclasses import dataclass
import json
import os
from pathlib import Path
import shutil
import subprocess
import sys

from setup_steps.steps import ROOT, SetupError

OLDEST, NEWEST = (3, 10), (3, 13)
#: Distributions that there are wheels of: requirements/ros-NAME.txt. The first is the default.
WHEELS = ('jazzy', 'kilted')
DEFAULT = WHEELS[0]
#: The Python of Debian's and Ubuntu's packages, for which a distribution's rclpy is built.
SYSTEM_PYTHON = '/usr/bin/python3'
# An interpreter tells about the one below it where it is a virtual environment's own.
QUESTION = """
import json, os, sys, sysconfig
def works(name):
    try:
        __import__(name)
    except ImportError:
        return False
    return True
print(json.dumps({
    'executable': getattr(sys, '_base_executable', sys.executable), 'prefix': sys.base_prefix,
    'version': sys.version_info[:3], 'rclpy': works('rclpy'),
    'venv': works('venv') and works('ensurepip'),
    'headers': os.path.isfile(os.path.join(sysconfig.get_paths()['include'], 'Python.h'))}))
"""


@dataclass(frozen=True)
class Python:
    """An interpreter. rclpy, venv, headers: whether it has these."""

    executable: str
    prefix: str
    version: tuple[int, int, int]
    rclpy: bool
    venv: bool
    headers: bool


@dataclass(frozen=True)
class Machine:
    """
    Where the set-up starts from.

    python: what makes the virtual environment. distribution: name of the ROS distribution that is
    sourced, or that comes as wheels.
    """

    python: Python
    distribution: str
    wheels: bool


def inspect(asked: str) -> Machine:
    """
    Return what this machine is. Raises SetupError with the remedy where something lacks.

    asked: name of the ROS distribution to set up for, '' for the sourced one, else the default.
    """
    if any(char.isspace() for char in str(ROOT)):
        raise SetupError(f'the path {ROOT} has a space in it, which the scripts of virtual '
                         'environments cannot take; move the repository')
    python = ask(sys.executable)
    if python is None:
        raise SetupError(f'{sys.executable} does not run')
    machine = choose(python, os.environ.get('ROS_DISTRO', ''), asked)
    remedy = [*lacking_tools(), *lacking_modules(machine.python)]
    if remedy:
        raise SetupError(f'{", ".join(what for what, _ in remedy)} not found; '
                         f'sudo apt install {" ".join(package for _, package in remedy)}')
    return machine


def choose(python: Python, distribution: str, asked: str = '') -> Machine:
    """
    Return the sourced distribution with a Python that has its rclpy, else the wheels' machine.

    Raises SetupError where another distribution is asked for than the sourced one, and where
    there are no wheels of it, or for this machine.
    """
    if distribution:
        if asked not in ('', distribution):
            raise SetupError(f'ROS={asked} is asked for, but ROS {distribution} is sourced; leave '
                             'ROS= out, or use a shell where nothing is sourced')
        for candidate in (python, ask(SYSTEM_PYTHON)):
            if candidate is not None and candidate.rclpy:
                if not OLDEST <= candidate.version[:2] <= NEWEST:
                    raise SetupError(f'ROS {distribution} has Python '
                                     f'{candidate.version[0]}.{candidate.version[1]}, this '
                                     'package needs 3.10 to 3.13')
                return Machine(candidate, distribution, wheels=False)
        print(f'setup: ROS {distribution} is sourced, but {python.executable} cannot import its '
              f'rclpy; going on with ROS 2 {asked or DEFAULT} as Python wheels')
    asked = asked or DEFAULT
    if asked not in WHEELS:
        raise SetupError(f'ROS={asked}: there are wheels of {" and ".join(WHEELS)} only; others '
                         'are installed by apt and sourced')
    if sys.platform != 'linux' or os.uname().machine != 'x86_64':
        raise SetupError(f'the ROS wheels are for x86-64 Linux, this is {sys.platform} on '
                         f'{os.uname().machine}; install ROS 2 by apt and source it')
    return Machine(python, asked, wheels=True)


def lacking_tools() -> list[tuple[str, str]]:
    """Return the build tools that are not on the PATH, each with its apt package."""
    wanted = [('cmake', 'cmake'), ('make', 'make')]
    lacking = [pair for pair in wanted if not shutil.which(pair[0])]
    compilers = [os.environ.get('CXX', '').partition(' ')[0], 'c++', 'g++', 'clang++']
    if not any(shutil.which(name) for name in compilers if name):
        lacking.append(('a C++ compiler', 'g++'))
    return lacking


def lacking_modules(python: Python) -> list[tuple[str, str]]:
    """Return the parts of Python that Debian keeps apart and that are missing here."""
    name = f'python{python.version[0]}.{python.version[1]}'
    lacking = []
    if not python.venv:
        lacking.append(("Python's ensurepip", f'{name}-venv'))
    if not python.headers:
        lacking.append(("Python's headers", f'{name}-dev'))
    return lacking


def ask(executable: str) -> Python | None:
    """Return what an interpreter says of itself, None where it does not run."""
    if not Path(executable).is_file():
        return None
    answer = subprocess.run([executable, '-c', QUESTION], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, text=True, check=False)
    if answer.returncode != 0:
        return None
    facts = json.loads(answer.stdout.splitlines()[-1])
    return Python(**{**facts, 'version': tuple(facts['version'])})
