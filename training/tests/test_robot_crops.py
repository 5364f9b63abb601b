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

"""Crop margin and limits of the input, with the face detector."""

from face_affect_ros.affect.quality import Limits
from face_affect_ros.affect.types import AffectError, EMOTIONS
from face_affect_training import robot_crops
from face_affect_training.data.faces import FaceData
import numpy as np
import pytest


@pytest.fixture(scope='module')
def faces(chips: np.ndarray) -> FaceData:
    """Return 12 images of the portrait, one with the label sad, and one without a face."""
    labels = np.full(13, EMOTIONS.index('happy'))
    labels[3] = EMOTIONS.index('sad')
    return FaceData(source='portraits', task='emotion', images=chips[::2], labels=labels,
                    names=np.arange(13).astype(str))


def test_images_without_a_detection_are_not_counted(faces: FaceData) -> None:
    result = robot_crops.tune_margin('emotion_mini_xception', faces)
    assert (result['faces'], result['found']) == (13, 12)
    assert result['accuracy']['0'] == result['accuracy']['0.1'] == pytest.approx(11 / 12, abs=1e-4)
    assert result['chosen'] in robot_crops.MARGINS
    with pytest.raises(AffectError, match="'haar' not found"):
        robot_crops.tune_margin('emotion_mini_xception', faces, detector='haar')


@pytest.mark.parametrize(('accuracies', 'margin'), [
    ([{-0.1: 0.90, -0.05: 0.70, 0.0: 0.80, 0.05: 0.85, 0.1: 0.84}], 0.05),
    ([dict(zip(('-0.1', '-0.05', '0', '0.05', '0.1'), values)) for values in (
        (0.5, 0.6, 0.9, 0.6, 0.5), (0.9, 0.8, 0.7, 0.4, 0.1))], -0.05)])
def test_best_margin_is_that_of_the_moving_average(accuracies: list[dict[object, float]],
                                                   margin: float) -> None:
    assert robot_crops.best_margin(accuracies) == margin


def test_input_limits(faces: FaceData) -> None:
    found = robot_crops.input_limits('emotion_mini_xception', faces)
    assert found['faces'] == 12
    assert found['accuracy'] == pytest.approx(11 / 12, abs=1e-4)
    assert found['by_side']['48'] >= found['by_side']['8']
    assert found['by_blur']['0.01'] >= found['by_blur']['0.08']
    assert found['by_motion']['0.05'] > found['by_motion']['0.4']
    limits = Limits.from_card(found['limits'])   # of a frontal, sharp portrait
    assert limits.min_side <= 48 and limits.max_turn < 1.0 and 0.0 <= limits.min_sharpness < 5.0
    assert robot_crops.input_limits('emotion_mini_xception', faces, count=5)['faces'] <= 5
    with pytest.raises(AffectError, match='portraits: .* finds no face'):
        robot_crops.input_limits('emotion_mini_xception', faces.select(np.array([12])))


def test_sharpness_limit_is_where_accuracy_is_lost() -> None:
    every = np.linspace(0.0, 1.0, 100)
    right = every > 0.3
    limit = robot_crops.sharpness_limit
    assert limit(every + 0.5, every, right, 1.0) == pytest.approx(0.5, abs=0.02)
    assert limit(every, every, right, 1.0) == pytest.approx(0.01, abs=1e-3)
    assert limit(every, every, right | True, 1.0) == 0.0
