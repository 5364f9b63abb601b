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

"""Gradient ascent."""

import json
from pathlib import Path

from face_affect_training import networks
from face_affect_training.__main__ import main
from face_affect_training.figures import ascent
import keras
import numpy as np
from PIL import Image
import pytest
import yaml


def test_gradient_ascent_increases_the_activation_of_each_filter(
        monkeypatch: pytest.MonkeyPatch) -> None:
    keras.utils.set_random_seed(4)
    network = networks.build('baseline', input_shape=(24, 24, 1), classes=7)
    monkeypatch.setattr(ascent, 'STEPS', 12)
    images, before, after = ascent.ascend(network, 'conv1_relu', [0, 5, 31], low=-1.0, high=1.0)
    assert images.shape == (3, 24, 24, 1) and images.dtype == np.float32
    assert -1.0 <= images.min() < images.max() <= 1.0
    assert all(high > low for low, high in zip(before, after))
    maps = keras.Model(network.input, network.get_layer('conv1_relu').output)
    means = np.asarray(maps.predict(images, verbose=0)).mean((1, 2))
    np.testing.assert_allclose(means[[0, 1, 2], [0, 5, 31]], after, atol=1e-3)
    again, _, _ = ascent.ascend(network, 'conv1_relu', [0, 5, 31], low=-1.0, high=1.0)
    np.testing.assert_array_equal(images, again)


def test_filters_of_a_run(experiment: Path, tmp_path: Path,
                          monkeypatch: pytest.MonkeyPatch,
                          capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(ascent, 'STEPS', 2)
    run, results = tmp_path / 'run', tmp_path / 'results'
    run.mkdir()
    settings = yaml.safe_load(experiment.read_text())
    settings['network'] = {'name': 'mini_xception'}
    (run / 'experiment.yaml').write_text(yaml.safe_dump(settings))
    networks.build('mini_xception', input_shape=(24, 24, 1), classes=7).save(run / 'best.keras')
    command = ['figures', 'ascent', str(run), '--results', str(results)]
    assert main(command) == 1
    assert 'best.json: cannot be read' in capsys.readouterr().err
    (run / 'best.json').write_text(json.dumps({'epoch': 3, 'val_accuracy': 0.5}))
    assert main(command) == 0
    filters = {entry['layer']: entry['filters'] for entry in json.loads(
        (results / 'ascent_small.json').read_text())['layers']}
    assert filters['module128_add'][-1] == 127 and filters['classes'] == list(range(7))
    with Image.open(results / 'ascent_small.png') as picture:
        assert picture.width > 8 * 48 and picture.height > 6 * 48
    settings['network'] = {'name': 'baseline'}
    (run / 'experiment.yaml').write_text(yaml.safe_dump(settings))
    networks.build('baseline', input_shape=(24, 24, 1), classes=7).save(run / 'best.keras')
    assert main(command) == 1
    assert 'sequential_fully_cnn, not of baseline' in capsys.readouterr().err
