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

"""Gradient ascent, and sheets of images."""

import json
from pathlib import Path

from face_affect_ros.affect.types import AffectError
from face_affect_training import networks
from face_affect_training.__main__ import main
from face_affect_training.figures.ascent import ascend
from face_affect_training.figures.pictures import sheet
import keras
import numpy as np
from PIL import Image
import pytest
import yaml


def test_gradient_ascent_increases_the_activation_of_each_filter() -> None:
    keras.utils.set_random_seed(4)
    network = networks.build('baseline', input_shape=(24, 24, 1), classes=7)
    images, before, after = ascend(network, 'conv1_relu', [0, 5, 31], low=-1.0, high=1.0,
                                   steps=12)
    assert images.shape == (3, 24, 24, 1) and images.dtype == np.float32
    assert -1.0 <= images.min() < images.max() <= 1.0
    assert all(high > low for low, high in zip(before, after))
    maps = keras.Model(network.input, network.get_layer('conv1_relu').output)
    means = np.asarray(maps.predict(images, verbose=0)).mean((1, 2))
    np.testing.assert_allclose(means[[0, 1, 2], [0, 5, 31]], after, atol=1e-3)
    again, _, _ = ascend(network, 'conv1_relu', [0, 5, 31], low=-1.0, high=1.0, steps=12)
    np.testing.assert_array_equal(images, again)
    with pytest.raises(AffectError, match="no layer 'nosuch'.*conv1_relu"):
        ascend(network, 'nosuch', [0], low=-1.0, high=1.0)


def test_filters_of_a_run(experiment: Path, tmp_path: Path,
                          capsys: pytest.CaptureFixture[str]) -> None:
    run, results = tmp_path / 'run', tmp_path / 'results'
    run.mkdir()
    settings = yaml.safe_load(experiment.read_text())
    settings['network'] = {'name': 'mini_xception'}
    (run / 'experiment.yaml').write_text(yaml.safe_dump(settings))
    (run / 'best.json').write_text(json.dumps({'epoch': 3, 'val_accuracy': 0.5}))
    networks.build('mini_xception', input_shape=(24, 24, 1), classes=7).save(run / 'best.keras')
    command = ['figures', 'ascent', str(run), '--results', str(results), '--steps', '2']
    assert main([*command, '--count', '3', '--layers', 'stem2_relu', 'classes']) == 0
    table = json.loads((results / 'ascent_small.json').read_text())
    assert [(entry['layer'], entry['filters']) for entry in table['layers']] == \
        [('stem2_relu', [0, 4, 7]), ('classes', [0, 3, 6])]
    with Image.open(results / 'ascent_small.png') as picture:
        assert picture.width > 3 * 48 and picture.height > 2 * 48
    assert main([*command, '--layers', 'nosuch']) == 1
    assert "no layer 'nosuch'" in capsys.readouterr().err


def test_a_sheet_of_images_and_empty_cells(tmp_path: Path) -> None:
    dark, light = np.zeros((4, 4)), np.full((4, 4), 0.5)
    path = sheet([[dark, None], [None, light]], tmp_path / 'sheet.png', rows=('one', 'two'),
                 columns=('left', 'right'))
    with Image.open(path) as picture:
        grey = np.asarray(picture.convert('L')) / 255.0
    height, width = grey.shape
    places = {(row, column): np.mean(np.abs(part - level) < 0.05)
              for row, half in enumerate(np.array_split(grey, 2))
              for column, part in enumerate(np.array_split(half, 2, axis=1))
              for level in [(0.0 if row == 0 else 0.5)]}
    assert places[0, 0] > 0.4 and places[1, 1] > 0.4
    assert places[0, 1] < 0.05 and places[1, 0] < 0.05 and height < width
