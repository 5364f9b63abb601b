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

"""Export: TFLite files of all precisions, parity with Keras, cards."""

from dataclasses import replace
import json
from pathlib import Path
from typing import Any

from face_affect_ros.affect.interpreter import Network
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.types import AffectError
from face_affect_training import networks, tflite
from face_affect_training.__main__ import main
from face_affect_training.data import read
from face_affect_training.evaluate import evaluate
from face_affect_training.experiment import make_experiment
from face_affect_training.quantisation import filled, rounded
from face_affect_training.runs import best_metrics, load_run
from face_affect_training.tflite import check_parity, convert, TOLERANCES
from face_affect_training.views import plain_views
import keras
import numpy as np
import pytest

if keras.backend.backend() != 'tensorflow':
    pytest.skip('only the TensorFlow backend converts', allow_module_level=True)

NAMES = {'float32': 'small', 'float16': 'small_float16', 'dynamic': 'small_dynamic',
         'int8': 'small_int8'}
#: Another margin than that of the training.
MARGIN = 0.07


@pytest.fixture(scope='module')
def run(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a short training run."""
    from face_affect_training.train import train
    folder = tmp_path_factory.mktemp('run')
    train(make_experiment({
        **settings, 'network': {'name': 'mini_xception'}, 'augmentation': {'roll': 3.0},
        'targets': {}, 'training': {'epochs': 2, 'batch': 28, 'learning_rate': 0.01,
                                    'warmup_epochs': 1, 'ema': 0.5}}, 'run'), folder)
    return folder


@pytest.fixture(scope='module')
def models(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of its models."""
    folder = tmp_path_factory.mktemp('models')
    assert main(['export', str(run), '--models', str(folder), '--precision', *NAMES,
                 '--margin', str(MARGIN)]) == 0
    return folder


@pytest.fixture(scope='module')
def known(run: Path, sheets: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and outputs of Keras: 70 validation faces and 70 blends of two of them."""
    experiment, network = load_run(run / 'best.keras')
    crops = plain_views(read('fer2013_sheets', sheets, 'PublicTest').images,
                        replace(experiment.input.spec(), margin=MARGIN))
    plain = crops.astype(np.float32) * np.float32(2 / 255) - np.float32(1)
    mixed = np.linspace(0.3, 0.7, len(plain), dtype=np.float32)[:, np.newaxis, np.newaxis,
                                                                np.newaxis]
    inputs = np.concatenate([plain, mixed * plain + (1 - mixed) * np.roll(plain, 1, axis=0)])
    return inputs, network.predict(inputs, verbose=0)


@pytest.mark.parametrize('precision', NAMES)
def test_each_file_agrees_with_keras(precision: str, models: Path,
                                     known: tuple[np.ndarray, np.ndarray]) -> None:
    inputs, theirs = known
    assert len(set(theirs.argmax(1).tolist())) > 3 and (theirs.max(1) < 0.9).sum() > 10
    path = models / NAMES[precision] / 'model.tflite'
    [ours] = Network(path)(inputs)
    assert (ours.argmax(1) == theirs.argmax(1)).mean() >= TOLERANCES[precision][1]
    assert 0.0 < np.abs(ours - theirs).max() <= TOLERANCES[precision][0]
    if precision != 'float32':
        assert path.stat().st_size < 0.75 * (models / 'small' / 'model.tflite').stat().st_size
    card = load_card(str(path.parent))
    parity = card.metadata['parity']['emotion']
    assert parity['faces'] == 70 and card.metadata['precision'] == precision
    assert card.crop.margin == MARGIN
    ours, theirs = ours[:70], theirs[:70]
    assert parity['max_difference'] == pytest.approx(np.abs(ours - theirs).max(), abs=1e-6)
    assert parity['label_agreement'] == (ours.argmax(1) == theirs.argmax(1)).mean()


@pytest.mark.parametrize('precision', ['float32', 'dynamic'])
def test_mirror_averages_both_outputs(
        precision: str, run: Path, models: Path, known: tuple[np.ndarray, np.ndarray],
        tmp_path: Path) -> None:
    assert main(['export', str(run), '--models', str(tmp_path), '--precision', precision,
                 '--mirror']) == 0
    card = load_card(str(tmp_path / 'small'))
    assert card.metadata['mirror'] is True
    inputs = known[0][70:103]
    plain, twice = Network(models / NAMES[precision] / 'model.tflite'), Network(card.path)
    sides = [plain(each)[0] for each in (inputs, np.ascontiguousarray(inputs[:, :, ::-1]))]
    tolerance = 1e-5 if precision == 'float32' else 0.01
    assert np.abs(sides[0] - sides[1]).max() > 3.0 * tolerance
    for count in (33, 1, 2):
        np.testing.assert_allclose(twice(inputs[:count])[0], np.mean(sides, 0)[:count],
                                   atol=tolerance)


def test_checkpoint_and_model_have_equal_metrics(run: Path, models: Path, sheets: Path) -> None:
    faces = read('fer2013_sheets', sheets, 'PublicTest')
    network = evaluate(str(run), faces)
    same = evaluate(str(run / 'best.keras'), faces, task='emotion')
    model = evaluate(str(models / 'small'), faces)
    assert network['form'] == 'keras' and network['milliseconds_per_face'] is None
    assert network['accuracy'] == same['accuracy'] == model['accuracy'] > 0.5
    assert network['accuracy'] == pytest.approx(best_metrics(run)['val_accuracy'], abs=0.03)
    assert network['confusion'] == model['confusion']
    assert (network['temperature'], network['threshold']) == (1.0, 0.0)


def test_card_contains_the_metrics_of_evaluate(models: Path, sheets: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    for name in NAMES.values():
        assert main(['evaluate', '--model', str(models / name), '--data', 'fer2013_sheets',
                     str(sheets), 'PublicTest']) == 0
        result = json.loads(capsys.readouterr().out)
        metadata = load_card(str(models / name)).metadata
        assert metadata['bytes'] == result['bytes'] and metadata['sha256'] == result['sha256']
        metrics = metadata['metrics']['emotion']
        for key in ('accuracy', 'balanced_accuracy', 'nll', 'ece', 'known_share'):
            assert metrics[key] == pytest.approx(result[key], abs=1e-3), key
        assert metrics['recall'] == {
            label: pytest.approx(entry['recall'], abs=1e-4)
            for label, entry in result['per_class'].items()}


def test_parity_check_reports_differences() -> None:
    theirs = np.random.default_rng(3).dirichlet(np.ones(7), 200)
    labels = theirs.argmax(1)
    for precision in TOLERANCES:
        parity = check_parity(theirs, theirs, labels, precision)
        assert parity['label_agreement'] == parity['accuracy'] == 1.0
        with pytest.raises(AffectError, match=f'the {precision} file differs from Keras'):
            check_parity(theirs[::-1], theirs, labels, precision)
    with pytest.raises(AffectError, match='differs from Keras by up to nan'):
        check_parity(np.full_like(theirs, np.nan), theirs, labels, 'int8')


def test_export_of_a_differing_file_writes_nothing(
        run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from face_affect_training import export as module
    another = keras.Sequential([keras.Input((24, 24, 1)), keras.layers.Flatten(),
                                keras.layers.Dense(7, activation='softmax')])
    other = convert(another)
    monkeypatch.setattr(module, 'convert', lambda *_: other)
    with pytest.raises(AffectError, match='the float32 file differs from Keras'):
        module.export(run, tmp_path / 'models')
    assert not (tmp_path / 'models').exists()


def test_conversion_errors_name_operator_and_precision() -> None:
    import tensorflow as tf

    class Determinant(keras.layers.Layer):   # type: ignore[misc]
        """A layer that TFLite has no operator for."""

        def call(self, inputs: Any) -> Any:
            return tf.linalg.det(inputs)[:, tf.newaxis]

    image = keras.Input((4, 4), name='image')
    network = keras.Model(image, Determinant()(image), name='exotic')
    with pytest.raises(AffectError, match="'exotic' cannot be converted to TFLite as float32: "
                                          'TF Select ops: MatrixDeterminant'):
        convert(network)


@pytest.mark.parametrize(('name', 'ends', 'options'), [
    ('small_resnet', 'stage2_block1_b_bn', {'widths': [16, 24], 'blocks': [1, 1]}),
    ('mobilenet', 'conv_pw_4', {'blocks': 4})])
def test_bias_correction_restores_the_means(name: str, ends: str, options: dict[str, Any],
                                            tmp_path: Path) -> None:
    keras.utils.set_random_seed(1)
    network = networks.build(name, input_shape=(32, 32, 1), classes=7, **options)
    random = np.random.default_rng(2)
    for layer in network.layers:   # as after training
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(random.uniform(0.2, 2.0, layer.gamma.shape))
            layer.beta.assign(random.normal(size=layer.beta.shape))
    samples = random.uniform(-1.0, 1.0, (40, 32, 32, 1)).astype(np.float32)
    file = tmp_path / 'model.tflite'
    file.write_bytes(tflite.convert(network, 'int8', samples))
    plain = filled(network, file)
    corrected = rounded(network, samples)

    def mean(each: keras.Model, layer: str) -> np.ndarray:
        features = keras.Model(each.input, each.get_layer(layer).output)
        return np.asarray(features.predict(samples, verbose=0)).mean((0, 1, 2))

    original = mean(network, ends)
    before, after = (np.abs(mean(each, ends) - original).max() for each in (plain, corrected))
    assert after < 0.05 * before
    for ours, theirs in zip(corrected.layers, plain.layers):
        if hasattr(ours, 'kernel'):
            np.testing.assert_array_equal(ours.kernel, theirs.kernel)
    outputs = [np.log(each.predict(samples, verbose=0)).mean(0)
               for each in (network, plain, corrected)]
    assert np.abs(outputs[2] - outputs[0]).max() < 0.5 * np.abs(outputs[1] - outputs[0]).max()
