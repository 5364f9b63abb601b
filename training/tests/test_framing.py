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

"""Accuracy by crop margin, behind the robot's detector."""


import cv2
from face_affect_ros.affect.detectors import DEFAULT_DETECTOR
from face_affect_ros.affect.types import AffectError, EMOTIONS
from face_affect_ros.media.portrait import portrait_path
from face_affect_training.data.types import FaceData
from face_affect_training.framing import accuracy_by_margin, chosen, chosen_for_all
import numpy as np
import pytest


def chips() -> FaceData:
    """Return two smiling chips, one of them labelled angry, and one without a face."""
    portrait = cv2.imread(str(portrait_path()))[60:190, 160:290]
    face = cv2.resize(portrait, (48, 48), interpolation=cv2.INTER_AREA)
    images = np.stack([face, face, np.full_like(face, 128)])
    labels = np.array([EMOTIONS.index('happy'), EMOTIONS.index('angry'), 0])
    return FaceData(source='chips', task='emotion', images=images, labels=labels,
                    names=np.array(['a', 'b', 'c']))


def test_only_what_the_detector_finds_is_counted() -> None:
    result = accuracy_by_margin('emotion_mini_xception', chips(), [0.0, 0.1], DEFAULT_DETECTOR)
    assert (result['faces'], result['found']) == (3, 2)
    assert result['accuracy'] == {'0': 0.5, '0.1': 0.5}
    assert result['chosen'] == 0.0


def test_the_chosen_margin_has_good_neighbours() -> None:
    assert chosen({-0.1: 0.90, -0.05: 0.70, 0.0: 0.80, 0.05: 0.85, 0.1: 0.84}) == 0.05
    assert chosen({0.0: 0.7, 0.1: 0.8}) == 0.1


def test_one_margin_for_two_tasks() -> None:
    found = [{'accuracy': dict(zip(('-0.1', '-0.05', '0', '0.05', '0.1'), values))}
             for values in ((0.5, 0.6, 0.9, 0.6, 0.5), (0.9, 0.8, 0.7, 0.4, 0.1))]
    assert chosen_for_all(found[:1]) == 0.0
    assert chosen_for_all(found) == -0.05


def test_an_unknown_detector_is_named() -> None:
    with pytest.raises(AffectError, match="'haar' not found"):
        accuracy_by_margin('emotion_mini_xception', chips(), [0.0], 'haar')
