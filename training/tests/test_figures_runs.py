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

"""Figures from training runs: the cells of plans, and gradient ascent."""

import json
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training import networks
from face_affect_training.__main__ import main
from face_affect_training.figures import ascent, plans
import keras
import numpy as np
from PIL import Image
import pytest
import yaml


def write_plan(folder: Path, settings: dict[str, Any]) -> str:
    """Write a plan and return its path."""
    path = folder / 'plan.yaml'
    path.write_text(yaml.safe_dump(settings))
    return str(path)


@pytest.fixture
def plan(experiment: Path, tmp_path: Path) -> str:
    """Return a plan of two quick cells on the small sheets."""
    settings = yaml.safe_load(experiment.read_text())
    settings['training'] = {'epochs': 3, 'batch': 14, 'optimizer': 'adam', 'learning_rate': 0.003,
                            'warmup_epochs': 0, 'workers': 0}
    settings['network'] = {'name': 'baseline'}
    settings['data']['subset'] = 140
    (tmp_path / 'base.yaml').write_text(yaml.safe_dump(settings))
    return write_plan(tmp_path, {'base': 'base.yaml',
                                 'grid': {'network.options.dropout': [0.0, 0.5]}})


def test_cells_are_trained_evaluated_and_resumed(plan: str, tmp_path: Path,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    out, results = tmp_path / 'runs', tmp_path / 'results'
    command = ['figures', 'run', plan, '--out', str(out), '--results', str(results), '--cache',
               str(tmp_path / 'cache')]
    assert main([*command, '--max-minutes', '0.0001']) == 3
    assert 'not finished: plan/dropout_0.0, plan/dropout_0.5' in capsys.readouterr().err
    assert not (out / 'plan' / 'dropout_0.5').exists()
    assert main(command) == 0
    settings = json.loads((results / 'plan.json').read_text())
    assert settings['missing'] == []
    assert [cell['name'] for cell in settings['cells']] == ['dropout_0.0', 'dropout_0.5']
    for cell in settings['cells']:
        final, curves = cell['final'], cell['curves']
        assert cell['train'].endswith('140 of 280') and cell['validation_faces'] == 70
        assert len(curves['val_accuracy']) == len(curves['train_accuracy']) == 3
        assert final == {key: values[-1] for key, values in curves.items()}
        assert cell['best']['val_accuracy'] == max(curves['val_accuracy'])
        assert final['train_loss'] < curves['train_loss'][0] < 2.5
        assert final['train_accuracy'] > 0.4
    # A second call trains nothing, and another experiment is refused.
    capsys.readouterr()
    assert main(command) == 0
    assert 'all 3 epochs are trained' in capsys.readouterr().err
    assert json.loads((results / 'plan.json').read_text()) == settings
    base = tmp_path / 'base.yaml'
    base.write_text(base.read_text().replace('epochs: 3', 'epochs: 2'))
    assert main(command) == 1
    assert 'dropout_0.0: holds a run of a different experiment' in capsys.readouterr().err


def test_plans_of_the_repository() -> None:
    names = sorted(path.stem for path in plans.FOLDER.glob('*.yaml'))
    assert {'dropout', 'networks', 'rate_maps'} <= set(names)
    for name in names:
        plan = plans.load_plan(name)
        assert len(plan.cells) > 1
        for cell in plan.cells:
            assert plan.experiment(cell).network.name in networks.NETWORKS
    maps = plans.load_plan('rate_maps')
    assert len(maps.cells) == 12
    chosen = {(e.network.name, e.training.learning_rate, e.network.options['regularisation'])
              for e in map(maps.experiment, maps.cells)}
    assert len(chosen) == 12


@pytest.mark.parametrize(('entries', 'message'), [
    ({'cells': {}}, 'the entry base is missing'),
    ({'base': 'base.yaml', 'colour': 1}, 'unknown entry colour'),
    ({'base': 'base.yaml', 'grid': {'seed': 1}}, 'grid.seed: 1 is not of type'),
    ({'base': 'base.yaml', 'grid': {'training.colour': [1]}}, 'unknown entry colour'),
    ({'base': 'base.yaml', 'cells': {'a': {'seed': 'one'}}},
     "plan.yaml: cell 'a': .*base.yaml: seed: 'one' is not of type int"),
    ({'base': 'base.yaml', 'cells': {True: {'seed': 2}}},   # yes, in YAML 1.1
     'plan.yaml: cells: the name True is not a text; put it in quotes'),
    ({'base': 'base.yaml', 'grid': {1: [2]}}, 'plan.yaml: grid: the name 1 is not a text'),
    ({'base': 'base.yaml', 'cells': {}}, 'plan.yaml: there are no cells; give cells, and values'),
    ({'base': 'base.yaml', 'grid': {'seed': []}}, 'plan.yaml: there are no cells'),
])
def test_invalid_plans_are_refused(experiment: Path, tmp_path: Path, entries: dict[str, Any],
                                   message: str) -> None:
    (tmp_path / 'base.yaml').write_text(experiment.read_text())
    with pytest.raises(AffectError, match=message):
        plans.load_plan(write_plan(tmp_path, entries))
    with pytest.raises(AffectError, match='choose one of dropout, networks, rate_maps'):
        plans.load_plan('nosuch')


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
