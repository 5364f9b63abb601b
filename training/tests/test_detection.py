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

"""Training, evaluation and export of the face detector."""

import csv
from dataclasses import replace
import json
from pathlib import Path
import subprocess
import sys
from unittest.mock import Mock
import zipfile

import cv2
from face_affect_ros.affect.detectors import make_detector
from face_affect_ros.affect.types import AffectError, Detections
from face_affect_ros.media.portrait import portrait_path
from face_affect_training.__main__ import main
from face_affect_training.detection import pictures
from face_affect_training.detection.evaluation import (
    evaluate,
    fitted,
    LEAST_SCORE,
    match,
    read_labelled,
    rotated,
)
from face_affect_training.detection.experiment import (
    DetectorExperiment,
    load_detector_experiment,
)
from face_affect_training.detection.mining import with_look_alikes
from face_affect_training.detection.pictures import Faces, Picture, read_pictures
from face_affect_training.detection.views import Views, ViewSettings
import numpy as np
import pytest
import yaml

BOX = (172.0, 74.0, 105.0, 105.0)
POINTS = ((198, 110), (245, 108), (222, 133), (205, 152), (242, 150))
COLUMNS = [f'{name}_{axis}' for name in ('right_eye', 'left_eye', 'nose', 'right_mouth',
                                         'left_mouth') for axis in 'xy']


def write(path: Path, header: list[str], rows: list[list[object]]) -> None:
    """Write a CSV file."""
    with path.open('w', newline='') as file:
        csv.writer(file).writerows([header, *rows])


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return labelled images in the format of the shared folder `detection`."""
    root = tmp_path_factory.mktemp('detection')
    for name in ('train', 'dev'):
        (root / name).mkdir()
    portrait = cv2.imread(str(portrait_path()))
    empty = np.random.default_rng(0).integers(0, 255, (90, 120, 3), np.uint8)
    for name in ('train', 'dev'):
        cv2.imwrite(str(root / name / 'face.png'), portrait)
        cv2.imwrite(str(root / name / 'empty.png'), cv2.resize(empty, (480, 360)))
    write(root / 'train_images.csv', ['file', 'labelled'],
          [['train/face.png', 'human'], ['train/empty.png', 'none']])
    write(root / 'train_boxes.csv', ['file', *'xywh', *COLUMNS, 'score', 'teacher', 'human'], [
        ['train/face.png', *BOX, *np.array(POINTS).ravel(), 1.0, 'human', 1],
        ['train/face.png', 400, 400, 40, 50, *[''] * 10, 0.5, 'yunet640', 0]])
    write(root / 'images.csv', ['image'], [['dev/face.png'], ['dev/empty.png'], ['eval/no.png']])
    write(root / 'boxes.csv', ['image', *'xywh', 'invalid', 'tags'], [
        ['dev/face.png', *BOX, 0, 'mask=none'], ['dev/face.png', 0, 0, 8, 9, 0, 'mask=on']])
    with zipfile.ZipFile(root / 'fairface_val.zip', 'w') as archive:
        chip = cv2.imencode('.png', cv2.resize(portrait[40:200, 145:305], (112, 112)))[1]
        archive.writestr('val/1.png', chip.tobytes())
    write(root / 'fairface_val.csv', ['file', 'gender', 'race'],
          [['val/1.png', 'Female', 'White']])
    return root


@pytest.fixture(scope='module')
def experiment(folder: Path) -> Path:
    """Return the experiment file of a training of a few steps."""
    path = folder / 'tiny.yaml'
    path.write_text(yaml.safe_dump({
        'name': 'tiny', 'pictures': str(folder), 'chips_folder': str(folder), 'teacher': '',
        'network': {'stem': 4, 'widths': [4, 4, 4], 'blocks': [1, 1, 1], 'neck': [4, 4, 4]},
        'views': {'size': 96}, 'last_views': {'size': 96}, 'chips': 0,
        'rounds': [[2, 1.0], [2, 0.5]], 'mine_every': 1, 'batch': 2, 'warmup': 1,
        'precision': 'float32', 'evaluation_every': 2, 'evaluation_part': 1,
        'evaluation_size': 96}))
    return path


def test_manual_labels_are_certain(folder: Path) -> None:
    face, empty = read_pictures(folder)
    np.testing.assert_array_equal(face.faces.boxes[0], BOX)
    np.testing.assert_array_equal(face.faces.landmarks[0], POINTS)
    assert face.faces.certain.tolist() == [True, False]
    assert np.isnan(face.faces.landmarks[1]).all()
    assert len(empty.faces) == 0 and empty.pixels.shape == (360, 480, 3)


def test_labels_that_are_not_faces_are_hard_negatives(folder: Path,
                                                      monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder / 'no_faces.csv', ['file', 'x', 'y'], [['train/face.png', 400, 400]])
    monkeypatch.setattr(pictures, 'NO_FACES', folder / 'no_faces.csv')
    face, empty = read_pictures(folder)
    np.testing.assert_array_equal(face.faces.boxes, [BOX])
    np.testing.assert_array_equal(face.look_alikes, [(400, 400, 40, 50)])
    assert empty.look_alikes.shape == (0, 4)


def test_false_detections_are_mined_upright_and_rotated(tmp_path: Path) -> None:
    faces = Faces(np.array([[10, 20, 30, 30]], np.float32), np.zeros((1, 5, 2), np.float32),
                  np.ones(1, bool))
    picture = Picture(np.zeros((100, 200, 3), np.uint8), faces)
    sizes = []

    def detect(image: np.ndarray) -> Detections:
        sizes.append(image.shape)
        # The face in the upright image, a false detection, and one with a low score.
        boxes = np.array([[12, 22, 28, 28], [60, 10, 20, 30], [5, 5, 8, 8]], np.float32)
        return Detections(boxes, np.array([0.9, 0.5, 0.2], np.float32),
                          np.zeros((3, 4, 2), np.float32))
    table = tmp_path / 'look_alikes.csv'
    [found] = with_look_alikes([picture], detect, table)
    assert sizes == [(100, 200, 3), (200, 100, 3)]
    # (12, 22) in the rotated image is x = 22, y = 100 - 12 - 28 in the upright one.
    np.testing.assert_array_equal(found.look_alikes, [(60, 10, 20, 30), (22, 60, 28, 28)])
    [again] = with_look_alikes([picture], lambda _: pytest.fail('mined twice'), table)
    np.testing.assert_array_equal(again.look_alikes, found.look_alikes)


def test_a_fraction_of_the_views_contains_a_hard_negative() -> None:
    pixels = np.zeros((400, 400, 3), np.uint8)
    cv2.circle(pixels, (350, 350), 30, (0, 0, 255), -1)
    picture = replace(disc(), pixels=pixels, look_alikes=np.array([[320, 320, 60, 60]],
                                                                  np.float32))

    def red(share: float) -> int:
        settings = ViewSettings(look_alikes=share, disturbed=0.0, covered=0.0, grids=(1.0,))
        views = Views([picture], [], settings, 3)
        return sum(bool((views(number)[0] == (0, 0, 255)).all(axis=2).any())
                   for number in range(40))
    assert red(1.0) == 40 and red(0.0) < 35


@pytest.mark.parametrize(('step', 'first', 'rate', 'mined'), [
    (0, 0, 1.0, None), (9, 0, 1.0, None), (10, 10, 0.5, 10), (15, 10, 0.5, 14), (17, 10, 0.5, 14)])
def test_rounds_of_a_training(step: int, first: int, rate: float, mined: int | None) -> None:
    experiment = DetectorExperiment('x', '', '', '', rounds=((10, 1.0), (8, 0.5)), mine_every=4)
    assert experiment.steps == 18
    assert experiment.round_of(step)[::2] == (first, rate)
    assert experiment.mined_at(step) == mined


def test_the_error_for_a_missing_image_names_it(tmp_path: Path) -> None:
    with pytest.raises(AffectError, match='train_boxes.csv: cannot be read'):
        read_pictures(tmp_path)
    write(tmp_path / 'train_boxes.csv', ['file'], [])
    write(tmp_path / 'train_images.csv', ['file'], [['train/lost.webp']])
    with pytest.raises(AffectError, match='lost.webp: OpenCV cannot read'):
        read_pictures(tmp_path)


@pytest.mark.parametrize(('header', 'row', 'complaint'), [
    (['file', 'x', 'y'], ['train/a.png', 1, 2], "train/a.png .*: the column 'w' is missing"),
    (['file', *'xywh'], ['train/a.png', 'left', 2, 3, 4], "could not convert .*: 'left'")])
def test_labels_that_are_not_numbers_are_reported(tmp_path: Path, header: list[str],
                                                  row: list[object], complaint: str) -> None:
    (tmp_path / 'train').mkdir()
    cv2.imwrite(str(tmp_path / 'train/a.png'), np.zeros((9, 9, 3), np.uint8))
    write(tmp_path / 'train_images.csv', ['file'], [['train/a.png']])
    write(tmp_path / 'train_boxes.csv', header, [row])
    with pytest.raises(AffectError, match=f'train_boxes.csv: the labels of {complaint}|'
                       f'train_boxes.csv: .*{complaint}'):
        read_pictures(tmp_path)
    write(tmp_path / 'images.csv', ['image'], [['a.png']])
    write(tmp_path / 'boxes.csv', ['image', *'xywh', 'invalid', 'tags'], [])
    with pytest.raises(AffectError, match=r'images.csv: there is no image dev/\*'):
        read_labelled(tmp_path)
    write(tmp_path / 'boxes.csv', ['image', *'xywh', 'invalid', 'tags'],
          [['dev/a.png', 1, 2, 3, '4 px', 0, '']])
    with pytest.raises(AffectError, match='boxes.csv: line 2: x, y, w, h, invalid are .*4 px.* '
                       'must be numbers'):
        read_labelled(tmp_path)


def test_a_damaged_archive_of_faces_is_reported(tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2.FaceDetectorYN, 'create', lambda *arguments: None)
    with pytest.raises(AffectError, match='fairface_train.csv: .*No such file.*; set chips: 0'):
        pictures.read_chips(tmp_path, tmp_path / 'yunet.onnx', 1, 0)
    write(tmp_path / 'fairface_train.csv', ['file'], [['train/1.png']])
    archive = tmp_path / 'fairface_train.zip'
    archive.write_bytes(b'half of a file')
    with pytest.raises(AffectError, match='cannot be read: File is not a zip file; set chips: 0'):
        pictures.read_chips(tmp_path, tmp_path / 'yunet.onnx', 1, 0)
    with zipfile.ZipFile(archive, 'w') as file:
        file.writestr('train/1.png', b'no image')
    with pytest.raises(AffectError, match='cannot be read: train/1.png is damaged; set chips: 0'):
        pictures.read_chips(tmp_path, tmp_path / 'yunet.onnx', 1, 0)


def disc() -> Picture:
    """Return a black image with a white disc as a face, its landmarks at the centre."""
    pixels = np.zeros((240, 320, 3), np.uint8)
    cv2.circle(pixels, (150, 110), 30, (255, 255, 255), -1)
    faces = Faces(np.array([[120, 80, 60, 60]], np.float32),
                  np.full((1, 5, 2), (150, 110), np.float32), np.ones(1, bool))
    return Picture(pixels, faces)


def test_labels_of_a_view_match_its_pixels() -> None:
    black = Picture(np.zeros((100, 100, 3), np.uint8))
    views = Views([disc(), black], [disc()], ViewSettings(covered=0.0), 3)
    contrasts = []
    for number in range(60):
        view, faces = views(number)
        assert view.shape == (320, 320, 3) and view.dtype == np.uint8
        for box, points in zip(faces.boxes[faces.certain], faces.landmarks[faces.certain]):
            centre = box[:2] + box[2:] / 2
            np.testing.assert_allclose(points, np.tile(centre, (5, 1)), atol=0.01)
            assert np.sqrt(box[2:].prod()) >= 8.0 and (box[2:] < 700).all()
            x, y = np.clip(centre, 0, 319).astype(int)
            inside = view[y, x].mean()
            around = view[max(y - int(box[3]), 0), max(x - int(box[2]), 0)].mean()
            contrasts.append(inside - around)
    assert len(contrasts) > 60
    assert np.mean(np.array(contrasts) > 20) > 0.8


def test_a_view_depends_only_on_seed_and_number() -> None:
    first, second = (Views([disc()], [], ViewSettings(), 3) for _ in range(2))
    second(1)
    for ours, theirs in zip((first(7)[0], first(7)[1].boxes), (second(7)[0], second(7)[1].boxes)):
        np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(first(7)[0], first(8)[0])
    assert not np.array_equal(first(7)[0], Views([disc()], [], ViewSettings(), 4)(7)[0])


@pytest.mark.parametrize(('boxes', 'scores', 'found', 'wrong'), [
    ([], [], [0.0, 0.0], []),
    ([[11, 11, 20, 20]], [0.9], [0.9, 0.0], []),
    ([[11, 11, 20, 20], [12, 10, 18, 22]], [0.9, 0.8], [0.9, 0.0], [0.8]),
    ([[11, 11, 60, 60]], [0.9], [0.0, 0.0], [0.9]),          # too large
    ([[25, 25, 20, 20]], [0.9], [0.0, 0.0], [0.9]),          # each centre outside of the other
    ([[101, 101, 8, 8]], [0.9], [0.0, 0.0], []),             # on an ignored face
    ([[500, 300, 30, 30]], [0.7], [0.0, 0.0], [0.7]),
])
def test_detections_are_assigned_to_labels(boxes: list[list[float]], scores: list[float],
                                       found: list[float], wrong: list[float]) -> None:
    labels = np.array([[10, 10, 20, 20], [100, 100, 10, 10]], np.float32)
    result = Detections(np.array(boxes, np.float32).reshape(-1, 4), np.array(scores, np.float32),
                        np.zeros((len(boxes), 4, 2), np.float32))
    hit, false = match(result, labels, np.array([False, True]))
    np.testing.assert_allclose(hit, found)
    np.testing.assert_allclose(false, wrong)


def test_recall_and_false_detections(folder: Path) -> None:
    pictures = read_labelled(folder)
    assert [len(each.boxes) for each in pictures] == [2, 0]
    assert pictures[0].ignored.tolist() == [False, True]
    outcome = evaluate(make_detector('blazeface_back', min_score=0.3), pictures)
    assert (outcome.recall(16, 0.5), outcome.recall(200, 0.5)) == (1.0, pytest.approx(
        float('nan'), nan_ok=True))
    assert outcome.recall(16, 0.5, 'mask=none') == 1.0
    assert np.isnan(outcome.recall(16, 0.5, 'mask=on'))
    assert outcome.average_precision() == 1.0

    def everywhere(image: np.ndarray) -> Detections:
        return Detections(np.array([[0, 0, 30, 30], [60, 60, 30, 30]], np.float32),
                          np.array([0.9, 0.6], np.float32), np.zeros((2, 4, 2), np.float32))
    poor = evaluate(everywhere, pictures)
    assert (poor.recall(16, 0.1), poor.average_precision()) == (0.0, 0.0)
    assert sorted(poor.faceless.tolist()) == pytest.approx([0.6, 0.9])
    assert 0.6 < poor.score_for(1) < 0.9 < poor.score_for(0)
    assert poor.score_for(2) == LEAST_SCORE


@pytest.mark.parametrize(('options', 'runs'), [([], 1), (['--rotated-search'], 3)])
def test_each_image_is_rotated_to_both_sides_if_wanted(
        options: list[str], runs: int, folder: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    detector = Mock(wraps=make_detector('blazeface_back', min_score=0.3))
    monkeypatch.setattr('face_affect_training.detection.report.make_detector',
                        lambda *args, **settings: detector)
    assert main(['detector', 'evaluate', str(folder), '--detector', 'blazeface_back',
                 *options]) == 0
    # upright, rolled by three angles, and in 1280x720
    assert detector.call_count == runs * 5 * len(read_labelled(folder))
    assert json.loads(capsys.readouterr().out)['recall_32'] == 1.0


def test_images_are_rotated_and_fitted_with_their_labels() -> None:
    image = np.zeros((60, 100, 3), np.uint8)
    image[10:20, 70:80] = 255
    boxes = np.array([[70, 10, 10, 10]], np.float32)
    for changed, [box] in (rotated(image, boxes, 90.0), rotated(image, boxes, 180.0),
                           fitted(image, boxes, (300, 90))):
        x, y = (box[:2] + box[2:] / 2).astype(int)
        assert changed[y, x].min() > 200
    assert rotated(image, boxes, 90.0)[0].shape == (100, 60, 3)
    assert fitted(image, boxes, (300, 90))[0].shape == (90, 300, 3)


def test_an_unknown_entry_is_refused(tmp_path: Path) -> None:
    path = tmp_path / 'wrong.yaml'
    path.write_text('views: {sizes: 3}')
    with pytest.raises(AffectError, match='sizes'):
        load_detector_experiment(path)


def test_training_on_torch(experiment: Path, tmp_path: Path) -> None:
    """A resumed training equals an uninterrupted one."""
    pytest.importorskip('torch', reason='the detector needs PyTorch: pip install torch')
    runs = [tmp_path / name for name in ('whole', 'parts')]

    def trained(out: Path, rounds: int) -> None:
        entries = yaml.safe_load(experiment.read_text())
        entries['rounds'] = entries['rounds'][:rounds]
        changed = tmp_path / f'{rounds}.yaml'
        changed.write_text(yaml.safe_dump(entries))
        done = subprocess.run(
            [sys.executable, '-m', 'face_affect_training', 'detector', 'train', str(changed),
             '--out', str(out), '--workers', '0', '--max-minutes', '10'],
            capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
    trained(runs[0], 2)
    trained(runs[1], 1)
    trained(runs[1], 2)
    import torch
    whole, parts = (torch.load(run / 'state.pt', weights_only=False) for run in runs)
    assert whole['step'] == parts['step'] == 4
    for name in whole['average']:
        torch.testing.assert_close(whole['average'][name], parts['average'][name])
    assert len((runs[0] / 'log.csv').read_text().splitlines()) == 3
    mined = [(run / f'look_alikes_{step}.csv').read_text() for run in runs for step in (2, 3)]
    assert mined[:2] == mined[2:] and mined[0].startswith('picture,')
    check_export(experiment, runs[0], tmp_path / 'models')


def test_an_exported_detector_runs(experiment: Path, tmp_path: Path) -> None:
    from face_affect_training.detection.network import residual_fpn
    network = residual_fpn(**load_detector_experiment(experiment).network)
    network.save(tmp_path / 'network.keras')
    check_export(experiment, tmp_path, tmp_path / 'models')


def check_export(experiment: Path, run: Path, models: Path) -> None:
    """Export the network of a run, in a process of its own because the backend is TensorFlow."""
    done = subprocess.run(
        [sys.executable, '-m', 'face_affect_training', 'detector', 'export', str(experiment),
         '--run', str(run), '--models', str(models), '--hours', '0.1'],
        capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    card = yaml.safe_load((models / 'tiny' / 'card.yaml').read_text())
    assert card['bytes'] == (models / 'tiny' / 'model.tflite').stat().st_size
    assert card['metrics']['faces'] == 1 and card['training']['hours'] == 0.1
    detector = make_detector(str(models / 'tiny'), size=96, min_score=0.5)
    assert len(detector(np.zeros((96, 96, 3), np.uint8))) == 0


def test_muon_minimises_a_loss() -> None:
    torch = pytest.importorskip('torch', reason='the detector needs PyTorch')
    from face_affect_training.detection.muon import Muon, orthogonalized
    generator = torch.Generator().manual_seed(0)
    for shape in ((72, 8), (8, 72), (16, 16)):
        values = torch.linalg.svdvals(orthogonalized(torch.randn(shape, generator=generator)))
        assert ((values > 0.3) & (values < 1.3)).all()
    target = torch.randn((3, 3, 4, 8), generator=generator)
    kernel = torch.zeros_like(target, requires_grad=True)
    optimizer = Muon([kernel], lr=0.5)
    for step in range(200):
        optimizer.zero_grad()
        ((kernel - target) ** 2).sum().backward()
        optimizer.param_groups[0]['lr'] = 0.5 * (1 - step / 200)
        optimizer.step()
    assert (kernel - target).abs().max() < 0.1


def test_convolution_of_fold_equals_a_larger_one() -> None:
    from face_affect_training.detection.network import Fold
    import keras
    random = np.random.default_rng(4)
    image = random.normal(size=(2, 12, 12, 3)).astype(np.float32)
    kernel = random.normal(size=(6, 6, 3, 5)).astype(np.float32)
    large = keras.layers.Conv2D(5, 6, strides=2, padding='same', use_bias=False)
    small = keras.layers.Conv2D(5, 3, padding='same', use_bias=False)
    folded = Fold(2)(image)
    large.build(image.shape), small.build(folded.shape)
    large.set_weights([kernel])
    blocks = kernel.reshape(3, 2, 3, 2, 3, 5).transpose(0, 2, 1, 3, 4, 5)
    small.set_weights([blocks.reshape(3, 3, 12, 5)])
    np.testing.assert_allclose(*(keras.ops.convert_to_numpy(each)
                                 for each in (large(image), small(folded))), atol=1e-4)
