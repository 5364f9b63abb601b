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

"""Networks: parameters, training, saving, conversion to TFLite, options."""

import inspect
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training import networks, tflite
from face_affect_training.experiment import Input, load_experiment
from face_affect_training.runs import build_network, from_pixels, take_backbone
import keras
import numpy as np
import pytest
import yaml

COUNTS = {
    'baseline': 129_351, 'five_layer_cnn': 684_199, 'five_layer_cnn_fractional': 2_076_839,
    'deeper_cnn': 1_766_439, 'sequential_fully_cnn': 591_783, 'mini_xception': 58_423,
    'residual_cnn': 11_177_287,
    'small_resnet': 670_359, 'mobilenet': 3_202_631}
#: Learning rates of networks that diverge with 0.01.
RATES = {'mobilenet': 1e-3}
#: Options of small networks.
NARROW: dict[str, dict[str, Any]] = {
    'residual_cnn': {'width': 8, 'blocks': 1},
    'small_resnet': {'widths': [8, 16], 'blocks': [1, 1]},
    'mobilenet': {'blocks': 4}}


def small_network(name: str, *, input_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Return a small network without dropout."""
    options = dict(NARROW.get(name, {}))
    if 'dropout' in inspect.signature(networks.NETWORKS[name]).parameters:
        options['dropout'] = 0.0
    return networks.build(name, input_shape=input_shape, classes=classes, **options)


def outputs_of(network: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Return the outputs at inference."""
    return keras.ops.convert_to_numpy(network(inputs, training=False))


@pytest.mark.parametrize('name', networks.NETWORKS)
def test_parameters_are_those_of_the_docstring(name: str) -> None:
    network = networks.build(name, input_shape=(48, 48, 1), classes=7)
    assert network.count_params() == COUNTS[name]
    assert f'{COUNTS[name]:,}' in (inspect.getdoc(networks.NETWORKS[name]) or '')
    assert [layer.name for layer in network.layers[-2:]] == ['logits', 'probabilities']


@pytest.mark.parametrize('name', networks.NETWORKS)
def test_training_saving_and_conversion(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    network = small_network(name, input_shape=(32, 32, 3), classes=2)
    model = from_pixels(network, SimpleNamespace(input=Input(32)))
    random = np.random.default_rng(0)
    labels = np.arange(8) % 2
    images = random.integers(0, 128, (8, 32, 32, 3)) + 100 * labels[:, None, None, None]
    images = images.astype(np.uint8)
    model.compile(keras.optimizers.Adam(RATES.get(name, 0.01)),
                  keras.losses.CategoricalCrossentropy(from_logits=True),
                  run_eagerly=keras.backend.backend() == 'tensorflow')   # tracing takes longer
    targets = np.eye(2, dtype=np.float32)[labels]
    losses = model.fit(images, targets, batch_size=8, epochs=12, verbose=0).history['loss']
    assert min(losses[-3:]) < 0.6 * losses[0]

    inputs = images / np.float32(127.5) - 1
    probabilities = outputs_of(network, inputs)
    np.testing.assert_allclose(probabilities.sum(1), 1.0, atol=1e-5)
    network.save(tmp_path / 'network.keras')
    again = keras.saving.load_model(tmp_path / 'network.keras')
    np.testing.assert_allclose(outputs_of(again, inputs), probabilities, atol=1e-6)

    if keras.backend.backend() != 'tensorflow':
        pytest.skip('only TensorFlow writes TFLite')
    (tmp_path / 'model.tflite').write_bytes(tflite.convert(network))
    [converted] = tflite.predict(tmp_path / 'model.tflite', inputs)
    np.testing.assert_allclose(converted, probabilities, atol=1e-4)


def test_penalty_and_dropout() -> None:
    options: dict[str, Any] = {'input_shape': (32, 32, 1), 'classes': 7}
    network = networks.build('five_layer_cnn', regularisation=0.01, dropout=0.0, **options)
    assert len(network.losses) == 5
    assert not any(hasattr(layer, 'rate') for layer in network.layers)
    dropping = networks.build('five_layer_cnn', dropout=0.3, **options)
    assert dropping.losses == []
    assert {layer.rate for layer in dropping.layers if hasattr(layer, 'rate')} == {0.3}


def test_branches_of_small_resnet_are_independent() -> None:
    first = {'classes': 7, 'widths': [16], 'blocks': [1]}
    second = {'classes': 2, 'widths': [6, 10], 'blocks': [1, 2]}
    options: dict[str, Any] = {'widths': [8, 12], 'blocks': [1, 1], 'dropout': 0.0}
    network = networks.build('small_resnet', input_shape=(48, 48, 1), classes=(7, 2), **options,
                             branches=[first, second])
    image = np.random.default_rng(1).normal(size=(3, 48, 48, 1)).astype(np.float32)
    before = [np.asarray(each) for each in network.predict(image, verbose=0)]
    assert [each.shape for each in before] == [(3, 7), (3, 2)]
    assert network.get_layer('stage3').output.shape[1:] == (6, 6, 16)
    assert network.get_layer('stage3_task2').output.shape[1:] == (6, 6, 6)
    assert network.get_layer('stage4_task2').output.shape[1:] == (3, 3, 10)
    for name in ('stage3_task2', 'stage4_task2_block2_a'):
        own = network.get_layer(name)
        own.set_weights([-2.0 * each for each in own.get_weights()])
        emotion, gender = network.predict(image, verbose=0)
        np.testing.assert_array_equal(emotion, before[0])
        assert not np.allclose(gender, before[1])
        before[1] = gender
    for wrong, complaint in (([first, {**second, 'classes': 3}], r'\[7, 3\] .* add up to 9'),
                             ([first, {**second, 'blocks': [1]}], 'shorter than'),
                             ([first, {**second, 'colour': 1}], 'colour')):
        with pytest.raises(AffectError, match=complaint):
            networks.build('small_resnet', input_shape=(24, 24, 1), classes=(7, 2), **options,
                           branches=wrong)


def test_take_backbone_copies_equal_layers(settings: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / 'experiment.yaml').write_text(yaml.safe_dump({**settings, 'network': {
        'name': 'small_resnet', 'options': {'widths': [8, 12], 'blocks': [1, 1]}}}))
    known = build_network(load_experiment(tmp_path / 'experiment.yaml'))
    known.save(tmp_path / 'best.keras')
    network = networks.build('small_resnet', input_shape=(24, 24, 1), classes=7, widths=[8, 10],
                             blocks=[1, 1])
    before = {layer.name: layer.get_weights() for layer in network.layers}
    # a stage of three convolutions
    assert len(take_backbone(network, tmp_path / 'best.keras')) == 6
    for layer in network.layers:
        kept = known if layer.name.startswith('stage1') else None
        expected = kept.get_layer(layer.name).get_weights() if kept else before[layer.name]
        for ours, theirs in zip(layer.get_weights(), expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(AffectError, match='no layer of small_resnet fits a layer of mini_xc'):
        take_backbone(networks.build('mini_xception', input_shape=(24, 24, 1), classes=7),
                   tmp_path / 'best.keras')
    with pytest.raises(AffectError, match='there is no nowhere.keras; train first'):
        take_backbone(network, tmp_path / 'nowhere.keras')


def test_wrong_networks_and_options_are_reported() -> None:
    for name, options, message in (('nosuch', {}, 'nosuch'), ('baseline', {'colour': 1}, 'colour'),
                                   ('five_layer_cnn', {'dropout': 3}, 'rate=3[^\n]*$')):
        with pytest.raises(AffectError, match=message):
            networks.build(name, input_shape=(48, 48, 1), classes=7, **options)
