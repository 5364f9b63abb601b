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

"""Training: it learns, it resumes exactly, its models agree with their TFLite twins."""

import csv
from dataclasses import replace
from pathlib import Path

import cv2
from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.model_store import load_card
from face_affect_training import distillation
from face_affect_training.__main__ import main
from face_affect_training.distillation import Teachers
from face_affect_training.experiment import ancestry, load_experiment
from face_affect_training.views import plain_views
import numpy as np
import pytest
import yaml


def arrays(run: Path) -> dict[str, np.ndarray]:
    """Return the state that a run would resume from."""
    with np.load(run / 'state.npz') as state:
        return {key: state[key] for key in state.files if key != 'facts'}


def log(run: Path) -> list[dict[str, str]]:
    """Return the lines of a run's log."""
    with (run / 'log.csv').open(newline='') as file:
        return list(csv.DictReader(file))


def test_learns_and_resumes_exactly(experiment: Path, tmp_path: Path,
                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """Loss falls; an interrupted run ends with the weights of one that ran through."""
    from face_affect_training import evaluation_callback as module
    monkeypatch.setattr(module, 'STATE_PERIOD', -1.0)
    through, broken = tmp_path / 'through', tmp_path / 'broken'
    train = ['train', str(experiment), '--set', 'network.name=mini_xception', '--out']
    assert main([*train, str(through)]) == 0
    losses = [float(row['loss']) for row in log(through)]
    assert len(losses) == 4 and losses[-1] < 0.8 * losses[0]
    # time is up after each epoch
    for done in (1, 2):
        assert main([*train, str(broken), '--max-minutes', '0.0001']) == 0
        assert [row['epoch'] for row in log(broken)] == [str(i + 1) for i in range(done)]
    assert main([*train, str(broken)]) == 0
    assert [row['loss'] for row in log(broken)] == [row['loss'] for row in log(through)]
    ours, theirs = arrays(broken), arrays(through)
    assert ours.keys() == theirs.keys() and len(ours) > 200
    for key, value in ours.items():
        np.testing.assert_array_equal(value, theirs[key], err_msg=key)


def test_a_run_goes_on_where_another_one_ended(experiment: Path, tmp_path: Path,
                                               capsys: pytest.CaptureFixture[str]) -> None:
    """Weights of the moment are handed on; without the file one line says so."""
    first, second = tmp_path / 'first', tmp_path / 'second'
    assert main(['train', str(experiment), '--out', str(first)]) == 0
    handed_on = f'training.start_from={first}/last.keras'
    assert main(['train', str(experiment), '--out', str(second), '--set', handed_on]) == 0
    assert float(log(second)[0]['loss']) < float(log(first)[0]['loss'])
    assert main(['train', str(experiment), '--out', str(tmp_path / 'third'), '--set',
                 'training.start_from=nowhere.keras']) == 1
    assert 'training.start_from: nowhere.keras: does not exist' in capsys.readouterr().err


def test_a_run_of_another_experiment_is_refused(experiment: Path, tmp_path: Path,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    """One line says so, and the exit code is 1."""
    out = str(tmp_path / 'run')
    settings = ['train', str(experiment), '--out', out, '--set', 'training.epochs=1']
    assert main(settings) == 0
    assert main([*settings, 'seed=9']) == 1
    assert 'different experiment' in capsys.readouterr().err.splitlines()[-1]
    assert main(['train', str(experiment), '--set', 'training.colour=1']) == 1
    assert 'unknown entry colour' in capsys.readouterr().err


def test_distillation(experiment: Path, tmp_path: Path) -> None:
    """A network learns from a teacher of another size."""
    teacher, student = tmp_path / 'teacher', tmp_path / 'student'
    assert main(['train', str(experiment), '--out', str(teacher)]) == 0
    assert main(['train', str(experiment), '--out', str(student), '--set', 'input.size=32',
                 f'distillation.teachers=[{teacher}/best.keras]', 'distillation.weight=0.7',
                 'training.epochs=2']) == 0
    assert len(log(student)) == 2

    plan = load_experiment(student / 'experiment.yaml')
    views = np.random.default_rng(3).integers(0, 256, (9, 32, 32, 1), np.uint8)
    labels = np.eye(7, dtype=np.float32)[np.arange(9) % 7]
    blends = []
    for mirror in (False, True):
        teachers = Teachers(replace(plan.only.distillation, mirror=mirror), plan, plan.task)
        blends.append([teachers.mixed(labels, teachers.soft_targets(side))
                       for side in (views, views[:, :, ::-1])])
    np.testing.assert_allclose(blends[1][0], blends[1][1], atol=1e-6)
    np.testing.assert_allclose(blends[1][0], (blends[0][0] + blends[0][1]) / 2.0, atol=1e-5)
    assert np.abs(blends[0][0] - blends[0][1]).max() > 1e-3


def test_a_teacher_is_asked_once(experiment: Path, tmp_path: Path,
                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """About the whole chips, at each zoom, in its own size; another run takes the answers."""
    teacher, student = tmp_path / 'teacher', tmp_path / 'student'
    assert main(['train', str(experiment), '--out', str(teacher)]) == 0
    once = ['train', str(experiment), '--set', 'input.size=32', 'data.zooms=[1.0,1.3]',
            f'distillation.teachers=[{teacher}/best.keras]', 'distillation.once=true',
            'training.epochs=1']
    assert main([*once, '--out', str(student)]) == 0
    plan = load_experiment(student / 'experiment.yaml')
    own = load_experiment(teacher / 'experiment.yaml')
    images = np.random.default_rng(3).integers(0, 256, (9, 48, 48), np.uint8)
    labels = np.eye(7, dtype=np.float32)[np.arange(9) % 7]
    teachers = Teachers(plan.only.distillation, plan, plan.task)
    found = teachers.mixed_once(images, (1.0, 1.3), labels)
    views = [plain_views(images, own.input.spec(), zoom) for zoom in (1.0, 1.3)]
    expected = np.mean([teachers.mixed(labels, teachers.soft_targets(each))
                        for each in views], axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-6)

    monkeypatch.setattr(distillation, 'from_pixels', unasked)
    again = Teachers(plan.only.distillation, plan, plan.task)
    np.testing.assert_array_equal(again.mixed_once(images, (1.0, 1.3), labels), found)


def test_a_training_that_diverges_is_stopped(experiment: Path, tmp_path: Path,
                                            capsys: pytest.CaptureFixture[str]) -> None:
    """The first epoch without a finite loss is named, with what to do, and no network is kept."""
    run = tmp_path / 'run'
    assert main(['train', str(experiment), '--out', str(run), '--set',
                 'training.learning_rate=1e30', 'training.warmup_epochs=0']) == 1
    told = capsys.readouterr().err
    assert 'the loss of epoch 1 is ' in told and ': lower training.learning_rate' in told
    assert not (run / 'best.keras').exists()


def test_views_that_come_again_are_asked_about_once(experiment: Path, tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    """Each round of views is, and so are the gentle ones at the end."""
    asked = []
    own = Teachers.soft_targets

    def soft_targets(self: Teachers, views: np.ndarray) -> np.ndarray:
        asked.append(views.copy())
        return own(self, views)
    monkeypatch.setattr(Teachers, 'soft_targets', soft_targets)
    assert main(['train', str(experiment), '--out', str(tmp_path / 'run'), '--set',
                 'distillation.teachers=[emotion_mini_xception]', 'distillation.rounds=2',
                 'training.epochs=5', 'training.plain_epochs=1']) == 0
    assert len(asked) == 3
    assert (asked[0] != asked[1]).any() and (asked[0] != asked[2]).any()


def test_a_teacher_of_other_channels(experiment: Path) -> None:
    """A grey teacher sees colours as grey."""
    from face_affect_training import train as module
    changes = ['distillation.teachers=[emotion_mini_xception]', 'distillation.weight=1.0',
               'training.mixup=0', 'training.cutmix=0', 'training.epochs=1',
               'augmentation.tint=0.3']
    plan = load_experiment(experiment, [*changes, 'input.channels=3'])
    faces = {task: each for task, (each, _) in module.load_data(plan, None).items()}
    [batches] = module.batches_of(plan, faces)
    views, targets = (np.concatenate(parts) for parts in zip(*batches.epoch(0)))
    assert views.shape == (280, 24, 24, 3)
    assert (views[..., 0] != views[..., 1]).any((1, 2)).all()
    grey = Teachers(plan.only.distillation, load_experiment(experiment, changes), plan.task)
    seen = np.stack([cv2.cvtColor(view, cv2.COLOR_RGB2GRAY) for view in views])[..., np.newaxis]
    np.testing.assert_allclose(targets, grey.soft_targets(seen), atol=1e-6)


def test_a_shipped_model_teaches(experiment: Path, tmp_path: Path,
                                 capsys: pytest.CaptureFixture[str]) -> None:
    """By its name, in its own size and with its calibration; the card will say so."""
    run = tmp_path / 'run'
    taught = ['train', str(experiment), '--set', 'training.epochs=1', 'distillation.weight=1.0']
    assert main([*taught, 'distillation.teachers=[emotion_small_resnet]', '--out', str(run)]) == 0
    plan = load_experiment(run / 'experiment.yaml')
    known = load_card('emotion_small_resnet').metadata['training']['learned_from']
    assert known and ancestry(plan) == ['emotion_small_resnet', *known]
    teachers = Teachers(plan.only.distillation, plan, plan.task)
    views = np.random.default_rng(3).integers(0, 256, (300, 48, 48, 1), np.uint8)
    labels = np.eye(7, dtype=np.float32)[np.zeros(300, int)]
    expected = Classifier(load_card('emotion_small_resnet'))(views)['emotion']
    np.testing.assert_allclose(teachers.soft_targets(views), expected, atol=1e-5)
    np.testing.assert_allclose(teachers.mixed_once(views[..., 0], (1.0,), labels), expected,
                               atol=1e-5)
    assert main([*taught, 'distillation.teachers=[gender_mini_xception]', '--out',
                 str(tmp_path / 'a')]) == 1
    assert 'a teacher of small must classify emotion' in capsys.readouterr().err
    assert main([*taught, 'distillation.teachers=[nobody]', '--out', str(tmp_path / 'b')]) == 1
    assert "model 'nobody' not found" in capsys.readouterr().err


def unasked(*_: object, **__: object) -> object:
    """Stand for a network that nobody may ask."""
    return None


def test_what_a_run_needs_is_trained_first(experiment: Path, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    """A teacher and a beginning that have a file beside the experiment; once, and in order."""
    monkeypatch.chdir(tmp_path)
    facts = yaml.safe_load(experiment.read_text())
    facts['training']['epochs'] = 1
    (tmp_path / 'large.yaml').write_text(yaml.safe_dump({**facts, 'name': 'large'}))
    facts['training']['start_from'] = 'runs/large/best.keras'
    (tmp_path / 'early.yaml').write_text(yaml.safe_dump({**facts, 'name': 'early'}))
    facts['training']['start_from'] = 'runs/early/best.keras'
    facts['distillation'] = {'teachers': ['runs/large/best.keras']}
    experiment.write_text(yaml.safe_dump(facts))
    assert main(['train', str(experiment)]) == 0
    lines = [line.split(':')[0] for line in capsys.readouterr().out.splitlines()
             if 'best validation accuracy' in line]
    assert lines == ['runs/large', 'runs/early', 'runs/small']
    assert ancestry(load_experiment(experiment)) == ['early', 'large']
    facts['training']['start_from'] = 'imagenet'
    del facts['distillation']
    (tmp_path / 'runs/large/experiment.yaml').write_text(yaml.safe_dump({**facts, 'name': 'big'}))
    assert ancestry(load_experiment(experiment)) == ['early', 'big', 'imagenet']
    assert main(['train', str(experiment)]) == 0
    assert 'trained first' not in capsys.readouterr().err
    large = tmp_path / 'runs/large/experiment.yaml'
    kept = large.read_text()
    large.write_text(yaml.safe_dump({**facts, 'distillation': {'teachers': ['nobody']}}))
    assert main(['train', str(experiment), '--out', 'runs/late']) == 1
    assert "model 'nobody' not found" in capsys.readouterr().err
    assert not (tmp_path / 'runs/late').exists()
    large.write_text(kept)
    (tmp_path / 'runs/early/best.keras').unlink()
    (tmp_path / 'early.yaml').unlink()
    assert main(['train', str(experiment), '--out', 'runs/again']) == 1
    assert 'runs/early/best.keras: does not exist; train it first' in capsys.readouterr().err
    facts['training']['start_from'] = 'runs/large/best.keras'
    experiment.write_text(yaml.safe_dump(facts))
    large.unlink()
    assert ancestry(load_experiment(experiment)) == ['large']
