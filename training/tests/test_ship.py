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

"""The command `ship`, on 200 faces and with one or two epochs."""

import csv
import json
from pathlib import Path
from unittest.mock import Mock
import zipfile

import cv2
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.types import AffectError
from face_affect_training.__main__ import main
import keras
import numpy as np
import pytest
import yaml


@pytest.fixture(scope='module')
def data(chip: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a table of 200 images of the portrait: bright ones are happy, dark ones neutral."""
    file = tmp_path_factory.mktemp('faces') / 'fer2013.csv'
    chip = cv2.resize(chip, (48, 48), interpolation=cv2.INTER_AREA)
    random = np.random.default_rng(3)
    with file.open('w', newline='') as stream:
        writer = csv.writer(stream)
        writer.writerow(('emotion', 'pixels', 'Usage'))
        for index in range(200):
            light = random.uniform(0.9, 1.2) if index % 2 else random.uniform(0.5, 0.7)
            pixels = np.clip(chip * light + random.normal(0, 4, chip.shape), 0, 255).astype(int)
            writer.writerow((3 if index % 2 else 6, ' '.join(map(str, pixels.ravel())),
                             'PublicTest' if index % 5 == 0 else 'Training'))
    return file


def test_ship_writes_model_results_and_page_and_resumes(
        data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capfd: pytest.CaptureFixture[str]) -> None:
    if keras.backend.backend() != 'tensorflow':
        pytest.skip('only the TensorFlow backend exports')
    monkeypatch.chdir(tmp_path)
    settings = {
        'name': 'small', 'task': 'emotion',
        'data': {'reader': 'fer2013_csv', 'path': str(data), 'train': 'Training',
                 'validation': 'PublicTest', 'expect_train': 160, 'expect_validation': 40},
        'input': {'size': 24}, 'network': {'name': 'mini_xception'},
        'training': {'epochs': 1, 'batch': 16, 'learning_rate': 0.01, 'warmup_epochs': 0,
                     'workers': 0}}
    Path('teacher.yaml').write_text(yaml.safe_dump({**settings, 'name': 'teacher'}))
    # interrupted after the first
    settings['training'] |= {'epochs': 2, 'precision': 'mixed_bfloat16'}
    settings['distillation'] = {'teachers': ['runs/teacher/best.keras'], 'weight': 0.5}
    settings['export'] = {'precision': 'dynamic', 'mirror': True, 'saliency': 'float32'}
    Path('small.yaml').write_text(yaml.safe_dump(settings))
    ship = ['ship', 'small.yaml', '--models', 'models', '--results', 'results', '--also',
            'fer2013_csv', str(data), 'Training']
    assert main([*ship, '--max-minutes', '1e-9']) == 3
    assert 'the same command resumes' in capfd.readouterr().err
    assert main([*ship[:-2], 'nowhere', 'Training']) == 1   # before the first step
    assert 'nowhere: the data folder does not exist' in capfd.readouterr().err
    assert not Path('models').exists() and not Path('runs/small/ship').exists()

    assert main(ship) == 0
    output = capfd.readouterr()
    for piece in ('margins emotion', 'limits emotion', 'models/small: dynamic, '):
        assert piece in output.err, piece
    written = output.out.split()
    for path in ('models/small', 'results/small.json', 'results/bias_small.json',
                 'models/small/README.md'):
        assert path in written and Path(path).exists(), path
    card = load_card(str(tmp_path / 'models/small'))
    figures = json.loads(Path('results/small.json').read_text())
    assert figures['sha256'] == card.sha256
    found = figures['tasks']['emotion']
    assert card.crop.margin == found['margins']['chosen'] and found['margins']['found'] > 30
    assert card.metadata['limits'] == found['limits']['limits']
    assert card.metadata['mirror'] is True and 'saliency' in card.metadata
    assert list(found['precisions']) == ['dynamic', 'float32', 'float16', 'int8']
    assert found['precisions']['dynamic']['accuracy'] == found['validation']['accuracy']
    assert found['train'] == {key: found['elsewhere'][0][key] for key in found['train']}
    training = card.metadata['training']
    assert training['learned_from'] == ['teacher'] and training['device']
    assert set(training['hours']) <= {'teacher', 'small'}   # rounded to 0
    page = ' '.join(Path('models/small/README.md').read_text().split())
    assert f"accuracy {100 * found['validation']['accuracy']:.1f} %" in page

    network = Path('runs/small/best.keras').stat().st_mtime_ns
    assert main(ship) == 0
    again = capfd.readouterr().err
    assert 'all 2 epochs are trained' in again and 'margins' not in again
    assert Path('runs/small/best.keras').stat().st_mtime_ns == network
    assert json.loads(Path('results/small.json').read_text())['sha256'] == card.sha256

    with zipfile.ZipFile('runs/small/best.keras', 'a') as file:
        file.comment = b'another checkpoint'
    monkeypatch.setattr('face_affect_training.ship.export', lambda *args, **options: [])
    monkeypatch.setattr('face_affect_training.ship.tune_margin', Mock(side_effect=AffectError))
    assert main(ship) == 1
    assert 'ship: trial\nship: margins emotion' in capfd.readouterr().err
