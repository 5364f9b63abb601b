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

"""A shipped model becomes a run again: the same network, ready to be trained on."""

from pathlib import Path

from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.types import AffectError
from face_affect_training.__main__ import main
from face_affect_training.data import read
from face_affect_training.evaluate import whole_crops
from face_affect_training.evaluate.checkpoints import load_network
from face_affect_training.experiment import load_experiment
from face_affect_training.restore import restore
import numpy as np
import pytest
import yaml

keras = pytest.importorskip('keras', reason='Keras is not installed')
if keras.backend.backend() != 'tensorflow':
    pytest.skip('only the TensorFlow backend exports', allow_module_level=True)


@pytest.mark.parametrize(('name', 'precision', 'tolerance', 'options'), [
    ('mini_xception', 'float32', 1e-4, []), ('small_resnet', 'float32', 1e-4, []),
    ('sequential_fully_cnn', 'float32', 1e-4, []), ('small_resnet', 'dynamic', 0.1, []),
    ('small_resnet', 'int8', 0.1, []), ('efficientnet_lite', 'float32', 1e-4, ['--mirror'])])
def test_restored_is_the_same_network(name: str, precision: str, tolerance: float,
                                      options: list[str],
                                      experiment: Path, sheets: Path, tmp_path: Path,
                                      capsys: pytest.CaptureFixture[str]) -> None:
    facts = yaml.safe_load(experiment.read_text())
    facts['network'] = {'name': name}
    facts['training']['epochs'] = 1
    experiment.write_text(yaml.safe_dump(facts))
    run, again = tmp_path / 'run', tmp_path / 'again'
    assert main(['train', str(experiment), '--out', str(run)]) == 0
    assert main(['export', str(run), '--models', str(tmp_path), '--main', precision,
                 *options]) == 0
    assert main(['restore', str(tmp_path / 'small'), str(experiment), '--out', str(again)]) == 0
    assert 'within' in capsys.readouterr().out

    plan = load_experiment(experiment)
    inputs = plan.input.scaled(whole_crops(read('fer2013_sheets', sheets, 'PublicTest').images,
                                           plan.input.spec()))
    ours, theirs = (load_network(folder / 'best.keras', plan) for folder in (again, run))
    np.testing.assert_allclose(ours.predict(inputs, verbose=0), theirs.predict(inputs, verbose=0),
                               atol=tolerance)
    norms = [layer for layer in ours.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert bool(norms) == (name != 'efficientnet_lite')   # whose weights come without
    if norms:
        # batch norm takes the batch's own statistics in training, and finds what it expects
        to_logits = keras.Model(ours.input, ours.get_layer('average').output)
        training = np.asarray(to_logits(inputs, training=True))
        resting = np.asarray(to_logits(inputs, training=False))
        assert np.corrcoef(training.ravel(), resting.ravel())[0, 1] > 0.8
        assert all(np.ptp(layer.moving_variance) > 0.0 for layer in norms)

    assert main(['export', str(again), '--models', str(tmp_path), '--name', 'twin', '--main',
                 precision, *options]) == 0
    twin = load_card(str(tmp_path / 'twin')).metadata['metrics']['emotion']['accuracy']
    assert twin == load_card(str(tmp_path / 'small')).metadata['metrics']['emotion']['accuracy']


def test_half_the_bits_are_no_network_to_train_on(experiment: Path, tmp_path: Path,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / 'run'
    assert main(['train', str(experiment), '--out', str(run), '--set', 'training.epochs=1']) == 0
    assert main(['export', str(run), '--models', str(tmp_path), '--main', 'float16']) == 0
    assert main(['restore', str(tmp_path / 'small'), str(experiment), '--out',
                 str(tmp_path / 'again')]) == 1
    assert 'restore takes float32, dynamic and int8 files only' in capsys.readouterr().err


def test_another_network_is_refused(experiment: Path, tmp_path: Path,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / 'run')
    assert main(['restore', 'emotion_sequential_fully_cnn', str(experiment), '--out', out]) == 1
    assert "holds no kernel (3, 3, 1, 8) of the layer 'stem1'" in capsys.readouterr().err
    assert main(['restore', 'emotion_small_resnet', str(experiment), '--out', out]) == 1
    assert 'for pairs of columns, which only' in capsys.readouterr().err
    facts = yaml.safe_load(experiment.read_text())
    facts['network'] = {'name': 'baseline'}
    experiment.write_text(yaml.safe_dump(facts))
    assert main(['restore', 'emotion_mini_xception', str(experiment), '--out', out]) == 1
    assert "of the layer 'conv1' of baseline" in capsys.readouterr().err


def test_a_layer_of_another_kind_is_named(experiment: Path, tmp_path: Path,
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    image = keras.Input((24, 24, 1), name='image')
    network = keras.Model(image, keras.layers.PReLU(name='slopes')(image), name='other')
    monkeypatch.setattr('face_affect_training.restore.build_network', lambda _: network)
    plan = load_experiment(experiment)
    with pytest.raises(AffectError, match="layer 'slopes' of other: only convolutions and dense"):
        restore('emotion_mini_xception', plan, np.zeros((1, 24, 24, 1), np.float32), tmp_path)
