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

import json
from pathlib import Path
import re

from face_affect_training import networks
from face_affect_training.__main__ import main
from face_affect_training.describe import describe, multiply_accumulates
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


def test_costs_of_a_network() -> None:
    costs = describe(networks.build('five_layer_cnn', input_shape=(24, 24, 3), classes=2,
                                    hidden=16))
    kernels = 9 * (3 * 32 + 32 * 64 + 64 * 128) + 3 * 3 * 128 * 16 + 16 * 2
    assert costs['macs'] == (24 ** 2 * 9 * 3 * 32 + 12 ** 2 * 9 * 32 * 64 + 6 ** 2 * 9 * 64 * 128
                             + 3 * 3 * 128 * 16 + 16 * 2)
    assert costs['parameters'] == kernels + 4 * (32 + 64 + 128) + 16 + 2
    if keras.backend.backend() == 'tensorflow':
        assert 4 * kernels < costs['tflite_bytes'] < 4 * kernels + 20_000


def test_describe_prints_networks_and_experiments(capsys: pytest.CaptureFixture[str]) -> None:
    recipes = [str(path) for path in EXPERIMENTS.glob('*mini_xception.yaml')]
    assert main(['describe', 'mini_xception', *recipes]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert lines[0].split()[:5] == ['mini_xception', '48', 'x', '48', 'x']
    assert '58,423' in lines[0] and len(lines) == 3
    assert main(['describe', *recipes, '--json']) == 0
    record = {each['name']: each for each in json.loads(capsys.readouterr().out)}
    assert record['gender_mini_xception']['input'] == [64, 64, 3]
    assert record['emotion_mini_xception']['parameters'] == 58_423
    for wrong, message in ((['nosuch'], "network 'nosuch' does not exist"),
                           (['nosuch.yaml'], 'nosuch.yaml')):
        assert main(['describe', *wrong]) == 1
        assert message in capsys.readouterr().err


def test_every_module_of_commands_is_an_entry_point() -> None:
    text = (EXPERIMENTS.parent / 'pyproject.toml').read_text()
    modules = EXPERIMENTS.with_name('face_affect_training') / 'commands'
    assert sorted(re.findall(r'commands\.(\w+):register', text)) == sorted(
        path.stem for path in modules.glob('[a-z]*.py'))
