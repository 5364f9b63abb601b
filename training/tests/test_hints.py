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

"""Layers that learn to see what those of another network see."""

import csv
from pathlib import Path
from typing import Any

from face_affect_ros.cli import main
from face_affect_training.experiment import load_experiment
import numpy as np
import pytest
import yaml

keras = pytest.importorskip('keras', reason='Keras is not installed')

from face_affect_training.runs import build_network, take_weights  # noqa: E402, I100

LAYER = 'stage2_2_add'


@pytest.fixture
def runs(experiment: Path, tmp_path: Path) -> tuple[Path, Path]:
    """Return a trained run, and the experiment that gives its network other first stages."""
    facts = yaml.safe_load(experiment.read_text())
    before = {**facts, 'network': {'name': 'efficientnet_lite', 'options': {
        'blocks': [1, 2], 'top': 16, 'dropout': 0.0}}}
    before['training'] = {**facts['training'], 'epochs': 2, 'learning_rate': 0.002}
    after: dict[str, Any] = {**before, 'input': {'size': 32}, 'network': {
        'name': 'efficientnet_lite', 'options': {
            'blocks': [0, 2], 'stem': 8, 'fused': 2, 'top': 16, 'dropout': 0.0}}}
    folder = tmp_path / 'before'
    after['training'] = {**before['training'], 'epochs': 4, 'learning_rate': 0.01,
                         'trunk_from': f'{folder}/best.keras', 'trunk_stays': True, 'hint': LAYER}
    for name, each in (('before', before), ('after', after)):
        (tmp_path / f'{name}.yaml').write_text(yaml.safe_dump(each))
    assert main(['train', str(tmp_path / 'before.yaml'), '--out', str(folder)]) == 0
    return folder, tmp_path / 'after.yaml'


def test_layers_come_near_those_of_another_network(runs: tuple[Path, Path],
                                                   tmp_path: Path) -> None:
    """Layers behind them keep the other network's weights; it sees the picture in this size."""
    before, path = runs
    after = tmp_path / 'after'
    assert main(['train', str(path), '--out', str(after)]) == 0
    with (after / 'log.csv').open(newline='') as file:
        rows = list(csv.DictReader(file))
    assert [row['accuracy'] for row in rows] == 4 * ['']   # no labels are learned
    assert all(0.0 <= float(row['val_accuracy']) <= 1.0 for row in rows)
    networks = []
    for run, file in ((before, 'best'), (after, 'last')):
        own = load_experiment(run / 'experiment.yaml')
        networks.append(build_network(own))
        take_weights(networks[-1], run / f'{file}.keras')
    teacher, student = networks
    for name in ('top', 'classes'):
        for ours, theirs in zip(student.get_layer(name).get_weights(),
                                teacher.get_layer(name).get_weights()):
            np.testing.assert_array_equal(ours, theirs)
    first, last = float(rows[0]['loss']), float(rows[-1]['loss'])
    assert last < 0.7 * first


def test_a_hint_that_cannot_be_taken_is_named(runs: tuple[Path, Path], tmp_path: Path,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is trained."""
    _, path = runs
    for number, (changes, complaint) in enumerate((
            (["training.trunk_from=''"], 'hint: stage2_2_add of which network? Set training'),
            (['training.hint=stage9_add'], 'efficientnet_lite of this form has no layer stage9'),
            (['training.hint=stem'], 'training.hint: stem is (16, 16, 8) here and (16, 16, 32)'))):
        begin = ['train', str(path), '--out', str(tmp_path / str(number)), '--set']
        assert main([*begin, *changes]) == 1
        assert complaint in capsys.readouterr().err
