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
Turn requirements/*.in into pinned and hashed requirements/*.txt (needs the command `uv`).

Run it after editing an *.in file, then commit both. Two families are resolved, each as a whole so
that its files fit together in one environment:

- the wheels' machine: build, ros, runtime, test, training (Python 3.10 to 3.13,
  x86-64, the only platform that the ROS wheels exist for);
- a machine with a ROS distribution: distro and distro-test (what a sourced distribution may lack)
  and robot (what has no rosdep key, and comes from a package index on every robot).

`uv pip compile` prints why, where there is no solution.
"""

from pathlib import Path
import re
import subprocess
import sys
import tempfile

REQUIREMENTS = Path(__file__).resolve().parents[1] / 'requirements'
PYTHONS = "python_full_version >= '3.10' and python_full_version < '3.14'"
WHEELS = f"sys_platform == 'linux' and platform_machine == 'x86_64' and {PYTHONS}"
DISTRO = f"sys_platform == 'linux' and {PYTHONS}"
#: What apt brings to every robot that ran rosdep; pip must not put another one in front of it.
#: LiteRT names protobuf, and runs without it.
FROM_APT = ('numpy', 'tqdm', 'typing-extensions', 'protobuf')
#: Conditions that hold wherever a file is used. They would only lengthen each of its lines.
GIVEN = re.compile(r"( and)? (python_full_version (>= '3\.10'|< '3\.14')|sys_platform == 'linux'"
                   r"|platform_machine == 'x86_64'|platform_python_implementation != 'PyPy')"
                   r'(?= and | \\|$)')


def compile_lock(names: list[str], environment: str, *options: str) -> str:
    """Return the lock of some *.in files for one environment, without header or comments."""
    with tempfile.TemporaryDirectory() as folder:
        # uv takes the environments from a project file only.
        Path(folder, 'pyproject.toml').write_text(f'[tool.uv]\nenvironments = ["{environment}"]\n')
        sources = [str(REQUIREMENTS / f'{name}.in') for name in names]
        command = ['uv', 'pip', 'compile', '--quiet', '--universal', '--python-version', '3.10',
                   '--no-header', '--no-annotate', *options, *sources]
        return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE,
                              text=True).stdout


def tidy(lock: str) -> str:
    """Return a lock without the conditions that always hold."""
    return re.sub(r' ;(?= \\|$)', '', GIVEN.sub('', lock), flags=re.MULTILINE)


def write_family(together: list[str], environment: str, parts: dict[str, list[str]]) -> None:
    """Resolve some *.in files together, then write each part's lock with these versions."""
    with tempfile.NamedTemporaryFile('w', suffix='.txt') as constraints:
        constraints.write(compile_lock(together, environment))
        constraints.flush()
        for name, options in parts.items():
            lock = compile_lock([name], environment, '--generate-hashes',
                                '--constraints', constraints.name, *options)
            path = REQUIREMENTS / f'{name}.txt'
            path.write_text(f'# Written by tools/lock.py from {name}.in: edit that one.\n'
                            + tidy(lock))
            print(f'{path.name}: {len(re.findall("^[a-z]", lock, re.MULTILINE))} pins')


def main() -> int:
    """Write all locks."""
    wheels = ['build', 'ros', 'runtime', 'test', 'training']
    left_out = [f'--no-emit-package={name}' for name in FROM_APT]
    try:
        write_family(wheels, WHEELS, {name: [] for name in wheels})
        write_family(['distro', 'distro-test'], DISTRO,
                     {'distro': [], 'distro-test': [], 'robot': left_out})
        write_family(['detector'], DISTRO, {'detector': ['--no-deps']})
    except (OSError, subprocess.CalledProcessError) as error:
        print(f'lock: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
