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

"""The reasons why faces cannot be classified: too small, turned, blurred, or not a face."""

from pathlib import Path

import cv2
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.pipeline import make_pipeline
from face_affect_ros.affect.quality import Limits, reasons, sharpness_of, turn_of
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import AffectError, Detections, REASONS, UNKNOWN
from face_affect_ros.media import open_media
import numpy as np
import pytest
import yaml

FRONT = np.float32([[10, 20], [30, 20], [20, 30], [20, 40]])


@pytest.mark.parametrize(('nose', 'turn'), [((20, 30), 0.0), ((30, 30), 0.5), ((5, 33), 0.75)])
def test_the_turn_of_a_head_is_measured_by_the_nose(nose: tuple[int, int], turn: float) -> None:
    points = FRONT.copy()
    points[2] = nose
    assert turn_of(points) == pytest.approx(turn)
    # the same in any size and at any angle in the image
    angle = 0.7
    spin = np.float32([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert turn_of(np.float32(3.0 * points @ spin.T + 50.0)) == pytest.approx(turn, abs=1e-5)


def test_the_turn_of_unknown_landmarks_is_zero() -> None:
    unknown = FRONT.copy()
    unknown[2] = np.nan
    assert turn_of(unknown) == 0.0
    together = FRONT.copy()
    together[1] = together[0]
    assert turn_of(together) == np.inf


@pytest.mark.parametrize('channels', [1, 3])
def test_sharpness_depends_on_blur_but_not_on_brightness(channels: int) -> None:
    random = np.random.default_rng(1)
    crop = cv2.GaussianBlur(random.integers(0, 256, (48, 48, channels), np.uint8), (0, 0), 1.0)
    crop = crop.reshape(48, 48, channels)
    blurred = [cv2.GaussianBlur(crop, (0, 0), sigma).reshape(crop.shape) for sigma in (1.0, 3.0)]
    values = [sharpness_of(each) for each in (crop, *blurred)]
    assert values[0] > 2 * values[1] > 4 * values[2]
    darker = np.uint8(crop // 2 + 20)
    assert sharpness_of(darker) == pytest.approx(values[0], rel=0.05)
    assert sharpness_of(np.full_like(crop, 90)) == 0.0


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('angle', [0.0, 22.5, 45.0, 90.0, 115.0, 135.0])
def test_motion_in_any_direction_reduces_the_sharpness(channels: int, angle: float) -> None:
    random = np.random.default_rng(1)
    crop = cv2.GaussianBlur(random.integers(0, 256, (48, 48, channels), np.uint8), (0, 0), 1.0)
    path = np.zeros((11, 11), np.uint8)
    x, y = round(5 * np.cos(np.radians(angle))), round(5 * np.sin(np.radians(angle)))
    cv2.line(path, (5 - x, 5 - y), (5 + x, 5 + y), 1)
    moved = cv2.filter2D(crop, -1, path / path.sum(dtype=float))
    shape = (48, 48, channels)
    assert sharpness_of(moved.reshape(shape)) < 0.25 * sharpness_of(crop.reshape(shape))


def test_each_reason_is_given() -> None:
    turned = FRONT.copy()
    turned[2, 0] = 34.0
    found = Detections(np.float32([[0, 0, 40, 40], [0, 0, 40, 40], [0, 0, 9, 12],
                                   [0, 0, 40, 40], [0, 0, 40, 40]]),
                       np.float32([0.9, 0.3, 0.9, 0.9, 0.9]),
                       np.stack([FRONT, FRONT, FRONT, turned, FRONT]))
    crops = np.random.default_rng(1).integers(0, 256, (5, 24, 24, 1), np.uint8)
    crops[4] = cv2.GaussianBlur(crops[4], (0, 0), 4.0)[:, :, np.newaxis]
    limits = Limits(min_side=16.0, max_turn=0.6, min_sharpness=0.5)
    assert reasons(found, crops, limits, 0.5) == ['', 'not_a_face', 'too_small', 'too_turned',
                                                  'too_blurred']
    assert set(reasons(found, crops, limits, 0.5)) - {''} <= set(REASONS)
    assert reasons(found, crops, Limits()) == [''] * 5


@pytest.fixture
def limited(tmp_path, monkeypatch):
    """Return a function that copies a shipped expression model with limits."""
    def make(**limits: float) -> str:
        card = load_card('emotion_mini_xception')
        metadata = {**card.metadata, 'limits': limits}
        folder = tmp_path / 'limited'
        folder.mkdir(exist_ok=True)
        (folder / 'model.tflite').write_bytes(card.path.read_bytes())
        (folder / 'card.yaml').write_text(yaml.safe_dump(metadata))
        return str(folder)
    return make


@pytest.mark.parametrize(('limits', 'reason'), [
    ({}, ''), ({'min_side': 400.0}, 'too_small'), ({'min_sharpness': 50.0}, 'too_blurred'),
    ({'max_turn': 0.0}, 'too_turned')])
def test_the_pipeline_gives_the_reason(limits, reason, limited) -> None:
    pipeline = make_pipeline(PipelineSettings(emotion_model=limited(**limits)))
    with open_media('') as media:
        image = next(iter(media)).image
    [face] = pipeline.process(image, 0.0)
    estimate = face.estimates['emotion']
    assert estimate.reason == reason
    assert estimate.label == (UNKNOWN if reason else 'happy')
    assert face.estimates['gender'].reason in ('', 'unsure')   # each model has its own limits


def test_a_detection_with_a_low_score_is_not_classified() -> None:
    pipeline = make_pipeline(PipelineSettings())
    pipeline.detector.face_score = 1.0
    with open_media('') as media:
        [face] = pipeline.process(next(iter(media)).image, 0.0)
    assert {each.reason for each in face.estimates.values()} == {'not_a_face'}


def test_a_head_may_have_its_own_limits(limited) -> None:
    folder = limited(min_side=12.0)
    card = Path(folder, 'card.yaml')
    metadata = yaml.safe_load(card.read_text())
    [head] = load_card(folder).heads
    assert head.limits == Limits(min_side=12.0)
    metadata['heads'][0]['limits'] = {'max_turn': 0.7}
    card.write_text(yaml.safe_dump(metadata))
    [head] = load_card(folder).heads
    assert head.limits == Limits(max_turn=0.7)


@pytest.mark.parametrize('name', ['min_size', 'min_score'])
def test_unknown_limits_of_a_card_are_an_error(name, limited) -> None:
    with pytest.raises(AffectError, match=f'limits has the unknown entry {name}; there are '
                                          'min_side, max_turn'):
        load_card(limited(**{name: 4.0}))
