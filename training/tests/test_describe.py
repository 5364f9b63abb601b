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

"""Descriptions of networks: sums as done by hand, and the verb that prints them."""

import json
from pathlib import Path

from face_affect_ros.affect.types import AffectError
from face_affect_training import networks
from face_affect_training.__main__ import main
from face_affect_training.describe import describe, multiply_accumulates
from face_affect_training.networks.fractional_pooling import FractionalMaxPooling2D
import keras
from keras import layers
import pytest

#: A layer, the shape of its input, its multiply-accumulates as counted by hand.
BY_HAND = [
    (layers.Conv2D(8, 3, padding='same'), (10, 12, 4), 10 * 12 * 3 * 3 * 4 * 8),
    (layers.Conv2D(8, 3, strides=2), (11, 11, 4), 5 * 5 * 3 * 3 * 4 * 8),
    (layers.Conv2D(8, (1, 3), groups=2, padding='same'), (10, 10, 4), 10 * 10 * 3 * 2 * 8),
    (layers.DepthwiseConv2D(3, padding='same'), (10, 10, 4), 10 * 10 * 3 * 3 * 4),
    (layers.DepthwiseConv2D(3, depth_multiplier=2), (10, 10, 4), 8 * 8 * 3 * 3 * 4 * 2),
    (layers.SeparableConv2D(8, 3, padding='same'), (10, 10, 4), 10 * 10 * (3 * 3 * 4 + 4 * 8)),
    (layers.Dense(7), (20,), 20 * 7),
    (layers.Dense(7), (5, 20), 5 * 20 * 7),
    (layers.BatchNormalization(), (10, 10, 4), 0),
    (layers.MaxPooling2D(2), (10, 10, 4), 0),
    (FractionalMaxPooling2D(1.5), (10, 10, 4), 0),
]


@pytest.mark.parametrize(('layer', 'shape', 'expected'), BY_HAND,
                         ids=[f'{index}_{case[0].name}' for index, case in enumerate(BY_HAND)])
def test_multiply_accumulates(layer: layers.Layer, shape: tuple[int, ...], expected: int) -> None:
    """Products of convolutions and dense layers are counted, nothing else."""
    keras.Sequential([keras.Input(shape), layer])
    assert multiply_accumulates(layer) == expected


def test_unknown_layer() -> None:
    """A layer with weights that cannot be counted is no zero."""
    layer = layers.Conv2DTranspose(4, 3, name='upwards')
    keras.Sequential([keras.Input((8, 8, 1)), layer])
    with pytest.raises(AffectError, match="'upwards'.*Conv2DTranspose"):
        multiply_accumulates(layer)


def test_totals() -> None:
    """A whole network, summed up by hand; frozen and moving weights do not train."""
    found = describe(networks.build('baseline', input_shape=(48, 48, 1), classes=7))
    assert found.macs == 48 * 48 * 9 * 32 + 24 * 24 * 32 * 7
    assert found.parameters == found.trainable == 9 * 32 + 32 + 24 * 24 * 32 * 7 + 7
    assert found.input_shape == (48, 48, 1)
    assert [layer.shape for layer in found.layers if layer.name == 'pool1'] == [(24, 24, 32)]
    xception = describe(networks.build('mini_xception', input_shape=(48, 48, 1), classes=7))
    moving = 2 * (8 + 8 + 3 * (16 + 32 + 64 + 128))
    assert xception.parameters - xception.trainable == moving
    assert sum(layer.parameters for layer in xception.layers) == xception.parameters
    five = describe(networks.build('five_layer_cnn', input_shape=(48, 48, 1), classes=7))
    assert five.macs == (48 ** 2 * 9 * 32 + 24 ** 2 * 9 * 32 * 64 + 12 ** 2 * 9 * 64 * 128
                         + 6 * 6 * 128 * 128 + 128 * 7)


def test_verb(capsys: pytest.CaptureFixture[str]) -> None:
    """The table has every layer and the totals, the size is that of a real conversion."""
    command = ['describe', 'five_layer_cnn', '--size', '24', '--channels', '3', '--classes', '2',
               '--set', 'dropout=0.5', 'hidden=16', 'regularisation=1e-4']
    assert main([*command, '--json']) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts['options'] == {'dropout': 0.5, 'hidden': 16, 'regularisation': 1e-4}
    assert facts['input_shape'] == [24, 24, 3] and facts['classes'] == 2
    if keras.backend.backend() == 'tensorflow':
        # the weights and little else, batch norm folded into 224 biases
        kernels = 9 * (3 * 32 + 32 * 64 + 64 * 128) + 3 * 3 * 128 * 16 + 16 * 2
        assert 4 * kernels < facts['tflite_bytes'] < 4 * kernels + 20_000
    else:
        assert facts['tflite_bytes'] is None and 'TensorFlow' in facts['tflite_missing']
    assert main(command) == 0
    table = capsys.readouterr().out
    assert 'five_layer_cnn: 24 x 24 x 3 to 2 classes' in table
    for layer in facts['layers']:
        row = next(line for line in table.splitlines() if line.startswith(f'{layer["name"]} '))
        assert layer['kind'] in row and ' x '.join(map(str, layer['shape'])) in row
        assert not layer['macs'] or f'{layer["macs"]:,}' in row
    assert f'{facts["parameters"]:,}' in table and f'{facts["macs"]:,} a face' in table


def test_experiment(experiment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An experiment's file stands for its network, input, classes and options."""
    assert main(['describe', str(experiment), '--json', '--set', 'dropout=0.4']) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts['name'] == 'mini_xception' and facts['input_shape'] == [24, 24, 1]
    assert facts['classes'] == 7 and facts['options'] == {'dropout': 0.4}
    assert main(['describe', str(experiment), '--json', '--size', '48']) == 0
    assert json.loads(capsys.readouterr().out)['input_shape'] == [48, 48, 1]


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    """Every network of the registry has its line."""
    assert main(['describe', '--list']) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line.split()[0] for line in lines] == list(networks.NETWORKS)
    assert any(line.split()[1] == '58,423' and 'depth-wise' in line for line in lines)
    assert main(['describe', '--list', '--json']) == 0
    facts = json.loads(capsys.readouterr().out)
    assert [f'{entry["parameters"]:,}' for entry in facts] == [line.split()[1] for line in lines]


@pytest.mark.parametrize(('arguments', 'message'), [
    (['nosuch'], "network 'nosuch' does not exist"),
    (['mini_xception', '--set', 'colour=1'], 'colour'),
    (['mini_xception', '--set', 'dropout'], 'OPTION=VALUE'),
    (['mini_xception', '--size', '0'], '--size 0'),
    (['nosuch.yaml'], 'nosuch.yaml'),
    (['--list', '--set', 'dropout=0.1'], '--set'),
])
def test_errors(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line names what is wrong."""
    assert main(['describe', *arguments]) == 1
    assert message in capsys.readouterr().err.splitlines()[-1]
