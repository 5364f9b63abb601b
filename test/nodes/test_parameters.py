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

"""The table of parameters: complete and consistent."""

from pathlib import Path
from typing import Any

import node_pages
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from face_affect_ros.nodes.parameters import (  # noqa: E402, I100
    PARAMETERS,
    problem_with,
    settings_of,
)
import yaml  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]


def test_the_defaults_are_accepted_and_choose_the_default_pipeline() -> None:
    defaults = {name: spec.default for name, spec in PARAMETERS.items()}
    assert problem_with(defaults) == ''
    assert settings_of(defaults).detector == 'face_residual_fpn'


@pytest.mark.parametrize('file', sorted((ROOT / 'config').glob('*.yaml')), ids=lambda f: f.name)
def test_the_parameter_files_have_only_existing_parameters(file: Path) -> None:
    values = yaml.safe_load(file.read_text())['/**']['ros__parameters']
    assert set(values) <= set(PARAMETERS)
    assert problem_with(values) == ''
    for name, value in values.items():
        assert type(value) is type(PARAMETERS[name].default), name


def test_the_default_file_has_the_defaults_of_the_node() -> None:
    values = yaml.safe_load((ROOT / 'config' / 'default.yaml').read_text())['/**'][
        'ros__parameters']
    assert values == {name: spec.default for name, spec in PARAMETERS.items()}
    assert node_pages.DEFAULTS.read_text() == node_pages.parameter_file(PARAMETERS), (
        'write it anew: python tools/node_pages.py')


@pytest.mark.parametrize(('name', 'value', 'problem'), [
    ('min_score', 1.5, "parameter 'min_score': 1.5 is outside of 0.01 to 0.99"),
    ('processing', 'evry', "parameter 'processing': 'evry' is not one of .*did you mean 'every'"),
    ('track_id_prefix', '1', "parameter 'track_id_prefix': '1' is not a letter followed by"),
    ('track_id_prefix', 'robot-1', "'robot-1' is not a letter followed by letters, digits"),
    ('track_id_prefix', 'é', "'é' is not a letter followed by letters"),
    ('track_id_prefix', 'a__', "'a__' .* single underscores"),
    ('track_id_prefix', 'robot_1_', '^$'), ('track_id_prefix', '', '^$'),
    ('use_sim_time', True, '^$'),
])
def test_invalid_values_are_reported(name: str, value: Any, problem: str) -> None:
    import re
    assert re.search(problem, problem_with({name: value}))
