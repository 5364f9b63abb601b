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

"""Filters, errors and sheets: pictures that are made of networks and faces."""

import json
from pathlib import Path

from face_affect_ros.affect.types import AffectError, EMOTIONS
from face_affect_training import networks
from face_affect_training.__main__ import main
from face_affect_training.figures.ascent import ascend, Climb, slope_of
from face_affect_training.figures.sheets import draw, Sheet
import keras
import numpy as np
from PIL import Image
import pytest
import yaml

MODEL = Path(__file__).resolve().parents[2] / 'models' / 'emotion_mini_xception'


def test_gradient_is_the_slope() -> None:
    """A small step along it raises the score by its length."""
    keras.utils.set_random_seed(3)
    network = networks.build('baseline', input_shape=(12, 12, 1), classes=2)
    logits = keras.Model(network.input, network.get_layer('logits').output)

    def score(pictures: object) -> object:
        return keras.ops.sum(logits(pictures)[:, 1])

    def value(pictures: np.ndarray) -> float:
        return float(keras.ops.convert_to_numpy(score(pictures)))

    images = np.random.default_rng(2).uniform(-1, 1, (1, 12, 12, 1)).astype(np.float32)
    slope = slope_of(score)(images)
    length = float(np.linalg.norm(slope))
    step = (0.01 * slope / length).astype(np.float32)
    rise = value(images + step) - value(images - step)
    assert length > 0.01 and rise == pytest.approx(0.02 * length, rel=0.05)


def test_ascent_excites_each_filter() -> None:
    """Every picture excites its own filter more than the noise did, within the input's range."""
    keras.utils.set_random_seed(4)
    network = networks.build('baseline', input_shape=(24, 24, 1), classes=7)
    climb = Climb(steps=12)
    images, before, after = ascend(network, 'conv1_relu', [0, 5, 31], low=-1.0, high=1.0,
                                   climb=climb)
    assert images.shape == (3, 24, 24, 1) and images.dtype == np.float32
    assert -1.0 <= images.min() < images.max() <= 1.0
    assert all(high > low for low, high in zip(before, after))
    maps = keras.Model(network.input, network.get_layer('conv1_relu').output)
    means = np.asarray(maps.predict(images, verbose=0)).mean((1, 2))
    np.testing.assert_allclose(means[[0, 1, 2], [0, 5, 31]], after, atol=1e-3)
    again, _, _ = ascend(network, 'conv1_relu', [0, 5, 31], low=-1.0, high=1.0, climb=climb)
    np.testing.assert_array_equal(images, again)
    with pytest.raises(AffectError, match="no layer 'nosuch'.*conv1_relu"):
        ascend(network, 'nosuch', [0], low=-1.0, high=1.0)
    with pytest.raises(AffectError, match='filters 0 to 31'):
        ascend(network, 'conv1_relu', [32], low=-1.0, high=1.0)


def test_filters_of_a_run(experiment: Path, tmp_path: Path,
                          capsys: pytest.CaptureFixture[str]) -> None:
    """The command writes a picture and its numbers; a network without a choice needs layers."""
    run, results = tmp_path / 'run', tmp_path / 'results'
    run.mkdir()
    facts = yaml.safe_load(experiment.read_text())
    facts['network'] = {'name': 'mini_xception'}
    (run / 'experiment.yaml').write_text(yaml.safe_dump(facts))
    (run / 'best.json').write_text(json.dumps({'epoch': 3, 'val_accuracy': 0.5}))
    networks.build('mini_xception', input_shape=(24, 24, 1), classes=7).save(run / 'best.keras')
    command = ['figures', 'filters', str(run), '--results', str(results), '--steps', '2']
    assert main([*command, '--count', '3', '--layers', 'stem2_relu', 'classes']) == 0
    table = json.loads((results / 'filters_small.json').read_text())
    assert [(entry['layer'], entry['filters']) for entry in table['layers']] == \
        [('stem2_relu', [0, 4, 7]), ('classes', [0, 3, 6])]
    with Image.open(results / 'filters_small.png') as picture:
        assert picture.width > 3 * 48 and picture.height > 2 * 48
    assert main([*command, '--layers', 'nosuch']) == 1
    assert "no layer 'nosuch'" in capsys.readouterr().err


def test_errors_of_a_model(sheets: Path, tmp_path: Path) -> None:
    """Counts add up, sheets of faces lie where they were asked for and nowhere else."""
    results, folder = tmp_path / 'results', tmp_path / 'sheets'
    assert main(['figures', 'errors', '--model', str(MODEL), '--data', 'fer2013_sheets',
                 str(sheets), 'Training', '--results', str(results), '--sheets',
                 str(folder)]) == 0
    assert sorted(path.name for path in results.iterdir()) == \
        ['errors_emotion_mini_xception.json', 'mean_faces_emotion_mini_xception.png']
    facts = json.loads((results / 'errors_emotion_mini_xception.json').read_text())
    assert facts['faces'] == 280 and facts['data'] == 'FER-2013 Training'
    confusions = facts['confusions']
    assert sum(entry['faces'] for entry in confusions) == facts['errors'] > 0
    counts = [entry['faces'] for entry in confusions]
    assert counts == sorted(counts, reverse=True)
    for entry in confusions:
        assert entry['true'] != entry['taken'] and {entry['true'], entry['taken']} <= set(EMOTIONS)
        assert entry['share_of_true'] == pytest.approx(entry['faces'] / 40, abs=1e-4)
        assert 1 / 7 < entry['mean_probability'] <= entry['highest_probability'] <= 1.0
    names = {f"{entry['true']}_taken_for_{entry['taken']}.png" for entry in confusions[:6]}
    written = list((folder / 'emotion_mini_xception').iterdir())
    assert {path.name for path in written} == names


def test_too_few_faces_for_a_mean(sheets: Path, tmp_path: Path,
                                  capsys: pytest.CaptureFixture[str]) -> None:
    """Ten faces of each class make no mean face, and one line says so."""
    assert main(['figures', 'errors', '--model', str(MODEL), '--data', 'fer2013_sheets',
                 str(sheets), 'PublicTest', '--results', str(tmp_path / 'results'), '--sheets',
                 str(tmp_path / 'sheets')]) == 1
    assert 'too few faces for a mean face' in capsys.readouterr().err
    assert not list(tmp_path.rglob('mean_faces*'))


def test_a_sheet_shows_its_pictures(tmp_path: Path) -> None:
    """Pixels are where they belong, enlarged and not blurred; empty places are white."""
    ramp = np.linspace(0.0, 1.0, 16).reshape(4, 4)
    path = draw(Sheet([[ramp, None], [None, 1.0 - ramp]], [['a', ''], ['', 'b']],
                      rows=['one', 'two'], columns=['left', 'right']), tmp_path / 'sheet.png',
                scale=3, colours=16)
    with Image.open(path) as picture:
        grey = np.asarray(picture.convert('L')) / 255.0
    large = np.kron(ramp, np.ones((3, 3)))
    places = [(y, x) for y in range(grey.shape[0] - 11) for x in range(grey.shape[1] - 11)
              if np.abs(grey[y:y + 12, x:x + 12] - large).max() < 0.02]
    assert len(places) == 1
    y, x = places[0]
    assert (grey[y:y + 12, x + 18:x + 30] > 0.99).all()
    with pytest.raises(ValueError, match='needs a picture'):
        draw(Sheet([[None]], [['']]), tmp_path / 'empty.png')
