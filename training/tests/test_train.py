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

"""Training: resuming, initial weights, distillation, and runs that depend on others."""

import csv
from dataclasses import replace
import errno
import fcntl
import os
from pathlib import Path
import shutil
from types import SimpleNamespace
from typing import IO

import cv2
from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.model_store import find_model, load_card
from face_affect_ros.affect.types import AffectError
from face_affect_training import distillation, evaluation_callback, train
from face_affect_training.__main__ import main
from face_affect_training.distillation import Teachers
from face_affect_training.experiment import (
    ancestry,
    load_experiment,
    portable_path,
    shared_folder,
)
from face_affect_training.runs import build_network, is_finished, read_log, Run
from face_affect_training.views import plain_views
import numpy as np
import pytest
import yaml

LABELS = np.eye(7, dtype=np.float32)[np.arange(9) % 7]
#: A compiled model without weights.
MODEL = SimpleNamespace(variables=[], optimizer=SimpleNamespace(variables=[]))


def random_images(*shape: int) -> np.ndarray:
    """Return random uint8 images."""
    return np.random.default_rng(3).integers(0, 256, shape, np.uint8)


def teachers_of(run: Path, **changes: object) -> Teachers:
    """Return the teachers of a run, with changed settings of the distillation."""
    experiment = load_experiment(run / 'experiment.yaml')
    settings = replace(experiment.tasks['emotion'].distillation, **changes)
    return Teachers(settings, experiment, 'emotion')


def no_space(*_: object) -> None:
    """Fail as on a full disk."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def run(experiment: Path, tmp_path: Path) -> Run:
    return Run(tmp_path / 'run', load_experiment(experiment))


@pytest.fixture
def teacher(experiment: Path, tmp_path: Path) -> Path:
    """Return the folder of a finished run."""
    run = tmp_path / 'teacher'
    assert main(['train', str(experiment), '--out', str(run)]) == 0
    return run


def test_interrupted_run_ends_with_the_same_weights(experiment: Path, tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluation_callback, 'STATE_PERIOD', -1.0)
    through, broken = tmp_path / 'through', tmp_path / 'broken'
    command = ['train', str(experiment), '--set', 'network.name=mini_xception', '--out']
    assert main([*command, str(through)]) == 0
    losses = [float(row['loss']) for row in read_log(through)]
    assert len(losses) == 4 and losses[-1] < 0.8 * losses[0]
    for epochs in (1, 2):   # the time limit stops it after each epoch
        assert main([*command, str(broken), '--max-minutes', '0.0001']) == 0
        assert [row['epoch'] for row in read_log(broken)] == ['1', '2'][:epochs]
    assert main([*command, str(broken)]) == 0
    assert [row['loss'] for row in read_log(broken)] == [
        row['loss'] for row in read_log(through)]
    with np.load(broken / 'state.npz') as ours, np.load(through / 'state.npz') as theirs:
        assert ours.files == theirs.files and len(ours.files) > 200
        for key in set(ours.files) - {'facts'}:
            np.testing.assert_array_equal(ours[key], theirs[key], err_msg=key)


def test_start_from_loads_the_weights_of_another_run(experiment: Path, teacher: Path,
                                                     tmp_path: Path) -> None:
    run = tmp_path / 'run'
    assert main(['train', str(experiment), '--out', str(run), '--set',
                 f'training.start_from={teacher}/best.keras']) == 0
    assert float(read_log(run)[0]['loss']) < float(read_log(teacher)[0]['loss'])


@pytest.mark.parametrize(('change', 'complaint'), [
    ('training.epochs=[1', r'--set training.epochs=\[1: the value cannot be read as YAML'),
    ('name=2024-02-30', 'put it in quotes if it is a text: day is out of range'),
    ('name=*a', 'put it in quotes if it is a text: found undefined alias'),
    ('task=[emotion]', r"e.yaml: task is \['emotion'\], not one of emotion, gender"),
    ('training.epochs=0', r'e.yaml: training: epochs: 0 is not in \[1, inf\]'),
    ('training.batch=-8', 'training: batch: -8 is not in'),
    ('training.learning_rate=nan', 'training: learning_rate: nan is not in'),
    ('training.clip=nan', 'training: clip: nan is not in'),
    ('targets.smoothing=2', r'targets: smoothing: 2.0 is not in \[0, 1\]'),
    ('seed=-1', 'seed: -1 is not in'), ('input.size=0', 'input: size: 0 is not in'),
    ('input.channels=2', 'input: channels: 2 is neither 1 nor 3'),
    ('data.zooms=[1.0, 0]', r'data: zooms: 0.0 is not in \[0.01, 100\]'),
    ('augmentation.zoom=[.nan, 1]', 'augmentation: zoom: nan is not in'),
    ('augmentation.zoom=1', r'zoom: 1 is not of type list\[float, float\]'),
    ('input.margin=-0.5', r'input: margin: -0.5 is not in \[-0.49, 10.0\]'),
    ('data.zooms=[]', 'data: zooms: is empty'),
    ('training.colour=1', 'unknown entry colour'),
    ('seed.one=1', "--set seed.one: 'seed' is not a section"),
    ('seed', '--set seed: must have the form section.key=value'),
    ('training.precision=float99', "'float99' is not one of 'float32', 'mixed_bfloat16'"),
    ('export.saliency=1', "saliency: 1 is not one of '', 'float32', 'float16', 'dynamic'")])
def test_invalid_entries_are_reported(experiment: Path, change: str, complaint: str) -> None:
    file = experiment.rename(experiment.with_name('e.yaml'))
    with pytest.raises(AffectError, match=complaint):
        load_experiment(file, [change])


@pytest.mark.parametrize('text', ['name: 2024-02-30', 'seed: 0x_', '[' * 20_000])
def test_an_experiment_that_cannot_be_read_is_reported(tmp_path: Path, text: str) -> None:
    (tmp_path / 'e.yaml').write_text(text)
    with pytest.raises(AffectError, match='e.yaml: cannot be read as YAML'):
        load_experiment(tmp_path / 'e.yaml')


@pytest.mark.parametrize(('name', 'content'), [
    ('state.npz', b'PK\x03\x04 half of a file'), ('state.npz', b''),
    ('log.csv', b'epoch,seconds\none,1.0\n'),
    ('log.csv', b'\xff\xfe'), ('log.csv', b'a,b\n1,2\n')])
def test_a_damaged_run_is_reported(run: Run, name: str, content: bytes) -> None:
    run.save_state(MODEL, epoch=1, best=0.5, seconds=1.0)
    (run.folder / 'best.keras').write_bytes(b'')
    assert run.resume(MODEL) == (1, 0.5, 1.0)
    (run.folder / name).write_bytes(content)
    with pytest.raises(AffectError, match=f'{name}: cannot be read: .* restore it, or remove its'):
        run.resume(MODEL)
    if name == 'state.npz':
        with pytest.raises(AffectError, match='state.npz: cannot be read: '):
            is_finished(run.folder)
    assert (run.folder / name).read_bytes() == content


def test_a_run_that_cannot_be_written_is_reported(run: Run, experiment: Path,
                                                  tmp_path: Path) -> None:
    (tmp_path / 'file').write_bytes(b'')
    settings = load_experiment(experiment)
    with pytest.raises(AffectError, match='file/run: the run cannot be written: Not a directory'):
        Run(tmp_path / 'file' / 'run', settings)
    for name in ('state.npz', 'best.keras', 'log.csv'):
        (run.folder / name).mkdir()
    for write in (lambda: run.save_state(MODEL, epoch=1, best=0.5, seconds=1.0),
                  lambda: run.save_best(build_network(settings), {}),
                  lambda: run.log({'epoch': 1}, [0.5])):
        with pytest.raises(AffectError, match='run: the run cannot be written: .*--out'):
            write()


def test_a_resumed_run_keeps_its_log_on_a_full_disk(run: Run,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    for epoch in (1, 2, 3):
        run.log({'epoch': epoch}, [0.5])
    run.save_state(MODEL, epoch=2, best=0.5, seconds=1.0)
    with monkeypatch.context() as full:
        full.setattr(csv.DictWriter, 'writerows', no_space)
        with pytest.raises(AffectError, match='cannot be written: No space left on device'):
            run.resume(MODEL)
    assert [row['epoch'] for row in read_log(run.folder)] == ['1', '2', '3']
    assert run.resume(MODEL) == (2, 0.5, 1.0)
    assert [row['epoch'] for row in read_log(run.folder)] == ['1', '2']


def test_a_folder_in_which_no_epoch_was_trained_is_used_again(experiment: Path,
                                                              tmp_path: Path) -> None:
    settings = load_experiment(experiment)
    Run(tmp_path / 'run', load_experiment(experiment, ['data.path=nowhere']))
    run = Run(tmp_path / 'run', settings)
    assert load_experiment(run.folder / 'experiment.yaml') == settings
    run.log({'epoch': 1}, [0.5])
    with pytest.raises(AffectError, match='different experiment'):
        Run(tmp_path / 'run', load_experiment(experiment, ['seed=9']))


def test_a_run_without_a_state_is_finished_after_its_last_epoch(
        run: Run, experiment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run.folder / 'best.keras').write_bytes(b'the network')
    command = ['train', str(experiment), '--out', str(run.folder)]
    assert main(command) == 1   # a copy without its log is finished, too
    assert 'best.json: cannot be read' in capsys.readouterr().err
    (run.folder / 'best.json').write_text('{"val_accuracy": 0.5}')
    assert main(command) == 0
    assert 'epoch 4, best validation accuracy 0.5000' in capsys.readouterr().out
    assert (run.folder / 'best.keras').read_bytes() == b'the network'
    for epoch in range(1, 5):
        assert not is_finished(run.folder) or epoch == 1
        run.log({'epoch': epoch}, [0.5])
    assert is_finished(run.folder)


def test_two_processes_do_not_train_the_same_run(experiment: Path, tmp_path: Path,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    first = Run(tmp_path / 'run', load_experiment(experiment))
    first.lock()
    command = ['train', str(experiment), '--out', str(tmp_path / 'run')]
    assert main(command) == 1
    assert 'run: another process is training this run; wait' in capsys.readouterr().err
    assert main([*command, '--set', 'training.epochs=1']) == 1   # before the first epoch
    assert load_experiment(first.folder / 'experiment.yaml') == load_experiment(experiment)
    first.close()
    assert main([*command, '--set', 'training.epochs=1']) == 0


def test_a_file_system_without_locks_is_accepted(experiment: Path, tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[IO[bytes]] = []

    def refuse(file: IO[bytes], _: int) -> None:
        files.append(file)
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, 'flock', refuse)
    Run(tmp_path / 'run', load_experiment(experiment)).close()
    assert [file.mode for file in files] == ['ab']   # NFS locks only files that can be written


def test_a_run_that_ends_at_its_first_checkpoint_is_not_finished(experiment: Path,
                                                                 tmp_path: Path) -> None:
    run = tmp_path / 'run'
    (run / 'best.json').mkdir(parents=True)   # as if the disk was full
    command = ['train', str(experiment), '--out', str(run)]
    assert main(command) == 1
    assert (run / 'best.keras').is_file() and not is_finished(run)
    (run / 'best.json').rmdir()
    assert main(command) == 0
    assert len(read_log(run)) == 4 and is_finished(run)


def test_a_run_that_needs_itself_is_reported(experiment: Path, tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for start in ('small', 'other'):   # itself, and one that starts from it
        own = yaml.safe_load(experiment.read_text())
        own['training']['start_from'] = f'runs/{start}/best.keras'
        experiment.write_text(yaml.safe_dump(own))
        own['training']['start_from'] = 'runs/small/best.keras'
        (tmp_path / 'other.yaml').write_text(yaml.safe_dump({**own, 'name': 'other'}))
        assert main(['train', str(experiment)]) == 1
        assert 'best.keras is needed for its own training' in capsys.readouterr().err


def test_folders_in_the_home_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                    capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv('HOME', str(tmp_path))
    assert main(['evaluate', '--model', 'x', '--npz=~/a.npz', '--out=~/report']) == 1
    assert (tmp_path / 'report').is_dir() and f'{tmp_path}/a.npz' in capsys.readouterr().err


def test_paths_of_the_shared_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('FACE_AFFECT_SHARED', '')
    assert shared_folder().name == 'shared' and shared_folder().is_absolute()
    monkeypatch.setenv('FACE_AFFECT_SHARED', '/data/shared')
    assert [portable_path(path) for path in (
        '/data/shared', '/data/shared/a', '/data/shared/my a', '/data/shared2/a')] == [
            '$FACE_AFFECT_SHARED', '$FACE_AFFECT_SHARED/a', "$FACE_AFFECT_SHARED'/my a'",
            '/data/shared2/a']


def test_divergence_stops_the_training(experiment: Path, tmp_path: Path,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / 'run'
    assert main(['train', str(experiment), '--out', str(run), '--set',
                 'training.learning_rate=1e30', 'training.warmup_epochs=0']) == 1
    message = capsys.readouterr().err
    assert 'the loss of epoch 1 is ' in message and ': lower training.learning_rate' in message
    assert not (run / 'best.keras').exists()


def test_distillation_from_a_teacher_of_another_size(experiment: Path, teacher: Path,
                                                     tmp_path: Path) -> None:
    student = tmp_path / 'student'
    assert main(['train', str(experiment), '--out', str(student), '--set', 'input.size=32',
                 f'distillation.teachers=[{teacher}/best.keras]', 'distillation.weight=0.7',
                 'training.epochs=2']) == 0
    views = random_images(9, 32, 32, 1)
    mixed = []
    for mirror in (False, True):
        teachers = teachers_of(student, mirror=mirror)
        mixed.append([teachers.mixed(LABELS, teachers.soft_targets(side))
                      for side in (views, views[:, :, ::-1])])
    np.testing.assert_allclose(mixed[1][0], mixed[1][1], atol=1e-6)
    np.testing.assert_allclose(mixed[1][0], (mixed[0][0] + mixed[0][1]) / 2.0, atol=1e-5)
    assert np.abs(mixed[0][0] - mixed[0][1]).max() > 1e-3


def test_soft_targets_of_crops_are_stored(experiment: Path, teacher: Path, tmp_path: Path,
                                          monkeypatch: pytest.MonkeyPatch) -> None:
    student, zooms = tmp_path / 'student', (1.0, 1.3)
    assert main(['train', str(experiment), '--set', 'input.size=32', 'data.zooms=[1.0,1.3]',
                 f'distillation.teachers=[{teacher}/best.keras]', 'distillation.once=true',
                 'training.epochs=1', '--out', str(student)]) == 0
    images = random_images(9, 48, 48)
    teachers = teachers_of(student)
    mixed = teachers.mixed_once(images, zooms, LABELS)
    spec = load_experiment(teacher / 'experiment.yaml').input.spec()
    expected = np.mean([teachers.mixed(LABELS, teachers.soft_targets(
        plain_views(images, spec, zoom))) for zoom in zooms], axis=0)
    np.testing.assert_allclose(mixed, expected, atol=1e-6)
    # now without a network
    monkeypatch.setattr(distillation, 'from_pixels', lambda *_: None)
    np.testing.assert_array_equal(teachers_of(student).mixed_once(images, zooms, LABELS), mixed)


def test_soft_targets_of_repeated_views_are_computed_once(
        experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    original = Teachers.soft_targets

    def soft_targets(self: Teachers, views: np.ndarray) -> np.ndarray:
        calls.append(views.copy())
        return original(self, views)
    monkeypatch.setattr(Teachers, 'soft_targets', soft_targets)
    assert main(['train', str(experiment), '--out', str(tmp_path / 'run'), '--set',
                 'distillation.teachers=[emotion_mini_xception]', 'distillation.rounds=2',
                 'training.epochs=5', 'training.plain_epochs=1']) == 0
    assert len(calls) == 3   # two rounds and the plain epoch
    assert (calls[0] != calls[1]).any() and (calls[0] != calls[2]).any()


def test_a_grey_teacher_of_a_colour_network(experiment: Path) -> None:
    changes = ['distillation.teachers=[emotion_mini_xception]', 'distillation.weight=1.0',
               'training.mixup=0', 'training.cutmix=0', 'training.epochs=1',
               'augmentation.tint=0.3', 'input.channels=3']
    settings = load_experiment(experiment, changes)
    faces = {task: each for task, (each, _) in train.load_data(settings, None).items()}
    [batches] = train.batches_of(settings, faces)
    views, targets = (np.concatenate(parts) for parts in zip(*batches.epoch(0)))
    assert views.shape == (280, 24, 24, 3)
    assert (views[..., 0] != views[..., 1]).any((1, 2)).all()
    grey = np.stack([cv2.cvtColor(view, cv2.COLOR_RGB2GRAY) for view in views])[..., np.newaxis]
    teachers = Teachers(settings.tasks['emotion'].distillation, settings, 'emotion')
    np.testing.assert_allclose(targets, teachers.soft_targets(grey), atol=1e-6)


def test_distillation_from_an_exported_model(experiment: Path, tmp_path: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / 'run'
    command = ['train', str(experiment), '--set', 'training.epochs=1', 'distillation.weight=1.0']
    assert main([*command, 'distillation.teachers=[emotion_small_resnet]', '--out', str(run)]) == 0
    card = load_card('emotion_small_resnet')
    known = card.metadata['training']['learned_from']
    assert known and ancestry(load_experiment(run / 'experiment.yaml')) == [
        'emotion_small_resnet', *known]
    views = random_images(9, 48, 48, 1)
    expected = Classifier(card)(views)['emotion']
    teachers = teachers_of(run)
    np.testing.assert_allclose(teachers.soft_targets(views), expected, atol=1e-5)
    np.testing.assert_allclose(teachers.mixed_once(views[..., 0], (1.0,), LABELS), expected,
                               atol=1e-5)
    for name, message in (('gender_mini_xception', 'a teacher of small must classify emotion'),
                          ('nobody', "model 'nobody' not found")):
        assert main([*command, f'distillation.teachers=[{name}]', '--out',
                     str(tmp_path / name)]) == 1
        assert message in capsys.readouterr().err
    assert not (tmp_path / 'nobody').exists()


def test_missing_sources_are_trained_first(experiment: Path, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    settings = yaml.safe_load(experiment.read_text())
    settings['training']['epochs'] = 1
    (tmp_path / 'large.yaml').write_text(yaml.safe_dump({**settings, 'name': 'large'}))
    settings['training']['start_from'] = 'runs/large/best.keras'
    (tmp_path / 'early.yaml').write_text(yaml.safe_dump({**settings, 'name': 'early'}))
    settings['training']['start_from'] = 'runs/early/best.keras'
    settings['distillation'] = {'teachers': ['runs/large/best.keras']}
    experiment.write_text(yaml.safe_dump(settings))
    assert main(['train', str(experiment)]) == 0
    lines = [line.split(':')[0] for line in capsys.readouterr().out.splitlines()
             if 'best validation accuracy' in line]
    assert lines == ['runs/large', 'runs/early', 'runs/small']
    assert main(['train', str(experiment)]) == 0
    assert 'trained first' not in capsys.readouterr().err
    (tmp_path / 'runs/early/best.keras').unlink()
    (tmp_path / 'early.yaml').unlink()
    assert main(['train', str(experiment), '--out', 'runs/again']) == 1
    assert ('training.start_from: runs/early/best.keras: does not exist; train it first'
            in capsys.readouterr().err)


def test_ancestry(experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    own = yaml.safe_load(experiment.read_text())

    def names(settings: dict[str, object]) -> list[str]:
        experiment.write_text(yaml.safe_dump(settings))
        return ancestry(load_experiment(experiment))
    early = tmp_path / 'runs/early/experiment.yaml'
    early.parent.mkdir(parents=True)
    own['training']['start_from'] = 'runs/early/best.keras'
    own['distillation'] = {'teachers': ['runs/large/best.keras']}
    assert names(own) == ['early', 'large']   # by their folders
    early.write_text(yaml.safe_dump({**own, 'name': 'first', 'training': {
        'start_from': 'vggface2'}, 'distillation': {}}))
    assert names(own) == ['first', 'large', 'vggface2']
    early.write_text(yaml.safe_dump({**own, 'distillation': {'teachers': ['nobody']}}))
    with pytest.raises(AffectError, match="model 'nobody' not found"):
        names(own)
    own['training']['start_from'] = '~no_such_user/best.keras'
    own['distillation'] = {}
    assert names(own) == ['~no_such_user']
    del own['training']['start_from']
    card = shutil.copytree(find_model('emotion_mini_xception'), tmp_path / 'theirs') / 'card.yaml'
    for training in (None, 'by others', {'learned_from': None}):   # a card of another author
        card.write_text(yaml.safe_dump({**yaml.safe_load(card.read_text()), 'name': 'theirs',
                                        'training': training}))
        own['distillation'] = {'teachers': [str(card)]}
        assert names(own) == ['theirs']
