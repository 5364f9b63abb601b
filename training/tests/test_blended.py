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

"""Networks for two tasks, trained on faces with the label of one task."""

import json
from pathlib import Path

from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.quality import Limits
from face_affect_ros.affect.saliency import Saliency
from face_affect_ros.affect.types import AffectError, EMOTIONS, GENDERS
from face_affect_training.__main__ import main
from face_affect_training.data.faces import FaceData
from face_affect_training.experiment import load_experiment
from face_affect_training.runs import read_log
from face_affect_training.saliency.bias import bias_report
from face_affect_training.train import accuracy_of, loss_of
import keras
import numpy as np
import pytest
import yaml

WIDTHS = (7, 2)


@pytest.fixture
def blended(sheets: Path, genders: Path, tmp_path: Path) -> Path:
    """Return the file of a quick experiment on both small data sets."""
    augmentation = {'roll': 3.0, 'erase': 0.0}
    settings = {
        'name': 'both', 'seed': 5,
        'tasks': {
            'emotion': {'data': {'reader': 'fer2013_sheets', 'path': str(sheets),
                                 'train': 'Training', 'validation': 'PublicTest'},
                        'augmentation': augmentation, 'targets': {'ferplus_weight': 0.3}},
            'gender': {'data': {'reader': 'fairface', 'path': str(genders), 'train': 'train',
                                'validation': 'val', 'zooms': [1.0, 1.2]},
                       'augmentation': {**augmentation, 'zoom': [1.0, 1.2]}}},
        'input': {'size': 24}, 'network': {'name': 'mini_xception'},
        'training': {'epochs': 4, 'batch': 42, 'learning_rate': 0.01, 'warmup_epochs': 1,
                     'ema': 0.8, 'workers': 0}}
    path = tmp_path / 'both.yaml'
    path.write_text(yaml.safe_dump(settings))
    return path


def test_loss_and_accuracy_ignore_missing_labels() -> None:
    logits = np.random.default_rng(1).normal(size=(3, 9)).astype(np.float32)
    targets = np.zeros((3, 9), np.float32)
    targets[0, 2] = targets[1, 8] = targets[2, 3] = targets[2, 7] = 1.0
    logits[2, [3, 7]] = 9.0
    powers = np.exp(logits)
    emotion = powers[:, :7] / powers[:, :7].sum(1, keepdims=True)
    gender = powers[:, 7:] / powers[:, 7:].sum(1, keepdims=True)
    expected = -np.log([emotion[0, 2], gender[1, 1], emotion[2, 3] * gender[2, 0]])
    tensors = keras.ops.convert_to_tensor(targets), keras.ops.convert_to_tensor(logits)
    np.testing.assert_allclose(loss_of(WIDTHS)(*tensors), expected, rtol=1e-4)
    found = [float(emotion[0].argmax() == 2), float(gender[1].argmax() == 1), 1.0]
    np.testing.assert_allclose(accuracy_of(WIDTHS)(*tensors), found, rtol=1e-5)
    usual = keras.losses.categorical_crossentropy(targets[:2, :7], logits[:2, :7],
                                                  from_logits=True)
    np.testing.assert_allclose(loss_of((7,))(targets[:2, :7], logits[:2, :7]), usual, rtol=1e-5)


def test_training_and_export_of_two_tasks(
        blended: Path, tmp_path: Path, sheets: Path, genders: Path, chip: np.ndarray,
        capsys: pytest.CaptureFixture[str]) -> None:
    run = tmp_path / 'run'
    assert main(['train', str(blended), '--out', str(run)]) == 0
    rows = read_log(run)
    assert float(rows[-1]['loss']) < 0.8 * float(rows[0]['loss'])
    assert len(rows[-1]['val_accuracy_each'].split()) == 3   # one zoom of emotion, two of gender
    best = json.loads((run / 'best.json').read_text())
    each = best['val_accuracy_each']
    assert set(each) == {'emotion', 'gender'} and set(each['gender']) == {'1.0', '1.2'}
    assert best['val_accuracy'] == pytest.approx(
        (each['emotion']['1.0'] + np.mean(list(each['gender'].values()))) / 2)
    assert load_experiment(run / 'experiment.yaml') == load_experiment(blended)
    with pytest.raises(AffectError, match="'both' has the tasks emotion, gender"):
        _ = load_experiment(blended).task
    if keras.backend.backend() != 'tensorflow':
        pytest.skip('only the TensorFlow backend converts')
    from face_affect_training.export import export

    models = tmp_path / 'models'
    limits = {'emotion': {'min_side': 24.0}, 'gender': {'min_side': 16.0, 'max_turn': 3.0}}
    export(run, models, precisions=('float32', 'int8'), saliency='float32', limits=limits)
    card = load_card(str(models / 'both'))
    assert [head.limits for head in card.heads] == [
        Limits(**each) for each in limits.values()]
    assert [head.task for head in card.heads] == ['emotion', 'gender']
    assert sorted(head.output for head in card.heads) == [0, 1]
    assert card.metadata['metrics']['gender']['data'] == 'FairFace val'
    capsys.readouterr()
    for name in ('both', 'both_int8'):
        for task, reader, folder, split in (
                ('emotion', 'fer2013_sheets', sheets, 'PublicTest'),
                ('gender', 'fairface', genders, 'val')):
            data = ['--data', reader, str(folder), split]
            assert main(['evaluate', '--model', str(models / name), *data]) == 0
            found = json.loads(capsys.readouterr().out)
            metrics = load_card(str(models / name)).metadata['metrics'][task]
            assert found['accuracy'] == pytest.approx(metrics['accuracy'], abs=1e-3)
            assert main(['evaluate', '--model', str(run), '--task', task, *data]) == 0
            of_keras = json.loads(capsys.readouterr().out)['accuracy']
            assert found['accuracy'] == pytest.approx(of_keras, abs=0.1)
    np.savez(tmp_path / 'faces.npz', images=np.zeros((2, 24, 24), np.uint8), labels=[0, 1])
    for model in (run, models / 'both'):
        assert main(['evaluate', '--model', str(model), '--npz', str(tmp_path / 'faces.npz')]) == 1
        assert 'classifies emotion and gender; choose one with --task' in capsys.readouterr().err

    crops = np.random.default_rng(3).integers(0, 256, (4, 24, 24, 1), np.uint8)
    answers = Classifier(card)(crops)
    assert answers['emotion'].shape == (4, 7) and answers['gender'].shape == (4, 2)
    saliency = Saliency(card)
    for crop, emotion, gender in zip(crops, answers['emotion'], answers['gender']):
        first, second = saliency(crop), saliency(crop, task='gender')
        assert (first.label, second.label) == (emotion.argmax(), gender.argmax())
        assert first.probabilities.shape == (len(EMOTIONS),)
        assert second.probabilities.shape == (len(GENDERS),)
        other = saliency(crop, 1 - second.label, task='gender')
        assert not np.array_equal(other.gradient, second.gradient)

    chips = np.stack([chip] * 2)
    for task, labels in (('emotion', EMOTIONS), ('gender', GENDERS)):
        faces = FaceData(source='portraits', task=task, images=chips, labels=np.zeros(2, int),
                         names=np.arange(2).astype(str))
        report, _ = bias_report(str(models / 'both'), faces)
        assert report['left_out'] == 0 and set(report['classes']) <= set(labels)


def test_wrong_tasks_are_reported(blended: Path, tmp_path: Path,
                               capsys: pytest.CaptureFixture[str]) -> None:
    settings = yaml.safe_load(blended.read_text())
    path = tmp_path / 'wrong.yaml'
    for change, complaint in (
            ({'tasks': {}}, 'tasks must map emotion, gender or both'),
            ({'tasks': {'age': settings['tasks']['gender']}}, "task 'age' is not one of emotion"),
            ({'task': 'emotion'}, 'unknown entry task; there are name, input'),
            ({'tasks': {**settings['tasks'], 'gender': {'wheels': 4}}},
             'wrong.yaml: tasks.gender: unknown entry wheels'),
            ({'tasks': {**settings['tasks'], 'gender': {}}}, 'the entry data is missing')):
        path.write_text(yaml.safe_dump({**settings, **change}))
        assert main(['train', str(path), '--out', str(tmp_path / 'run')]) == 1
        assert complaint in capsys.readouterr().err
