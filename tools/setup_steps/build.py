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

"""The colcon builds: missing interface packages, then the two packages of this repository."""

from functools import partial
import os
from pathlib import Path
import re
import shutil
import subprocess

from setup_steps.environment import Environment, PYTHON, REQUIREMENTS
from setup_steps.steps import digest, files_below, ROOT, run, step, VENV

UNDERLAY = ROOT / 'test' / 'underlay'
PREFIX = VENV / 'underlay'
PACKAGES = ('face_affect_msgs', 'face_affect_ros')
#: Installed as links: changes take effect at once, only new and removed files need a build.
LINKED = ('launch', 'config', 'rviz', 'models', 'scripts')
COPIED = ('package.xml', 'setup.py', 'setup.cfg', 'colcon_defaults.yaml')
#: Paths in the cmake files of the wheels that exist only on the machine that built them.
BUILD_PATHS = {
    'include': re.compile(r'/opt/python/[\w-]+/include/python3\.\d+'),
    'numpy': re.compile(r'/opt/python/[\w-]+/lib/python3\.\d+/site-packages/numpy/_?core/include'),
}


def build(target: Environment) -> None:
    """Build what has changed since the last build."""
    if target.machine.wheels:
        ros = f'ros-{target.machine.distribution}'
        locks = [REQUIREMENTS / f'{name}.txt' for name in (ros, 'runtime')]
        step('cmake', 'cmake files of the ROS wheels', digest(target.key, *locks),
             partial(patch_cmake, target))
    missing = missing_interfaces(target)
    if missing:
        sources = files_below(*(UNDERLAY / name for name in missing))
        step('underlay', f'colcon build of {", ".join(missing)}, which this ROS lacks',
             digest(target.key, *missing, *sources), partial(build_underlay, target, missing),
             product=PREFIX / 'local_setup.bash')
    else:
        # The real packages have been installed since: those of the underlay must not hide them.
        shutil.rmtree(PREFIX, ignore_errors=True)
    linked = [str(path) for path in files_below(*(ROOT / name for name in LINKED))]
    # The Python package is linked by folder: none of its files needs a build.
    key = digest(target.key, *linked, *(ROOT / name for name in COPIED),
                 *files_below(ROOT / 'face_affect_msgs'))
    step('build', f'colcon build of {" and ".join(PACKAGES)}', key,
         partial(build_packages, target), product=ROOT / 'install' / 'local_setup.bash')


def patch_cmake(target: Environment) -> None:
    """Replace the paths of the Python and numpy headers in the cmake files of the wheels."""
    code = ('import numpy, sysconfig\n'
            'print(sysconfig.get_paths()["include"], numpy.get_include(), sep="\\n")')
    answer = subprocess.run([PYTHON, '-c', code], check=True, stdout=subprocess.PIPE,
                            env=target.variables(), text=True).stdout
    include, numpy = answer.splitlines()[-2:]
    here = {'include': include, 'numpy': numpy}
    for path in (VENV / 'share').rglob('*.cmake'):
        text = patched = path.read_text(errors='surrogateescape')
        for name, pattern in BUILD_PATHS.items():
            patched = pattern.sub(here[name], patched)
        if patched != text:
            path.write_text(patched, errors='surrogateescape')


def missing_interfaces(target: Environment) -> list[str]:
    """Return the packages of the underlay that this ROS lacks."""
    path = target.variables()['AMENT_PREFIX_PATH']
    prefixes = [Path(entry) for entry in path.split(':') if entry]
    names = sorted(path.parent.name for path in UNDERLAY.glob('*/package.xml'))
    return [name for name in names
            if not any((prefix / 'share' / name / 'package.xml').is_file()
                       for prefix in prefixes if prefix != PREFIX)]


def build_underlay(target: Environment, names: list[str]) -> None:
    """Build interface packages into a prefix in the virtual environment."""
    work = VENV / 'underlay-build'
    shutil.rmtree(PREFIX, ignore_errors=True)
    # Outside of the repository folder, whose colcon_defaults.yaml requests links.
    _colcon(target, ['--build-base', work, '--install-base', PREFIX, '--merge-install',
                    '--base-paths', *(UNDERLAY / name for name in names)], cwd=VENV)
    shutil.rmtree(work)


def build_packages(target: Environment) -> None:
    """Build into build/ and install/, as `colcon build` in the folder of the repository."""
    origin = VENV / 'build-origin'
    same = origin.is_file() and origin.read_text() == target.key
    for base in ('build', 'install'):
        # Links to removed files would stay, and the cmake cache of another Python is wrong.
        for name in PACKAGES[1:] if same else PACKAGES:
            shutil.rmtree(ROOT / base / name, ignore_errors=True)
    _colcon(target, ['--packages-select', *PACKAGES])
    origin.write_text(target.key)


def _colcon(target: Environment, options: list[str | Path], *, cwd: Path = ROOT) -> None:
    """Run `colcon build` with the Python of the environment."""
    command = 'import sys; from colcon_core.command import main; sys.exit(main())'
    # The defaults of the user may select another layout than tools/env.sh expects.
    env = {**target.variables(), 'COLCON_DEFAULTS_FILE': os.devnull}
    run([PYTHON, '-c', command, 'build', '--event-handlers', 'console_direct-', *options,
         '--cmake-args', f'-DPython3_EXECUTABLE={PYTHON}', '-DBUILD_TESTING=OFF'],
        what='colcon build', env=env, cwd=cwd)
