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

"""Parameters, multiply-accumulates and sizes of networks, and the command `describe`."""

from pathlib import Path
import re

from face_affect_training.__main__ import main
from face_affect_training.describe import multiply_accumulates
from face_affect_training.networks.fractional_pooling import FractionalMaxPooling2D
import keras
from keras import layers
import pytest

#: Layer, shape of its input, multiply-accumulates.
BY_HAND = [
    (layers.Conv2D(8, 3, padding='same'), (10, 12, 4), 10 * 12 * 3 * 3 * 4 * 8),
    (layers.Conv2D(8, 3, strides=2), (11, 11, 4), 5 * 5 * 3 * 3 * 4 * 8),
    (layers.DepthwiseConv2D(3, padding='same'), (10, 10, 4), 10 * 10 * 3 * 3 * 4),
    (layers.Dense(7), (20,), 20 * 7),
    (layers.BatchNormalization(), (10, 10, 4), 0),
    (layers.MaxPooling2D(2), (10, 10, 4), 0),
    (FractionalMaxPooling2D(1.5), (10, 10, 4), 0),
]
EXPERIMENTS = Path(__file__).parents[1] / 'experiments'


def test_multiply_accumulates() -> None:
    for layer, shape, expected in BY_HAND:
        assert multiply_accumulates(keras.Sequential([keras.Input(shape), layer])) == expected


def test_describe_prints_networks_and_experiments(capsys: pytest.CaptureFixture[str]) -> None:
    recipe = str(EXPERIMENTS / 'gender_mini_xception.yaml')
    assert main(['describe', 'mini_xception', recipe]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [' '.join(line.split()[:7]) for line in lines] == [
        'mini_xception 48 x 48 x 1 58,423', 'gender_mini_xception 64 x 64 x 3 52,802']
    for wrong, message in ((['nosuch'], "network 'nosuch' does not exist"),
                           (['nosuch.yaml'], 'nosuch.yaml')):
        assert main(['describe', *wrong]) == 1
        assert message in capsys.readouterr().err


def test_every_module_of_commands_is_an_entry_point() -> None:
    text = (EXPERIMENTS.parent / 'pyproject.toml').read_text()
    modules = EXPERIMENTS.with_name('face_affect_training') / 'commands'
    assert sorted(re.findall(r'commands\.(\w+):register', text)) == sorted(
        path.stem for path in modules.glob('[a-z]*.py'))
