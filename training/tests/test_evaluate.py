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

"""Evaluation: metrics, .npz files, models and checkpoints, the command `evaluate`."""

import argparse
import errno
import json
import os
from pathlib import Path
import shutil
from typing import Any

import cv2
from face_affect_ros.affect.classifier import calibrate, Classifier, normalize
from face_affect_ros.affect.model_store import find_model, load_card
from face_affect_ros.affect.types import AffectError, EMOTIONS, GENDERS
from face_affect_ros.media.portrait import portrait_path
from face_affect_training.__main__ import main
from face_affect_training.commands.models import reporting
from face_affect_training.data import read_npz
from face_affect_training.evaluate import open_candidate
from face_affect_training.experiment import load_experiment
from face_affect_training.metrics import (
    coverage,
    coverage_curve,
    expected_calibration_error,
    fit_temperature,
    nll,
    report,
)
from face_affect_training.runs import build_network
from face_affect_training.views import plain_views
import numpy as np
import pytest

LABELS_OF = {'emotion_mini_xception': EMOTIONS, 'gender_mini_xception': GENDERS}


def portraits(count: int) -> np.ndarray:
    """Return different crops of a face, (count, 60, 60, 3) RGB uint8."""
    random = np.random.default_rng(5)
    face = cv2.cvtColor(cv2.imread(str(portrait_path())), cv2.COLOR_BGR2RGB)[50:210, 150:310]
    images = [cv2.resize(face[top:top + 120, left:left + 120], (60, 60))
              for left, top in random.integers(0, 40, (count, 2))]
    return np.stack([255 - image if index % 3 == 0 else image[:, ::-1]
                     for index, image in enumerate(images)])


def known_file(path: Path, name: str, **more: Any) -> tuple[Path, np.ndarray, np.ndarray]:
    """Write 20 faces, 14 with the predicted label; return file, probabilities and labels."""
    images, card = portraits(20), load_card(name)
    crops = plain_views(np.ascontiguousarray(images[..., ::-1]), card.crop)
    probabilities = Classifier(card)(crops)[card.heads[0].task]
    labels = probabilities.argmax(1)
    labels[14:] = (labels[14:] + 1) % len(LABELS_OF[name])
    np.savez(path, images=images, labels=labels, **more)
    return path, probabilities, labels


def evaluated(capsys: pytest.CaptureFixture[str], *arguments: Any) -> dict[str, Any]:
    """Return the JSON output of the command."""
    assert main(['evaluate', *map(str, arguments)]) == 0
    return dict(json.loads(capsys.readouterr().out))


@pytest.mark.parametrize('name', LABELS_OF)
def test_metrics_of_the_models_are_those_of_their_outputs(
        name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    race = np.array(['a', 'b'] * 10)
    file, probabilities, labels = known_file(tmp_path / 'faces.npz', name, groups=race)
    result = evaluated(capsys, '--model', name, '--npz', file)
    assert result['accuracy'] == 0.7 and result['faces'] == 20
    predicted, confidence = probabilities.argmax(1), probabilities.max(1)
    head = load_card(name).heads[0]
    known = confidence >= head.threshold
    assert result['threshold'] == head.threshold
    assert result['known_share'] == known.mean()
    assert result['accuracy_where_known'] == (predicted == labels)[known].mean()
    for value in 'ab':
        rows = race == value
        entry = result['groups']['group'][value]
        assert entry['faces'] == 10
        assert entry['accuracy'] == (predicted == labels)[rows].mean()
    speed = result['milliseconds_per_face']
    assert min(speed['alone'], speed['in_batch'], *speed['cpu_time'].values()) > 0.0
    assert speed['threads'] == 1 and speed['cpu']


@pytest.mark.parametrize(('probabilities', 'labels', 'expected'), [
    ([[0.9, 0.1], [0.4, 0.6]], [0, 0], {   # a class without faces
        'balanced_accuracy': 0.5, 'confusion_normalised': [[0.5, 0.5], [None, None]],
        'per_class': {'woman': {'precision': 1.0, 'recall': 0.5, 'f1': pytest.approx(2 / 3),
                                'faces': 2},
                      'man': {'precision': 0.0, 'recall': None, 'f1': 0.0, 'faces': 0}}}),
    ([[0.9, 0.1]] * 10, [0, 1] * 5, {      # confidence 0.9, accuracy 0.5
        'ece': pytest.approx(0.4), 'nll': pytest.approx(-0.5 * (np.log(0.9) + np.log(0.1)))})])
def test_report_of_known_probabilities(probabilities: list[list[float]], labels: list[int],
                                       expected: dict[str, Any]) -> None:
    result = report(np.array(probabilities), np.array(labels), GENDERS)
    assert {key: result[key] for key in expected} == expected


def test_fit_temperature_corrects_overconfidence() -> None:
    random = np.random.default_rng(7)
    logits = random.normal(size=(4000, 7)) * 1.5
    true = normalize(np.exp(logits))
    labels = np.array([random.choice(7, p=row) for row in true])
    sure = calibrate(true, 1.0 / 1.8)
    temperature = fit_temperature(sure, labels)
    assert 1.65 < temperature < 1.95
    near = [calibrate(sure, temperature * factor) for factor in (0.97, 1.0, 1.03)]
    losses = [nll(each, labels) for each in near]
    assert losses[1] <= 1.002 * min(losses)
    uncorrected, ours, truth = (expected_calibration_error(each, labels)
                                for each in (sure, near[1], true))
    assert ours <= truth < 0.03 < 0.1 < uncorrected


def test_report_by_group() -> None:
    result = report(np.array([[0.9, 0.1]] * 8), np.array([0] * 5 + [1] * 3), GENDERS,
                    {'race': np.array(list('xxxxyyyy'))})
    assert result['group_gaps']['race'] == {'mean': 0.625, 'lowest': 'y', 'below_mean': 0.375}
    assert result['groups']['race']['x']['recall'] == {'woman': 1.0, 'man': None}


def test_coverage() -> None:
    probabilities = np.array([[0.52, 0.48], [0.3, 0.7], [0.1, 0.9], [0.6, 0.4]])
    labels = np.array([1, 1, 1, 1])
    assert coverage(probabilities, labels, 0.65) == {
        'threshold': 0.65, 'known_share': 0.5, 'accuracy_where_known': 1.0}
    assert coverage(probabilities, labels, 0.95)['accuracy_where_known'] is None
    curve = coverage_curve(probabilities, labels)
    assert curve[0] == {'threshold': 0.0, 'known_share': 1.0, 'accuracy_where_known': 0.5}
    assert [row['known_share'] for row in curve] == sorted((row['known_share'] for row in curve),
                                                           reverse=True)
    assert curve[-1]['threshold'] == 0.9


def test_report_is_written_as_json_and_image(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, _, _ = known_file(tmp_path / 'faces.npz', 'emotion_mini_xception',
                            group_age=np.array([20, 70] * 10))
    out = tmp_path / 'deep' / 'report'
    result = evaluated(capsys, '--model', 'emotion_mini_xception', '--npz', file, '--out', out,
                    '--task', 'emotion')
    assert json.loads((out / 'report.json').read_text()) == result
    image = cv2.imread(str(out / 'confusion.png'))
    assert min(image.shape[:2]) > 400 and len(np.unique(image.reshape(-1, 3), axis=0)) > 15


def small(**changes: Any) -> dict[str, Any]:
    """Return the arrays of a valid file with changes; None removes an array."""
    arrays = {'images': np.zeros((4, 9, 8), np.uint8), 'labels': np.array([0, 1, 0, 1]), **changes}
    return {key: value for key, value in arrays.items() if value is not None}


@pytest.mark.parametrize(('changes', 'complaint'), [
    ({'images': None}, 'the array images is missing; there are labels'),
    ({'images': np.zeros((4, 9, 8))}, r'images must be uint8 .* they are float64 \(4, 9, 8\)'),
    ({'images': np.zeros((4, 9, 8, 4), np.uint8)}, r'images must be .* uint8 \(4, 9, 8, 4\)'),
    ({'images': np.array([np.zeros((9, 8)), None, 1, 2], object)}, 'numbers and strings: Object'),
    ({'images': np.zeros((0, 9, 8), np.uint8), 'labels': np.zeros(0, int)}, 'images is empty'),
    ({'labels': np.array([0, 1, 0])}, '4 images, but 3 labels'),
    ({'labels': np.array([0, 1, np.nan, 0])}, r'labels must be integers \(N,\), they are float64'),
    ({'groups': np.array(['a', 'b'])}, r"the group 'group' must be .* each of the 4 images"),
])
def test_wrong_arrays_are_reported(tmp_path: Path, changes: dict[str, Any],
                                   complaint: str) -> None:
    path = tmp_path / 'wrong.npz'
    np.savez(path, **small(**changes))
    with pytest.raises(AffectError, match=f'wrong.npz: .*{complaint}'):
        read_npz(path)


def test_other_files_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / 'wrong.npz'
    for content in (None, b'images, labels', (find_model('emotion_mini_xception')
                                             / 'card.yaml').read_bytes()):
        if content is not None:
            path.write_bytes(content)
        assert main(['evaluate', '--model', 'emotion_mini_xception', '--npz', str(path)]) == 1
        output = capsys.readouterr()
        assert output.out == '' and 'wrong.npz: cannot be read as an .npz file' in output.err
    with path.open('wb') as file:
        np.save(file, np.zeros(3))
    with pytest.raises(AffectError, match='cannot be read as an .npz file'):
        read_npz(path)


def test_images_and_groups_of_npz_files(tmp_path: Path) -> None:
    path = tmp_path / 'faces.npz'
    random = np.random.default_rng(1)
    colour = random.integers(0, 256, (4, 9, 8, 3), np.uint8)
    np.savez(path, **small(images=colour, labels=np.array([0, 1, 0, 1], np.uint8)))
    faces = read_npz(path)
    np.testing.assert_array_equal(faces.images, colour[..., ::-1])   # BGR
    assert faces.labels.dtype == np.int64 and faces.groups == {}
    np.savez(path, **small(images=colour[..., :1], files=np.array([None] * 4, object)))
    np.testing.assert_array_equal(read_npz(path).images, colour[..., 0])
    for groups, expected in (
            ({'groups': np.array([1, 2, 1, 2])}, {'group': ['1', '2', '1', '2']}),
            ({'groups': np.array([['a', 'x'], ['b', 'y']] * 2)},
             {'group0': ['a', 'b', 'a', 'b'], 'group1': ['x', 'y', 'x', 'y']}),
            ({'group_race': np.array(list('abab')), 'groups': np.arange(4)},
             {'race': ['a', 'b', 'a', 'b'], 'group': ['0', '1', '2', '3']})):
        np.savez(path, **small(**groups))
        read = read_npz(path).groups
        assert {name: values.tolist() for name, values in read.items()} == expected


def test_labels_out_of_range_are_reported(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / 'faces.npz'
    np.savez(path, images=np.zeros((2, 48, 48), np.uint8), labels=np.array([-1, 2]))
    assert main(['evaluate', '--model', 'gender_mini_xception', '--npz', str(path)]) == 1
    output = capsys.readouterr()
    assert output.out == ''
    assert 'faces.npz: labels range from -1 to 2; those of gender are 0 woman' in output.err


def test_data_set_of_another_task_is_refused(sheets: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    data = ['--data', 'fer2013_sheets', str(sheets), 'PublicTest']
    assert main(['evaluate', '--model', 'gender_mini_xception', *data]) == 1
    assert 'classifies gender, not emotion' in capsys.readouterr().err
    assert main(['evaluate', '--model', 'gender_mini_xception', *data, '--task', 'gender']) == 1
    assert 'has labels of emotion, not of gender' in capsys.readouterr().err
    result = evaluated(capsys, '--model', 'emotion_mini_xception', *data)
    assert result['faces'] == 70 and 0.0 <= result['accuracy'] <= 1.0


def with_row(sheets: Path, tmp_path: Path, *, sheet: int) -> list[str]:
    """Return the options for PublicTest of a copy, with another row of the first tile."""
    folder = Path(shutil.copytree(sheets, tmp_path / 'fer'))
    with (folder / 'labels.csv').open('a') as file:
        file.write(f'{sheet},0,350,PublicTest,0,10,0,0,0,0,0,0,0,0,0\n')
    return ['--data', 'fer2013_sheets', str(folder), 'PublicTest']


def test_without_leaves_out_repeated_images(
        sheets: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = with_row(sheets, tmp_path, sheet=0)   # the first of Training
    whole = evaluated(capsys, '--model', 'emotion_mini_xception', *data)
    unseen = evaluated(capsys, '--model', 'emotion_mini_xception', *data, '--without', 'Training')
    assert (whole['faces'], unseen['faces']) == (71, 70)
    assert unseen['data'] == f"{whole['data']} without images of Training"
    assert main(['evaluate', '--model', 'emotion_mini_xception', *data, '--without',
                 'PublicTest']) == 1
    assert "all images of 'PublicTest' are also in 'PublicTest'" in capsys.readouterr().err
    assert main(['evaluate', '--model', 'x', '--npz', 'x.npz', '--without', 'Training']) == 1
    assert '--without needs a data set with splits' in capsys.readouterr().err


def test_skipped_rows_are_printed(sheets: Path, tmp_path: Path,
                                  capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['evaluate', '--model', 'emotion_mini_xception',
                 *with_row(sheets, tmp_path, sheet=9)]) == 0
    output, printed = capsys.readouterr()
    assert json.loads(output)['faces'] == 70
    assert 'FER-2013 PublicTest: 70 faces, 48x48 px, 1 rows skipped' in printed
    assert 'sheet 9 has no tile 0' in printed


def test_model_by_name_folder_card_and_file(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(find_model('gender_mini_xception'), tmp_path / 'mine'))
    shutil.copy(folder / 'model.tflite', folder / 'other.tflite')
    for name in ('gender_mini_xception', folder, folder / 'card.yaml', folder / 'model.tflite'):
        found = open_candidate(str(name))
        assert (found.form, found.name) == ('tflite', 'gender_mini_xception')
    with pytest.raises(AffectError, match='the card.yaml beside it is of another file'):
        open_candidate(str(folder / 'other.tflite'))
    (folder / 'card.yaml').unlink()
    with pytest.raises(AffectError, match='card.yaml'):
        open_candidate(str(folder / 'model.tflite'))
    with pytest.raises(AffectError, match='only classifiers can be evaluated'):
        open_candidate('face_residual_fpn')


def test_errors_of_checkpoints(experiment: Path, tmp_path: Path) -> None:
    run = tmp_path / 'run'
    run.mkdir()
    with pytest.raises(AffectError, match='run: there is no best.keras; train first'):
        open_candidate(str(run / 'best.keras'))
    (run / 'best.keras').write_bytes(b'weights')
    with pytest.raises(AffectError, match='run/experiment.yaml: cannot be read'):
        open_candidate(str(run / 'best.keras'))
    shutil.copy(experiment, run / 'experiment.yaml')
    with pytest.raises(AffectError, match='best.keras: does not hold the weights of'):
        open_candidate(str(run))
    plan = load_experiment(run / 'experiment.yaml')
    build_network(plan).save(run / 'best.keras')
    with pytest.raises(AffectError, match="best.keras' classifies emotion, not gender"):
        open_candidate(str(run), task='gender')


def test_a_report_that_cannot_be_written_is_reported(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, _, _ = known_file(tmp_path / 'faces.npz', 'emotion_mini_xception')
    (tmp_path / 'report.json').mkdir()
    command = ['evaluate', '--model', 'emotion_mini_xception', '--npz', str(file), '--out']
    assert main([*command, str(file / 'report')]) == 1
    output, printed = capsys.readouterr()
    assert output == '' and 'faces.npz/report: cannot be written: Not a directory' in printed
    assert main([*command, str(tmp_path)]) == 1
    output, printed = capsys.readouterr()
    assert json.loads(output)['accuracy'] == 0.7   # the result is printed
    assert 'report.json: cannot be written: Is a directory; free space, or choose' in printed


@pytest.mark.parametrize(('error', 'complaint'), [
    *((OSError(number, os.strerror(number), 'models/a/card.yaml'),
       f'models/a/card.yaml: cannot be written: {os.strerror(number)}; free space, or choose '
       'another folder') for number in (errno.ENOSPC, errno.EACCES)),
    *((ModuleNotFoundError(f"No module named '{name}'", name=name),
       f'{name} is not installed; set KERAS_BACKEND=tensorflow, or install it: .* -m pip install '
       f'{name}') for name in ('torch', 'jax'))])
def test_unwritable_files_and_missing_backends_are_reported(error: Exception,
                                                            complaint: str) -> None:
    def run(args: argparse.Namespace) -> int:
        raise error

    with pytest.raises(AffectError, match=complaint):
        reporting(run)(argparse.Namespace())


@pytest.mark.parametrize(('option', 'complaint'), [
    (['train', 'e.yaml', '--max-minutes', 'nan'], '--max-minutes: nan is not in [0, 1e+09]'),
    (['train', 'e.yaml', '--max-minutes=-5'], '--max-minutes: -5 is not in'),
    (['train', 'e.yaml', '--max-minutes', '1h'], "--max-minutes: invalid float value: '1h'"),
    (['export', 'run', '--margin', 'nan'], '--margin: nan is not in [-0.49, 10]'),
    (['input-limits', '--limit=-3'], '--limit: -3 is not in')])
def test_options_outside_of_their_range_are_refused(
        option: list[str], complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(option)
    assert complaint in capsys.readouterr().err
