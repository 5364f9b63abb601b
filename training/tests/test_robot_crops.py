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

"""Behind the face detector: crop margin, limits of the input, saliency by region and class."""

from dataclasses import replace
import json
from pathlib import Path

import cv2
from face_affect_ros.affect.quality import Limits
from face_affect_ros.affect.types import AffectError, EMOTIONS
from face_affect_training import robot_crops
from face_affect_training.__main__ import main
from face_affect_training.data.faces import FaceData
from face_affect_training.figures import guided
from face_affect_training.saliency import bias
from face_affect_training.saliency.bias import OUTSIDE, REGIONS, regions
import numpy as np
import pytest

HAPPY = EMOTIONS.index('happy')
#: Right eye, left eye, nose, mouth of a face that fills a crop of 48 pixels.
POINTS = np.float32([[15, 18], [33, 18], [24, 27], [24, 36]])


@pytest.fixture(scope='module')
def faces(chip: np.ndarray) -> FaceData:
    """Return 24 images of the portrait, from dark to bright, and one without a face."""
    lights = np.linspace(0.6, 1.3, 24)[:, np.newaxis, np.newaxis]
    images = np.concatenate([np.clip(lights * chip, 0, 255).astype(np.uint8),
                             np.full_like(chip, 120)[np.newaxis]])
    return FaceData(source='portraits', task='emotion', images=images,
                    labels=np.full(25, HAPPY), names=np.arange(25).astype(str),
                    groups={'light': np.array(['dark'] * 12 + ['bright'] * 13)})


@pytest.fixture(scope='module')
def few(faces: FaceData) -> FaceData:
    """Return every second one, the fourth with the label sad; the last one is without a face."""
    some = faces.select(np.arange(0, 25, 2))
    some.labels[3] = EMOTIONS.index('sad')
    return some


def test_images_without_a_detection_are_not_counted(few: FaceData) -> None:
    result = robot_crops.tune_margin('emotion_mini_xception', few)
    assert (result['faces'], result['found']) == (13, 12)
    assert result['accuracy']['0'] == result['accuracy']['0.1'] == pytest.approx(11 / 12, abs=1e-4)
    assert result['chosen'] in robot_crops.MARGINS
    with pytest.raises(AffectError, match="'haar' not found"):
        robot_crops.tune_margin('emotion_mini_xception', few, detector='haar')


@pytest.mark.parametrize(('accuracies', 'margin'), [
    ([{-0.1: 0.90, -0.05: 0.70, 0.0: 0.80, 0.05: 0.85, 0.1: 0.84}], 0.05),
    ([dict(zip(('-0.1', '-0.05', '0', '0.05', '0.1'), values)) for values in (
        (0.5, 0.6, 0.9, 0.6, 0.5), (0.9, 0.8, 0.7, 0.4, 0.1))], -0.05)])
def test_best_margin_is_that_of_the_moving_average(accuracies: list[dict[object, float]],
                                                   margin: float) -> None:
    assert robot_crops.best_margin(accuracies) == margin


def test_input_limits(few: FaceData) -> None:
    found = robot_crops.input_limits('emotion_mini_xception', few)
    assert found['faces'] == 12
    assert found['accuracy'] == pytest.approx(11 / 12, abs=1e-4)
    assert found['by_side']['48'] >= found['by_side']['8']
    assert found['by_blur']['0.01'] >= found['by_blur']['0.08']
    assert found['by_motion']['0.05'] > found['by_motion']['0.4']
    limits = Limits(**found['limits'])   # of a frontal, sharp portrait
    assert limits.min_side <= 48 and limits.max_turn < 1.0 and 0.0 <= limits.min_sharpness < 5.0
    assert robot_crops.input_limits('emotion_mini_xception', few, count=5)['faces'] <= 5
    with pytest.raises(AffectError, match='portraits: .* finds no face'):
        robot_crops.input_limits('emotion_mini_xception', few.select(np.array([12])))


def test_sides_below_an_unusable_one_are_not_usable(few: FaceData,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    bad = robot_crops.SIDES[2]
    monkeypatch.setattr(robot_crops, '_smaller', lambda side, image, length: (
        np.zeros_like(image) if side == bad else image))
    found = robot_crops.input_limits('emotion_mini_xception', few)
    assert found['by_side'][str(bad)] < min(found['by_side'][str(robot_crops.SIDES[3])], 0.5)
    assert found['limits']['min_side'] == robot_crops.SIDES[1]


def test_sharpness_limit_is_where_accuracy_is_lost() -> None:
    every = np.linspace(0.0, 1.0, 100)
    right = every > 0.3
    limit = robot_crops.sharpness_limit
    assert limit(every + 0.5, every, right, 1.0) == pytest.approx(0.5, abs=0.02)
    assert limit(every, every, right, 1.0) == pytest.approx(0.01, abs=1e-3)
    assert limit(every, every, right | True, 1.0) == 0.0


def test_regions_of_a_face() -> None:
    found = regions(POINTS, 48)
    assert found is not None
    for name, (x, y) in (('eyes and brows', (15, 18)), ('eyes and brows', (33, 14)),
                         ('nose', (24, 27)), ('mouth', (24, 36)), ('mouth', (31, 36)),
                         ('rest of the face', (10, 28)), ('rest of the face', (24, 8)),
                         ('outside', (1, 1)), ('outside', (46, 46))):
        assert REGIONS[found[y, x]] == name, (name, x, y)
    mirrored = POINTS[[1, 0, 2, 3]].copy()
    mirrored[:, 0] = 47 - mirrored[:, 0]
    np.testing.assert_array_equal(regions(mirrored, 48), found[:, ::-1])
    rotated = np.stack([47 - POINTS[:, 1], POINTS[:, 0]], 1)
    np.testing.assert_array_equal(regions(rotated, 48), np.rot90(found, -1))


@pytest.mark.parametrize('points', [np.full((4, 2), np.nan, np.float32),
                                    POINTS * np.float32([0.1, 1.0])])
def test_profiles_and_unknown_landmarks_have_no_regions(points: np.ndarray) -> None:
    assert regions(points, 48) is None


def test_the_report_and_its_files(faces: FaceData, tmp_path: Path) -> None:
    report, explained = bias.bias_report('emotion_small_resnet', faces)
    assert (report['faces'], report['left_out']) == (25, 1)
    assert explained.shares.shape == (24, len(REGIONS))
    np.testing.assert_allclose(explained.shares.sum(1), 1.0, atol=1e-6)
    np.testing.assert_allclose(explained.areas.sum(1), 1.0, atol=1e-6)
    assert sum(report['area'].values()) == pytest.approx(1.0, abs=1e-3)
    outside = explained.shares[:, OUTSIDE].mean()
    assert report['all']['share']['outside'] == pytest.approx(outside, abs=1e-4)
    assert outside < report['area']['outside']
    assert sum(row['faces'] for row in report['classes'].values()) == 24
    assert report['groups']['light']['dark']['faces'] == 12
    written = bias.write_report(report, explained, tmp_path, 'the command')
    assert {path.suffix for path in written} == {'.json', '.md', '.png'}
    record = json.loads((tmp_path / 'bias_emotion_small_resnet.json').read_text())
    assert record['command'] == 'the command'
    page = (tmp_path / 'bias_emotion_small_resnet.md').read_text()
    assert '24 of 25 faces' in page and '## By light' in page
    # There is no mean image of 12 faces, because it could show a person.
    assert record['pictures'] == ['bias_emotion_small_resnet_classes.png']
    assert cv2.imread(str(written[-1])).shape[0] > 150
    assert '(bias_emotion_small_resnet.md), portraits | 24 |' in bias.section(tmp_path)


def test_the_command_in_the_report_has_no_local_paths(
        tmp_path: Path, sheets: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv('FACE_AFFECT_SHARED', str(sheets.parent))
    # BlazeFace detects faces in some of these shapes.
    assert main(['bias-report', '--model', 'emotion_small_resnet', '--data', 'fer2013_sheets',
                 str(sheets), 'PublicTest', '--out', str(tmp_path), '--limit', '12',
                 '--detector', 'blazeface_back']) == 0
    name = 'bias_emotion_small_resnet.json'
    assert f'{tmp_path}/{name}' in capsys.readouterr().out
    assert json.loads((tmp_path / name).read_text())['command'] == (
        'face_affect bias-report --model emotion_small_resnet --data fer2013_sheets '
        f'$FACE_AFFECT_SHARED/{sheets.name} PublicTest')


def test_guided_maps_of_each_expression(faces: FaceData, tmp_path: Path) -> None:
    known = faces.select(np.arange(24))
    written = guided.make(['emotion_small_resnet'], known, tmp_path, 'the command')
    assert [path.name for path in written] == ['guided.json', 'guided.png']
    record = json.loads(written[0].read_text())
    counts = record['models']['emotion_small_resnet']['faces']
    assert counts['happy'] >= 20 and sum(counts.values()) == counts['happy']
    assert record['models']['emotion_small_resnet']['likeness_of_classes'] is None
    assert guided.page_entries(tmp_path)['guided_data'] == 'portraits'
    with pytest.raises(AffectError, match="'gender_mobilenet' classifies gender, not emotion"):
        guided.make(['gender_mobilenet'], known, tmp_path, '')
    with pytest.raises(AffectError, match='portraits: has labels of gender, not of emotion'):
        guided.make(['emotion_small_resnet'], replace(known, task='gender'), tmp_path, '')
