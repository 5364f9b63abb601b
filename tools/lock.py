#!/usr/bin/env python3

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

"""
Write pinned and hashed requirements/*.txt from requirements/*.in (needs `uv` and Python 3.11).

Run it after editing an *.in file, then commit both. Pins are kept if they still satisfy the
requirements; --upgrade selects the newest versions instead. Two families are resolved, each as a
whole, so that its files can be installed into one environment (Linux, Python 3.10 to 3.13):

- without a ROS distribution: build, colcon, runtime, test, docs and training, and with their
  pins fixed, each of ros-jazzy and ros-kilted (x86-64, the only platform of the ROS wheels);
- with a ROS distribution: distro and distro-test (packages that a sourced distribution may lack)
  and robot (packages without a rosdep key, installed from a package index on every robot).

A lock contains the hashes of the files that such a machine can install: sources, and wheels of
its Pythons for glibc. A package with wheels for x86-64 must have wheels for arm64 for the same
Pythons. If there is no solution, `uv pip compile` prints the reason.
"""

from collections.abc import Iterator
from pathlib import Path
import re
import subprocess
import sys
import tempfile
from typing import Any

REQUIREMENTS = Path(__file__).resolve().parents[1] / 'requirements'
PYTHONS = "python_full_version >= '3.10' and python_full_version < '3.14'"
LINUX = f"sys_platform == 'linux' and {PYTHONS}"
X86 = f"platform_machine == 'x86_64' and {LINUX}"
#: Packages that rosdep installs by apt on every robot; pip must not hide them by others. LiteRT
#: requires protobuf, but runs without it.
FROM_APT = ('numpy', 'tqdm', 'typing-extensions', 'protobuf')
#: Conditions that are true wherever a file is used, and therefore omitted.
GIVEN = ("python_full_version >= '3.10'", "python_full_version < '3.14'",
         "sys_platform == 'linux'", "platform_machine == 'x86_64'",
         "platform_python_implementation != 'PyPy'")
#: Wheels of Python 3.10 to 3.13 for any machine, or for glibc on the processors of robots.
FITTING = re.compile(r'-(py3|py2\.py3)-none-any\.whl|'
                     r'-(py3-none|py2\.py3-none|[\w.]+-abi3|(cp31[0-3])-(none|\3))'
                     r'-(many)?linux[\w.]*_(x86_64|aarch64|armv7l)\.whl')


def compiled(names: list[str], environment: str, output: str, *options: str,
             present: str = '') -> str:
    """
    Resolve some *.in files with uv for one environment.

    Args:
        names: Names of the files without suffix.
        environment: Marker of the environment.
        output: File name, which selects the format of the result.
        options: Further options of `uv pip compile`.
        present: Pins that are kept if possible.

    Returns:
        The content of the output file.
    """
    with tempfile.TemporaryDirectory() as folder:
        # uv reads the environments only from a project file.
        Path(folder, 'pyproject.toml').write_text(f'[tool.uv]\nenvironments = ["{environment}"]\n')
        path = Path(folder, output)
        if present:
            path.write_text(present)
        subprocess.run(['uv', 'pip', 'compile', '--quiet', '--universal', '--python-version',
                        '3.10', '--no-header', '--no-annotate', '--output-file', output, *options,
                        *(str(REQUIREMENTS / f'{name}.in') for name in names)],
                       cwd=folder, check=True)
        return path.read_text()


def present_pins(names: list[str]) -> str:
    """Return the pins of some locks, without their hashes."""
    found = [re.findall(r'^\w[^\n\\]*', path.read_text(), re.MULTILINE)
             for path in (REQUIREMENTS / f'{name}.txt' for name in names) if path.is_file()]
    return '\n'.join(sorted({pin.strip() for each in found for pin in each})) + '\n'


def packages_of(lock: str) -> list[dict[str, Any]]:
    """Return the packages of a pylock.toml; OSError if this Python cannot read TOML."""
    if sys.version_info >= (3, 11):
        import tomllib
        return list(tomllib.loads(lock)['packages'])
    raise OSError('needs Python 3.11 or newer, which reads TOML')


def lacking_on_arm64(package: dict[str, Any]) -> set[str]:
    """Return the Python tags for which a package has wheels for x86-64 but not for arm64."""
    names = [name_of(wheel) for wheel in package.get('wheels', [])]
    x86, arm = ({name.split('-')[-3] for name in names if FITTING.search(name)
                 and name.removesuffix('.whl').endswith(('-any', machine))}
                for machine in ('x86_64', 'aarch64'))
    return x86 - arm


def lines(package: dict[str, Any]) -> Iterator[str]:
    """Yield the lines of a requirements file for a package of a pylock.toml."""
    marker = package.get('marker', '')
    if ' or ' not in marker:
        marker = ' and '.join(each for each in marker.split(' and ') if each not in GIVEN)
    yield f"{package['name']}=={package['version']}{f' ; {marker}' if marker else ''} \\"
    files = [*(wheel for wheel in package.get('wheels', []) if FITTING.search(name_of(wheel))),
             *([package['sdist']] if 'sdist' in package else [])]
    hashes = sorted(file['hashes']['sha256'] for file in files)
    for each in hashes:
        yield f'    --hash=sha256:{each}' + (' \\' if each != hashes[-1] else '')


def name_of(file: dict[str, Any]) -> str:
    """Return the name of a file of a pylock.toml."""
    return str(file.get('name') or file['url'].rpartition('/')[2])


def write_family(together: list[str], environment: str, parts: dict[str, list[str]], *,
                 upgrade: bool, fixed: str = '') -> None:
    """
    Resolve some *.in files together, then write the lock of each part with these versions.

    Args:
        together: Names of the files that are resolved together.
        environment: Marker of the environment.
        parts: Options of `uv pip compile` by name of the lock.
        upgrade: Whether the present pins are ignored.
        fixed: Pins that must be kept.

    Raises:
        OSError: A package has no wheel for arm64.
    """
    with tempfile.NamedTemporaryFile('w', suffix='.txt') as constraints:
        constraints.write(fixed)
        constraints.flush()
        found = compiled(together, environment, 'together.txt', '--constraints', constraints.name,
                         present='' if upgrade else present_pins(together))
        constraints.write(found)
        constraints.flush()
        for name, options in parts.items():
            packages = packages_of(compiled([name], environment, 'pylock.toml',
                                            '--constraints', constraints.name, *options))
            lacking = [f"{each['name']} {each['version']}: no arm64 wheel for {', '.join(tags)}"
                       for each in packages if (tags := sorted(lacking_on_arm64(each)))]
            if environment == LINUX and lacking:
                raise OSError('\n'.join(lacking))
            text = [f'# Written by tools/lock.py from {name}.in: edit that file.',
                    *(line for package in packages for line in lines(package))]
            (REQUIREMENTS / f'{name}.txt').write_text('\n'.join(text) + '\n')
            print(f'{name}.txt: {len(packages)} pins')


def main() -> int:
    """Write all locks."""
    upgrade = '--upgrade' in sys.argv[1:]
    parts = ['build', 'colcon', 'runtime', 'test', 'docs', 'training']
    left_out = [f'--no-emit-package={name}' for name in FROM_APT]
    try:
        write_family(parts, LINUX, {name: [] for name in parts}, upgrade=upgrade)
        for name in ('ros-jazzy', 'ros-kilted'):
            write_family([name], X86, {name: []}, upgrade=upgrade, fixed=present_pins(parts))
        write_family(['distro', 'distro-test'], LINUX,
                     {'distro': [], 'distro-test': [], 'robot': left_out}, upgrade=upgrade)
    except (OSError, subprocess.CalledProcessError) as error:
        print(f'lock: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
