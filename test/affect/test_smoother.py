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

"""Smoothing of probabilities and labels over time."""

import math

from face_affect_ros.affect.classifier import Smoother
from face_affect_ros.affect.model_store import Head
from face_affect_ros.affect.types import EMOTIONS, Estimate, GENDERS, UNKNOWN
import numpy as np
import pytest

WOMAN, MAN = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)


class SmootherOf:
    """A smoother of a gender head with a fixed time constant."""

    def __init__(self, threshold: float, tau: float, hysteresis: float) -> None:
        self.smoother = Smoother(Head('gender', 0, GENDERS, threshold), hysteresis=hysteresis)
        self.tau = tau

    def __call__(self, probabilities: np.ndarray, stamp: float, reason: str = '') -> Estimate:
        return self.smoother(probabilities, stamp, reason, time_constant=self.tau)


def make(threshold: float = 0.6, tau: float = 0.5, hysteresis: float = 0.0) -> SmootherOf:
    """Return a smoother of a gender head."""
    return SmootherOf(threshold, tau, hysteresis)


def test_the_first_probabilities_are_not_smoothed() -> None:
    estimate = make()(np.array([0.7, 0.3], np.float32), 10.0)
    assert estimate.label == 'woman'
    assert estimate.confidence == pytest.approx(0.7)


@pytest.mark.parametrize('rate', [5, 30, 200])
def test_after_one_time_constant_the_past_weighs_1_over_e_at_any_rate(rate: int) -> None:
    smoother = make(tau=1.0)
    smoother(WOMAN, 0.0)
    for step in range(1, rate + 1):
        estimate = smoother(MAN, step / rate)
    np.testing.assert_allclose(estimate.probabilities, [1 / math.e, 1 - 1 / math.e], atol=1e-4)


def test_one_deviating_image_does_not_change_the_label() -> None:
    smoother = make(tau=0.5)
    smoother(WOMAN, 0.0)
    assert smoother(MAN, 0.033).label == 'woman'


def test_below_the_threshold_the_label_is_unknown_with_its_confidence() -> None:
    estimate = make(threshold=0.6)(np.array([0.55, 0.45], np.float32), 0.0)
    assert estimate.label == UNKNOWN
    assert estimate.confidence == pytest.approx(0.55)


def test_without_a_time_constant_there_is_no_smoothing() -> None:
    smoother = make(tau=0.0)
    assert smoother(WOMAN, 0.0).label == 'woman'
    assert smoother(MAN, 0.0).label == 'man'


def test_a_new_label_needs_the_hysteresis() -> None:
    smoother = make(threshold=0.0, tau=0.0, hysteresis=0.1)
    assert smoother(np.array([0.52, 0.48], np.float32), 0.0).label == 'woman'
    assert smoother(np.array([0.46, 0.54], np.float32), 0.1).label == 'woman'
    assert smoother(np.array([0.44, 0.56], np.float32), 0.2).label == 'man'


def test_an_unknown_label_has_the_confidence_of_the_most_probable_one() -> None:
    """The hysteresis is that of a label, and there is none."""
    smoother = Smoother(Head('emotion', 0, EMOTIONS, 0.41))
    shares = [(0.40, 0.30), (0.38, 0.42), (0.43, 0.47), (0.45, 0.44), (0.40, 0.39), (0.38, 0.40)]
    seen = []
    for second, (angry, fear) in enumerate(shares):
        rest = np.full(7, (1.0 - angry - fear) / 5, np.float32)
        rest[[0, 2]] = angry, fear
        estimate = smoother(rest, 100.0 * second, time_constant=0.5)
        seen.append((estimate.label, round(estimate.confidence, 2)))
    assert seen == [(UNKNOWN, 0.4), (UNKNOWN, 0.42), ('fear', 0.47), ('fear', 0.44),
                    (UNKNOWN, 0.4), (UNKNOWN, 0.4)]


def test_images_have_no_weight_if_time_stops_or_jumps_back() -> None:
    smoother = make()
    smoother(WOMAN, 1.0)
    np.testing.assert_allclose(smoother(MAN, 1.0).probabilities, WOMAN)
    np.testing.assert_allclose(smoother(MAN, 0.5).probabilities, WOMAN)


def test_returned_estimates_do_not_change() -> None:
    smoother = make()
    first = smoother(WOMAN, 0.0)
    smoother(MAN, 5.0)
    np.testing.assert_array_equal(first.probabilities, WOMAN)


def test_a_face_that_cannot_be_classified_is_ignored() -> None:
    smoother = make(tau=0.5)
    smoother(WOMAN, 0.0)
    held = smoother(MAN, 0.4, 'too_blurred')
    assert (held.label, held.reason) == ('woman', '')
    gone = smoother(MAN, 0.6, 'too_blurred')
    assert (gone.label, gone.reason) == (UNKNOWN, 'too_blurred')
    np.testing.assert_array_equal(gone.probabilities, WOMAN)
    back = smoother(WOMAN, 0.7)
    assert (back.label, back.reason) == ('woman', '')


def test_before_the_first_good_image_the_estimate_is_that_of_the_newest() -> None:
    smoother = make(tau=0.5)
    first = smoother(MAN, 0.0, 'too_small')
    assert (first.label, first.reason, first.confidence) == (UNKNOWN, 'too_small', 1.0)
    second = smoother(np.array([0.4, 0.6], np.float32), 0.1, 'too_blurred')
    assert (second.label, second.reason) == (UNKNOWN, 'too_blurred')
    np.testing.assert_allclose(second.probabilities, [0.4, 0.6])
    assert second.confidence == pytest.approx(0.6)
    good = smoother(WOMAN, 0.2)
    np.testing.assert_array_equal(good.probabilities, WOMAN)
    # without smoothing, only the current image counts
    alone = make(tau=0.0)
    alone(WOMAN, 0.0)
    assert alone(WOMAN, 0.0, 'too_turned').reason == 'too_turned'


def test_below_the_threshold_the_reason_is_unsure() -> None:
    assert make(threshold=0.6)(np.array([0.55, 0.45], np.float32), 0.0).reason == 'unsure'
    assert make(threshold=0.6)(np.array([0.75, 0.25], np.float32), 0.0).reason == ''
