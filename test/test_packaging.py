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

"""Packaging: versions, requirements, dependencies, and the folders of the installation."""

import ast
import json
import os
from pathlib import Path
import re
import subprocess
import sys
import xml.etree.ElementTree as ET

import face_affect_ros
from packaging.requirements import Requirement
import pytest
from setup_steps.host import WHEELS
import yaml

ROOT = Path(__file__).resolve().parents[1]
LOCKS = sorted((ROOT / 'requirements').glob('*.txt'))
#: Modules by rosdep key, if the key is not the name of the module.
KEYS = {'cv2': 'python3-opencv', 'numpy': 'python3-numpy', 'PIL': 'python3-pil',
        'hypothesis': 'python3-hypothesis', 'packaging': 'python3-packaging',
        'pytest': 'python3-pytest', 'rich': 'python3-rich', 'scipy': 'python3-scipy',
        'skimage': 'python3-skimage', 'tqdm': 'python3-tqdm', 'yaml': 'python3-yaml'}
#: Modules without a rosdep key, by distribution, and what replaces them if it is there.
BY_PIP = {'ai_edge_litert': 'ai-edge-litert', 'lap': 'lap', 'rosbags': 'rosbags'}
#: Modules without a rosdep key, which the README installs by apt.
BY_APT = {'av': 'python3-av'}
INSTEAD = {'tflite_runtime', 'tensorflow'}
#: Optional modules, whose absence is an error message.
OPTIONAL = {'hri_msgs', 'pillow_heif', 'dask', 'distributed', 'fsspec', 'plotly', 'pyarrow',
            'pympi', 'webvtt'}
#: Modules of this repository that the tests import beside the package.
OURS = {'face_affect_bench', 'face_affect_training', 'fuzz', 'setup_steps'} | {
    path.stem for folder in ('test', 'tools', 'benchmarks')
    for path in (ROOT / folder).rglob('*.py')}
#: Modules that only test/fuzz/run.py needs, which is run by hand.
BY_HAND = {'atheris'}
#: Type hashes of the interfaces of other packages, built from the original packages:
#: composition_interfaces 2.0.2, vision_msgs 4.1.1, hri_msgs 2.0.0, tf2_msgs 0.36.4.
HASHES = {
    'composition_interfaces/srv/ListNodes':
        'RIHS01_13f30d73a74c844ee4bacf78f3680f08777cad137f10fbd6a648544cc7b59d2a',
    'composition_interfaces/srv/LoadNode':
        'RIHS01_2e521ef6066fba6d7fc3a3b175d486709f01b4d738d9a59188858546fc8e5acd',
    'composition_interfaces/srv/UnloadNode':
        'RIHS01_dce562f83adc735ddcfe9dfb927b89293d4dd0fe2b8fc91e772fb83e970a43b0',
    'vision_msgs/msg/Detection2DArray':
        'RIHS01_214274120007f4a683866481336b70310268cfa107aebe9d594a6acf75bda968',
    'vision_msgs/msg/VisionInfo':
        'RIHS01_95d3116a17484ad91c9a2686e1d54890bbfc3ff6c6a2de137738c4950d45d284',
    'vision_msgs/msg/LabelInfo':
        'RIHS01_3d37df4015cdf660cc851c51897f2acd957e1ca6205ba0a99aebffb9406b0783',
    'hri_msgs/msg/IdsList':
        'RIHS01_7e0812d1ac945c98fd3e393568d581ad0ab567f37b24eff633eab778c1bfe62d',
    'hri_msgs/msg/NormalizedRegionOfInterest2D':
        'RIHS01_2e50c93f1ca166ee77af9a5424dc951ae4e452b740162a7f83c082d917dcaff5',
    'hri_msgs/msg/FacialLandmarks':
        'RIHS01_f1d6b0ba159f4d6be1632e5dfc9cb79ce5e35da73888da2a4789bd9b35112a63',
    'hri_msgs/msg/Expression':
        'RIHS01_411b88e0604397d44775d8ec6a4bc69398fb0dfbfe864c33a40fa99ee85f1b00',
    'hri_msgs/msg/SoftBiometrics':
        'RIHS01_b71b1b988b22c4a7f4f04b5395ae89a3168dff71ddd44bbf29ea84d4645fd69e',
    'tf2_msgs/msg/TFMessage':
        'RIHS01_e369d0f05a23ae52508854b66f6aa0437f3449d652e8cbf22d5abe85d020f087',
}


def imported_modules(folder: Path) -> set[str]:
    """Return the top-level modules that the Python files below a folder import."""
    names = set()
    for path in folder.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(str(node.module).partition('.')[0])
    return names - set(sys.stdlib_module_names) - {face_affect_ros.__name__}


def pins_of(path: Path) -> list[Requirement]:
    """Return the pins of a lock, without their hashes."""
    lines = re.findall(r'^([a-z].*) \\$', path.read_text(), re.MULTILINE)
    return [Requirement(line) for line in lines]


def installed_prefix() -> Path:
    """Return the prefix of the package installed by colcon; skip if it is not sourced."""
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        if prefix and Path(prefix, 'share/ament_index/resource_index/packages',
                           'face_affect_ros').is_file():
            return Path(prefix)
    pytest.skip('no colcon build of face_affect_ros is sourced: . tools/env.sh')


def test_no_two_tests_have_the_same_file_name() -> None:
    """The pytest plugin of launch_testing imports test files by their names alone."""
    names = [path.name for top in ('test', 'training/tests')
             for path in (ROOT / top).rglob('test_*.py')]
    assert len(names) > 50
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_all_files_have_the_same_version() -> None:
    manifests = [ROOT / 'package.xml', ROOT / 'face_affect_msgs' / 'package.xml']
    versions = {path.parent.name: ET.parse(path).findtext('version') for path in manifests}
    assert set(versions.values()) == {face_affect_ros.__version__}


def test_rosdoc2_finds_the_pages() -> None:
    configuration = ET.parse(ROOT / 'package.xml').findtext('export/rosdoc2')
    _, settings = yaml.safe_load_all((ROOT / str(configuration)).read_text())
    pages = ROOT / settings['builders'][0]['sphinx']['sphinx_sourcedir']
    assert (pages / 'conf.py').is_file() and (pages / 'nodes' / 'face_affect.md').is_file()


@pytest.mark.parametrize('folder', ['face_affect_ros', 'launch', 'test'])
def test_every_import_is_a_named_dependency(folder: str) -> None:
    package = ET.parse(ROOT / 'package.xml').getroot()
    named = {element.text for element in package if element.tag.endswith('depend')}
    robot = (ROOT / 'requirements' / 'robot.in').read_text().split()
    apt = re.search(r'^sudo apt install ((?:.*\\\n)*.*)', (ROOT / 'README.md').read_text(),
                    re.MULTILINE)
    assert apt is not None
    modules = imported_modules(ROOT / folder) - INSTEAD - OPTIONAL
    if folder == 'test':
        modules -= OURS | BY_HAND
    assert modules, 'nothing is imported: the test looks in the wrong place'
    lacking = {module for module in modules
               if KEYS.get(module, module) not in named and BY_PIP.get(module) not in robot
               and BY_APT.get(module) not in apt[1].split()}
    assert not lacking


@pytest.mark.parametrize('path', LOCKS, ids=lambda path: path.name)
def test_every_pin_is_exact_and_hashed(path: Path) -> None:
    text = path.read_text()
    assert '://' not in text and '\n-' not in text
    pins = re.split(r'\n(?=\S)', text.partition('\n')[2].rstrip())
    assert len(pins) == len(pins_of(path))
    for pin in pins:
        assert re.match(r'[a-z][\w.-]*==[\w.]+( ; [^\\]+)? \\\n', pin), pin
        assert re.search(r'--hash=sha256:[0-9a-f]{64}', pin), pin


@pytest.mark.parametrize('path', LOCKS, ids=lambda path: path.name)
def test_a_lock_satisfies_its_source(path: Path) -> None:
    locked = set(re.findall(r'^([a-z][\w.-]*)==', path.read_text(), re.MULTILINE))
    wanted = re.findall(r'^[A-Za-z][\w.-]*', path.with_suffix('.in').read_text(), re.MULTILINE)
    assert wanted
    assert {re.sub(r'[._]', '-', name.lower()) for name in wanted} <= locked


@pytest.mark.parametrize('family', [
    *(('build', 'colcon', f'ros-{ros}', 'runtime', 'test', 'docs', 'training') for ros in WHEELS),
    ('distro', 'distro-test', 'robot')])
def test_locks_of_one_environment_have_the_same_pins(family: tuple[str, ...]) -> None:
    for minor in range(10, 14):
        versions: dict[str, set[str]] = {}
        for name in family:
            for pin in pins_of(ROOT / 'requirements' / f'{name}.txt'):
                marker = pin.marker
                python = {'python_full_version': f'3.{minor}.0', 'python_version': f'3.{minor}'}
                if marker is None or marker.evaluate(python):
                    versions.setdefault(pin.name, set()).add(str(pin.specifier))
        assert {name for name, found in versions.items() if len(found) > 1} == set()
        assert 'numpy' in versions


def test_the_installed_share_has_every_file_of_the_source() -> None:
    share = installed_prefix() / 'share' / 'face_affect_ros'
    files = [path.relative_to(ROOT) for top in ('launch', 'config', 'models', 'rviz')
             for path in (ROOT / top).rglob('*')
             if path.is_file() and '__pycache__' not in path.parts]
    assert Path('models/blazeface_back/card.yaml') in files
    assert [path for path in files if not (share / path).is_file()] == []


@pytest.mark.parametrize('name', ['face_affect', 'face_affect_node', 'camera_player',
                                  'bag_player'])
def test_the_programs_are_in_the_folder_of_ros2_run(name: str) -> None:
    assert os.access(installed_prefix() / 'lib' / 'face_affect_ros' / name, os.X_OK)


def test_the_command_runs_from_the_path_in_any_folder(tmp_path: Path) -> None:
    installed_prefix()
    done = subprocess.run(['face_affect', '--version'], cwd=tmp_path, capture_output=True,
                          text=True, check=False)
    assert (done.returncode, done.stdout) == (0, f'face_affect {face_affect_ros.__version__}\n')


@pytest.mark.parametrize('first', ['', 'export CDPATH=.:/; '])
def test_the_environment_can_be_entered_by_a_strict_shell(first: str, tmp_path: Path) -> None:
    if not (ROOT / '.venv' / 'setup.sh').is_file():
        pytest.skip('make setup has not been run here')
    script = (f'{first}set -eu; . {os.path.relpath(ROOT, "/")}/tools/env.sh; '
              'python -c "import rclpy, face_affect_msgs.msg"')
    done = subprocess.run(['bash', '-c', script], cwd='/', capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('name', HASHES)
def test_the_underlay_has_the_wire_format_of_the_original(name: str) -> None:
    package, kind, file = name.split('/')
    pytest.importorskip(package, reason=f'{package} is not installed')
    prefixes = [Path(prefix) for prefix in os.environ['AMENT_PREFIX_PATH'].split(os.pathsep)]
    names = [prefix / 'share' / package / kind / f'{file}.json' for prefix in prefixes]
    description = json.loads(next(path for path in names if path.is_file()).read_text())
    hashes = {entry['type_name']: entry['hash_string'] for entry in description['type_hashes']}
    assert hashes[name] == HASHES[name]


#: Hides modules from a Python process, as if they were not installed.
HIDE = """
import importlib.machinery, sys
finder = importlib.machinery.PathFinder
class Hiding:
    @staticmethod
    def find_spec(name, path=None, target=None):
        hidden = name.partition('.')[0] in ('keras', 'tensorflow', 'sklearn')
        return None if hidden else finder.find_spec(name, path, target)
    find_distributions = finder.find_distributions
    invalidate_caches = finder.invalidate_caches
sys.meta_path = [Hiding if each is finder else each for each in sys.meta_path]
"""


@pytest.mark.slow
def test_without_keras_the_tests_of_training_are_skipped_with_the_reason(tmp_path: Path) -> None:
    """As for `colcon test` in the workspace of a robot, which collects them, too."""
    if not (ROOT / 'training' / 'tests').is_dir():
        pytest.skip('training/ is not here')
    (tmp_path / 'sitecustomize.py').write_text(HIDE)
    path = os.pathsep.join([str(tmp_path), *filter(None, sys.path)])
    run = subprocess.run(
        [sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', 'training/tests',
         'test/affect/test_boxes.py'], cwd=ROOT, env={**os.environ, 'PYTHONPATH': path},
        capture_output=True, text=True, timeout=280.0, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert 'keras, sklearn, tensorflow not installed' in run.stdout
    modules = len(list((ROOT / 'training' / 'tests').glob('test_*.py')))
    assert f'{modules} skipped' in run.stdout
