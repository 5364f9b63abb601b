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

"""Hidden faces: the detectors do not find them, and the rest of the image is unchanged."""

from face_affect_ros.affect.annotate import hide, RecentBoxes
from face_affect_ros.affect.detectors import make_detector
from faces import face
import numpy as np
import pytest


def test_no_detector_finds_a_hidden_face(portrait: np.ndarray) -> None:
    detector = make_detector(min_score=0.4)
    [box] = detector(portrait).boxes
    before = portrait.copy()
    hidden = hide(portrait, [box])
    assert len(detector(hidden)) == 0
    np.testing.assert_array_equal(portrait, before)
    x, y, w, h = box.astype(int)
    for far in (np.s_[:, :x - w // 2], np.s_[:, x + w + w // 2:], np.s_[y + h + h // 2:]):
        np.testing.assert_array_equal(hidden[far], portrait[far])


def test_a_hidden_face_has_few_colours(portrait: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 80), np.uint8)
    hidden = hide(noise, [np.float32([16, 16, 48, 48])])
    assert hidden[20:60, 20:60].std() < 0.1 * noise[20:60, 20:60].std()


@pytest.mark.parametrize('box', [(-30, -30, 60, 60), (90, 50, 60, 60), (200, 200, 9, 9),
                                 (10, 10, 0, 0), (-500, -500, 2000, 2000)])
def test_boxes_beyond_the_image_and_empty_boxes_are_accepted(box: tuple[float, ...]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (60, 100, 3), np.uint8)
    assert hide(image, [np.float32(box)]).shape == image.shape


def test_a_face_that_is_briefly_not_detected_stays_hidden() -> None:
    image = np.random.default_rng(2).integers(0, 256, (200, 200, 3), np.uint8)
    recent = RecentBoxes()
    boxes = recent.update([face('a')], 10.0, hold=1.0)
    hidden = hide(image, boxes)
    assert not np.array_equal(hidden, image)
    np.testing.assert_array_equal(hide(image, recent.update([], 10.9, hold=1.0)), hidden)
    assert recent.update([], 11.1, hold=1.0) == []
    assert len(recent.update([face('a')], 10.0, hold=1.0)) == 1
    assert recent.update([], 5.0, hold=1.0) == []   # time jumped back
