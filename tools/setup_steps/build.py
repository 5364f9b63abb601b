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

"""The colcon builds: missing interface packages, then this repository's two packages."""

from functools import partial
import os
from pathlib import Path
import re
import shutil
import subprocess

from setup_steps.environment import Place, PYTHON, REQUIREMENTS
from setup_steps.steps import digest, files_below, ROOT, run, step, VENV

UNDERLAY = ROOT / 'test' / 'underlay'
PREFIX = VENV / 'underlay'
PACKAGES = ('face_affect_msgs', 'face_affect_ros')
#: Installed as links: a change of theirs is there at once, only new and gone ones need a build.
LINKED = ('launch', 'config', 'rviz', 'models', 'scripts')
COPIED = ('package.xml', 'setup.py', 'setup.cfg', 'colcon_defaults.yaml')
#: The wheels' cmake files name folders of the machine that they were made on.
FOREIGN = {
    'include': re.compile(r'/opt/python/[\w-]+/include/python3\.\d+'),
    'numpy': re.compile(r'/opt/python/[\w-]+/lib/python3\.\d+/site-packages/numpy/_?core/include'),
}


def build(place: Place) -> None:
    """Build what has changed since the last time."""
    if place.machine.wheels:
        ros = f'ros-{place.machine.distribution}'
        locks = [REQUIREMENTS / f'{name}.txt' for name in (ros, 'runtime')]
        step('cmake', 'cmake files of the ROS wheels', digest(place.key, *locks),
             partial(patch_cmake, place))
    lacking = lacking_interfaces(place)
    if lacking:
        sources = files_below(*(UNDERLAY / name for name in lacking))
        step('underlay', f'colcon build of {", ".join(lacking)}, which this ROS lacks',
             digest(place.key, *lacking, *sources), partial(build_underlay, place, lacking),
             product=PREFIX / 'local_setup.bash')
    else:
        # The real packages have come since: ours must not be found in front of them.
        shutil.rmtree(PREFIX, ignore_errors=True)
    linked = [str(path) for path in files_below(*(ROOT / name for name in LINKED))]
    # The python package's own files are linked by folder: not one of them needs a build.
    key = digest(place.key, *linked, *(ROOT / name for name in COPIED),
                 *files_below(ROOT / 'face_affect_msgs'))
    step('build', f'colcon build of {" and ".join(PACKAGES)}', key,
         partial(build_packages, place), product=ROOT / 'install' / 'local_setup.bash')


def patch_cmake(place: Place) -> None:
    """Let the wheels' cmake files name this environment's Python and numpy headers."""
    code = ('import numpy, sysconfig\n'
            'print(sysconfig.get_paths()["include"], numpy.get_include(), sep="\\n")')
    answer = subprocess.run([PYTHON, '-c', code], check=True, stdout=subprocess.PIPE,
                            env=place.env, text=True).stdout
    include, numpy = answer.splitlines()[-2:]
    here = {'include': include, 'numpy': numpy}
    for path in (VENV / 'share').rglob('*.cmake'):
        text = patched = path.read_text(errors='surrogateescape')
        for name, pattern in FOREIGN.items():
            patched = pattern.sub(here[name], patched)
        if patched != text:
            path.write_text(patched, errors='surrogateescape')


def lacking_interfaces(place: Place) -> list[str]:
    """Return the packages of the underlay that ROS does not have itself."""
    prefixes = [Path(entry) for entry in place.env['AMENT_PREFIX_PATH'].split(':') if entry]
    names = sorted(path.parent.name for path in UNDERLAY.glob('*/package.xml'))
    return [name for name in names
            if not any((prefix / 'share' / name / 'package.xml').is_file()
                       for prefix in prefixes if prefix != PREFIX)]


def build_underlay(place: Place, names: list[str]) -> None:
    """Build interface packages into a prefix of their own, inside the virtual environment."""
    work = VENV / 'underlay-build'
    shutil.rmtree(PREFIX, ignore_errors=True)
    # Away from the repository's folder, whose colcon_defaults.yaml asks for links.
    _colcon(place, ['--build-base', work, '--install-base', PREFIX, '--merge-install',
                    '--base-paths', *(UNDERLAY / name for name in names)], cwd=VENV)
    shutil.rmtree(work)


def build_packages(place: Place) -> None:
    """Build into build/ and install/, as `colcon build` in the repository's folder does."""
    origin = VENV / 'build-origin'
    known = origin.is_file() and origin.read_text() == place.key
    for base in ('build', 'install'):
        # Links to files that went would stay, and another Python's cmake cache leads astray.
        for name in PACKAGES[1:] if known else PACKAGES:
            shutil.rmtree(ROOT / base / name, ignore_errors=True)
    _colcon(place, ['--packages-select', *PACKAGES])
    origin.write_text(place.key)


def _colcon(place: Place, options: list[str | Path], *, cwd: Path = ROOT) -> None:
    """Run `colcon build` under the environment's Python, whatever Python colcon belongs to."""
    command = 'import sys; from colcon_core.command import main; sys.exit(main())'
    # A user's own defaults may ask for another layout than tools/env.sh expects.
    env = {**place.env, 'COLCON_DEFAULTS_FILE': os.devnull}
    run([PYTHON, '-c', command, 'build', '--event-handlers', 'console_direct-', *options,
         '--cmake-args', f'-DPython3_EXECUTABLE={PYTHON}', '-DBUILD_TESTING=OFF'],
        what='colcon build', env=env, cwd=cwd)
