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

"""Gradients in TFLite, compared with those of TensorFlow and with finite differences."""

from collections.abc import Callable
import hashlib
import math
from pathlib import Path
from typing import Any

from face_affect_ros.affect import shared_weights
from face_affect_ros.affect.interpreter import load_runtime
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.saliency import Saliency
from face_affect_ros.affect.types import AffectError, FloatArray, MODES
from face_affect_training import networks
from face_affect_training.__main__ import main
from face_affect_training.data import read
from face_affect_training.networks.small_resnet import small_resnet
from face_affect_training.quantisation import filled
from face_affect_training.runs import load_run
from face_affect_training.saliency.export import transposed_kernels
from face_affect_training.saliency.graph import convert_gradients, Gradients
from face_affect_training.saliency.layers import ConvertibleDepthwise, ConvertiblePooling
from face_affect_training.saliency.weights import write
from face_affect_training.tflite import convert
from face_affect_training.views import plain_views
import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml

if keras.backend.backend() != 'tensorflow':
    pytest.skip('only the TensorFlow backend converts', allow_module_level=True)

LABEL = 3


def alive(name: str, size: int, classes: int = 7, **options: Any) -> keras.Model:
    """Return a network with random batch norm parameters, as after a training."""
    keras.utils.set_random_seed(4)
    random = np.random.default_rng(4)
    network = networks.build(name, input_shape=(size, size, 1), classes=classes, **options)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            shape = layer.gamma.shape
            layer.set_weights([random.uniform(0.5, 1.5, shape), random.normal(0, 0.3, shape),
                               random.normal(0, 0.3, shape), random.uniform(0.5, 1.5, shape)])
    return network


def faces(count: int, size: int) -> FloatArray:
    """Return noise as inputs; in uniform areas, the maximum would depend on rounding."""
    random = np.random.default_rng(8)
    return random.uniform(-1.0, 1.0, (count, size, size, 1)).astype(np.float32)


def run(content: bytes, image: FloatArray, label: int, guided: bool) -> dict[int, FloatArray]:
    """Return the outputs of a gradient graph by their number of dimensions."""
    interpreter = load_runtime()(model_content=content)
    interpreter.allocate_tensors()
    values = {'image': image[np.newaxis], 'label': np.array([label], np.int32),
              'guided': np.array([guided], np.float32)}
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail['index'], values[detail['name']])
    interpreter.invoke()
    return {len(detail['shape']): interpreter.get_tensor(detail['index'])[0]
            for detail in interpreter.get_output_details()}


def check_alike(ours: dict[int, FloatArray], probabilities: FloatArray, gradient: FloatArray,
                heat: FloatArray) -> None:
    np.testing.assert_allclose(ours[2], probabilities, atol=1e-4)
    assert np.corrcoef(ours[4].ravel(), gradient.ravel())[0, 1] > 0.999
    if heat.std() > 0.0:
        assert np.corrcoef(ours[3].ravel(), heat.ravel())[0, 1] > 0.999


@pytest.mark.parametrize(('name', 'size', 'options'), [
    ('mini_xception', 48, {}), ('mini_xception', 31, {}), ('sequential_fully_cnn', 24, {}),
    ('small_resnet', 25, {}), ('mobilenet', 35, {'blocks': 7})])
def test_gradients_equal_tensorflow(name: str, size: int, options: dict[str, Any]) -> None:
    network = alive(name, size, **options)
    content = convert_gradients(network)
    reference = Gradients(network, convertible=False)
    for image, label, guided in zip(faces(4, size), (-1, 0, LABEL, -1), (1, 0, 1, 0)):
        ours = run(content, image, label, bool(guided))
        assert ours[4].shape == (size, size, 1)
        check_alike(ours, *reference(image, label, guided=bool(guided)))


@pytest.mark.parametrize(('name', 'size'), [('mini_xception', 31), ('small_resnet', 25)])
def test_with_test_time_flip_the_gradients_are_averaged(name: str, size: int) -> None:
    network = alive(name, size)
    content = convert_gradients(network, mirror=True)
    reference = Gradients(network, convertible=False)
    for image, guided in zip(faces(4, size), (True, False, True, False)):
        sides = [reference(side, LABEL, guided=guided) for side in (image, image[:, ::-1])]
        means = [(one + (other[:, ::-1] if other.ndim > 1 else other)) / 2.0
                 for one, other in zip(*sides)]
        check_alike(run(content, image, LABEL, guided), *means)
        top = run(content, image, -1, guided)
        assert np.array_equal(top[4], run(content, image, int(means[0].argmax()), guided)[4])


def test_grad_cam_uses_the_last_convolution_of_the_task() -> None:
    network = alive('small_resnet', 24, 9, widths=(8,), blocks=(1,), branches=[
        {'classes': 7, 'widths': [12], 'blocks': [1]},
        {'classes': 2, 'widths': [12], 'blocks': [1]}])
    content = convert_gradients(network, widths=(7, 2))
    reference = Gradients(network, widths=(7, 2), convertible=False)
    for label, layer in ((LABEL, 'classes'), (8, 'classes_task2')):
        number = label if label < 7 else label - 7
        for image in faces(3, 24):
            ours = run(content, image, label, False)
            _, _, heat = reference(image, label, guided=False)
            np.testing.assert_allclose(ours[3], heat, atol=1e-4)
            maps = keras.Model(network.input, network.get_layer(layer).output)(image[np.newaxis])
            # The logit is the mean of its feature map.
            np.testing.assert_allclose(
                heat, np.maximum(maps[0, ..., number], 0.0) / heat.size, atol=1e-5)


def test_guided_and_plain_gradients_differ() -> None:
    network = alive('mini_xception', 48)
    gradients = Gradients(network)
    guided, plain = (gradients(faces(1, 48)[0], LABEL, guided=each)[1] for each in (True, False))
    assert np.corrcoef(guided.ravel(), plain.ravel())[0, 1] < 0.9


@pytest.mark.parametrize('name', ['mini_xception', 'sequential_fully_cnn'])
def test_the_plain_gradient_equals_central_differences(name: str) -> None:
    network = alive(name, 48)
    image = faces(1, 48)[0]
    to_logits = keras.Model(network.input, network.get_layer('logits').output)
    slope = Gradients(network)(image, LABEL, guided=False)[1]
    random = np.random.default_rng(5)
    steps = random.normal(0.0, 1.0, (40, *image.shape)).astype(np.float32)
    steps *= np.float32(5e-4)   # small, so that few ReLUs change their sign
    ahead, behind = (to_logits.predict(image + sign * steps, verbose=0)[:, LABEL]
                     for sign in (1, -1))
    expected = (steps * slope).sum((1, 2, 3))
    assert np.corrcoef((ahead - behind) / 2.0, expected)[0, 1] > 0.99
    assert np.polyfit(expected, (ahead - behind) / 2.0, 1)[0] == pytest.approx(1.0, abs=0.05)


def outputs_and_gradients(x: tf.Tensor, *layers: Callable[[Any], Any]) -> tuple[Any, Any]:
    """Return the outputs of the layers, and the gradients of a weighted sum of each."""
    @tf.function
    def compute(x: tf.Tensor) -> tuple[Any, Any]:
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(x)
            outputs = [layer(x) for layer in layers]
            weights = tf.reshape(tf.range(1.0, float(tf.size(outputs[0])) + 1.0),
                                 outputs[0].shape)
            sums = [tf.reduce_sum(each * weights) for each in outputs]
        return outputs, [tape.gradient(each, x) for each in sums]

    return compute(x)


@pytest.mark.parametrize('padding', ['same', 'valid'])
@pytest.mark.parametrize(('size', 'stride', 'length'), [
    (1, 1, 5), (2, 2, 8), (2, 2, 9), (3, 2, 8), (3, 2, 9), (3, 1, 7), (2, 3, 8), (4, 3, 11)])
def test_the_gradient_of_max_pooling(padding: str, size: int, stride: int, length: int) -> None:
    values = np.random.default_rng(size).integers(0, 4, (1, length, length, 2))   # many are equal
    _, (gradient, expected) = outputs_and_gradients(
        tf.constant(values, tf.float32), ConvertiblePooling(size, stride, padding),
        lambda x: tf.nn.max_pool2d(x, size, stride, padding.upper()))
    np.testing.assert_allclose(gradient, expected, rtol=1e-6)


@pytest.mark.parametrize(('size', 'stride', 'length'), [
    (3, 1, 7), (3, 2, 8), (3, 2, 9), (5, 2, 8), (5, 2, 9), (2, 2, 7), (1, 2, 7), (4, 3, 11)])
def test_the_gradient_of_a_depthwise_convolution(size: int, stride: int, length: int) -> None:
    x = tf.constant(np.random.default_rng(size).normal(size=(1, length, length, 2)), tf.float32)
    layer = ConvertibleDepthwise(size, strides=stride, padding='same',
                                 bias_initializer='random_normal')
    (ours, theirs), (gradient, expected) = outputs_and_gradients(
        x, layer, lambda x: keras.layers.DepthwiseConv2D.call(layer, x))
    np.testing.assert_allclose(ours, theirs, rtol=1e-6)
    np.testing.assert_allclose(gradient, expected, atol=1e-4 * np.abs(expected).max())


def test_a_relu_as_the_activation_of_a_layer_is_refused() -> None:
    image = keras.Input((12, 12, 1), name='image')
    x = keras.layers.Conv2D(2, 3)(keras.layers.Conv2D(4, 3, activation='relu')(image))
    x = keras.layers.Activation('linear', name='logits')(keras.layers.GlobalAveragePooling2D()(x))
    network = keras.Model(image, keras.layers.Softmax()(x), name='other')
    with pytest.raises(AffectError, match='has a ReLU as its activation'):
        convert_gradients(network)


def test_export_with_saliency(experiment: Path, tmp_path: Path, sheets: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / 'run'
    assert main(['train', str(experiment), '--out', str(folder), '--set',
                 'network.name=mini_xception']) == 0
    command = ['export', str(folder), '--models', str(tmp_path), '--saliency']
    assert main(command) == 0
    assert 'gradients: ' in capsys.readouterr().out
    model = tmp_path / 'small'
    assert sorted(file.name for file in model.iterdir()) == [
        'card.yaml', 'model.tflite', 'saliency.npz']
    card = load_card(str(model))
    entry = card.metadata['saliency']
    assert entry['bytes'] == (model / 'saliency.npz').stat().st_size
    assert entry['faces'] == 70 and set(entry['correlation']) == set(MODES)
    assert min(entry['correlation'].values()) > 0.999

    def whole(name: str) -> int:
        model = tmp_path / name
        return len(shared_weights.read(model / 'saliency.npz', model / 'model.tflite'))

    saliency = Saliency(card)
    plan, kept = load_run(folder / 'best.keras')
    crops = plain_views(read('fer2013_sheets', sheets, 'PublicTest').images, plan.input.spec())
    inputs = crops.astype(np.float32) * np.float32(2 / 255) - np.float32(1)
    theirs = kept.predict(inputs[:20], verbose=0)
    for crop, expected in zip(crops, theirs):
        explanation = saliency(crop)
        assert explanation.label == expected.argmax()
        np.testing.assert_allclose(explanation.probabilities, expected, atol=0.02)
        assert saliency(crop, LABEL).label == LABEL
        for mode in MODES:
            heat = saliency.heat(crop, mode=mode)
            assert heat.shape == (24, 24) and heat.min() >= 0.0 and heat.max() <= 1.0

    settings = yaml.safe_load((model / 'card.yaml').read_text())
    stored = model / 'saliency.npz'
    gradients = shared_weights.read(stored, model / 'model.tflite')
    stored.write_bytes(b'something else')
    with pytest.raises(AffectError, match='saliency.npz: sha256 is'):
        Saliency(card)
    network = (model / 'model.tflite').read_bytes()
    write(stored, network, network)
    settings['saliency']['sha256'] = hashlib.sha256(stored.read_bytes()).hexdigest()
    (model / 'card.yaml').write_text(yaml.safe_dump(settings))
    with pytest.raises(AffectError, match='not a saliency graph of this model'):
        Saliency(load_card(str(model)))
    write(stored, gradients, network)
    del settings['saliency']
    (model / 'card.yaml').write_text(yaml.safe_dump(settings))
    with pytest.raises(AffectError, match="'small': its card names no saliency file"):
        Saliency(load_card(str(model)))
    command[3] = str(tmp_path / 'quarter')
    assert main([*command, 'dynamic', '--precision', 'dynamic']) == 0
    card = load_card(str(tmp_path / 'quarter/small'))
    quarter = card.metadata['saliency']
    assert card.metadata['precision'] == quarter['weights'] == 'dynamic'
    assert whole('quarter/small') < 0.65 * whole('small')
    # The other weights are those of the model.
    assert quarter['bytes'] < 0.8 * whole('quarter/small')
    assert np.isfinite(Saliency(card)(crop).gradient).all()
    command[3] = str(tmp_path / 'integers')
    assert main([*command, 'float16', '--precision', 'int8']) == 0
    rounded = filled(kept, tmp_path / 'integers/small/model.tflite')
    explained = Saliency(load_card(str(tmp_path / 'integers/small')))
    far, near = (np.abs([explained(crop, LABEL).probabilities - answer
                         for crop, answer in zip(crops, network.predict(inputs, verbose=0))]).max()
                 for network in (kept, rounded))
    assert near < 0.2 * far   # the gradients are those of the rounded network


def test_transposed_kernels_are_stored_as_differences(tmp_path: Path) -> None:
    keras.utils.set_random_seed(2)
    network = small_resnet(input_shape=(24, 24, 1), classes=7, widths=[16, 24], blocks=[1, 1])
    for layer in network.layers:   # as after a training, the scales of the filters differ
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(np.random.default_rng(1).uniform(0.2, 2.0, layer.gamma.shape))
    own, gradients = convert(network, 'dynamic'), convert_gradients(network, 'dynamic')
    transposed = transposed_kernels(gradients, own)
    assert sorted(each.shape for each in transposed) == [
        (16, 9, 16), (16, 9, 16), (24, 9, 16), (24, 9, 24), (24, 9, 24)]
    stored, model = tmp_path / 'saliency.npz', tmp_path / 'model.tflite'
    model.write_bytes(own)
    write(stored, gradients, own)
    without = stored.stat().st_size
    write(stored, gradients, own, transposed)
    assert shared_weights.read(stored, model) == gradients
    kernels = sum(math.prod(each.shape) for each in transposed)
    assert stored.stat().st_size < without - 0.6 * kernels
    other = convert(small_resnet(input_shape=(24, 24, 1), classes=7, widths=[16, 24],
                                 blocks=[1, 1]), 'dynamic')
    assert transposed_kernels(gradients, other) == []
