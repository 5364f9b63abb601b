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

"""The files in config/: their parameters exist, and Fast DDS accepts the profile."""

import os
from pathlib import Path
import subprocess
import sys

import pytest
import yaml

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from face_affect_ros.launch_support import CAMERAS  # noqa: E402, I100
from face_affect_ros.nodes import parameters  # noqa: E402
from face_affect_ros.nodes.large_images import variable  # noqa: E402
import rclpy  # noqa: E402

CONFIG = Path(__file__).resolve().parents[2] / 'config'
#: Prints the size of the largest shared memory of Fast DDS that the process has mapped, in bytes.
MAPPED = """
import re, rclpy
rclpy.init()
node = rclpy.create_node('segments')
maps = [line.split() for line in open('/proc/self/maps') if '/dev/shm/fast' in line]
ends = [[int(end, 16) for end in line[0].split('-')] for line in maps]
print(max(end - start for start, end in ends))
node.destroy_node()
rclpy.shutdown()
"""


def values(name: str) -> dict:
    """Return the parameters of a file by name."""
    content = yaml.safe_load((CONFIG / f'{name}.yaml').read_text(encoding='utf-8'))
    assert list(content) == ['/**'] and list(content['/**']) == ['ros__parameters']
    return content['/**']['ros__parameters']


def test_every_camera_has_a_file_and_a_row_on_the_page() -> None:
    assert {path.stem for path in CONFIG.glob('*.yaml')} == set(CAMERAS) | {'low_power'}
    page = (CONFIG.parent / 'docs' / 'launch.md').read_text()
    for name, camera in CAMERAS.items():
        assert f'| `{name}` | `{camera.image}` | `{camera.camera_info}` |' in page


def test_the_default_file_has_all_parameters_with_their_defaults() -> None:
    assert values('default') == {
        name: spec.default for name, spec in parameters.PARAMETERS.items()}


@pytest.mark.parametrize('name', sorted(set(CAMERAS) - {'default'} | {'low_power'}))
def test_every_other_file_has_valid_parameters(name: str) -> None:
    given = values(name)
    for parameter, value in given.items():
        assert type(value) is type(parameters.PARAMETERS[parameter].default), parameter
    assert parameters.problem_with(given) == ''


def largest_segment(profile: str) -> int:
    """Return the size of the largest shared memory of a new process, with a profile or without."""
    environment = {key: value for key, value in os.environ.items()
                   if not key.endswith('_DEFAULT_PROFILES_FILE')}
    if profile:
        environment[variable()] = profile
    run = subprocess.run([sys.executable, '-c', MAPPED], env=environment, capture_output=True,
                         text=True, check=True, timeout=60.0)
    assert 'XMLPARSER' not in run.stdout + run.stderr
    return int(run.stdout.splitlines()[-1])


def test_fast_dds_uses_the_profile(ros_domain: int) -> None:
    if rclpy.get_rmw_implementation_identifier() != 'rmw_fastrtps_cpp':
        pytest.skip('the middleware here is not Fast DDS')
    if not sys.platform.startswith('linux'):
        pytest.skip('shared memory is looked up in /proc, which only Linux has')
    assert largest_segment('') < 2**20
    assert largest_segment(str(CONFIG / 'fastdds_large_images.xml')) >= 16 * 2**20
