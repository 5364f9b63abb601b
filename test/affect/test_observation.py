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

"""Observations: mean probabilities over the images in which a face can be classified."""

from face_affect_ros.affect.model_store import Head
from face_affect_ros.affect.observation import Observation
from face_affect_ros.affect.types import EMOTIONS, TOO_BLURRED, UNKNOWN, UNSURE
from faces import estimate, face
import numpy as np
import pytest

HEADS = {'emotion': Head('emotion', 0, EMOTIONS, 0.5)}


def test_probabilities_are_averaged_over_the_images_with_the_face() -> None:
    observation = Observation(HEADS)
    observation.add([face('a', 'happy'), face('b', 'sad')])
    observation.add([face('a', 'happy')])
    observation.add([face('a', 'sad')])
    first, second = observation.faces()
    assert observation.images == 3
    assert (first.face.id, first.images, first.classified) == ('a', 3, {'emotion': 3})
    mean = first.face.estimates['emotion']
    np.testing.assert_allclose(mean.probabilities[EMOTIONS.index('happy')],
                               (0.8 + 0.8 + 0.2 / 6) / 3, rtol=1e-6)
    assert mean.label == 'happy' and mean.confidence == pytest.approx(0.5444, abs=1e-4)
    assert (second.face.id, second.images) == ('b', 1)


def test_below_the_threshold_of_the_model_the_mean_is_unknown() -> None:
    observation = Observation(HEADS)
    for label in ('happy', 'sad'):
        observation.add([face('a', label)])
    [seen] = observation.faces()
    assert (seen.face.estimates['emotion'].label, seen.face.estimates['emotion'].reason) == (
        UNKNOWN, UNSURE)


def test_an_image_in_which_the_face_cannot_be_classified_is_ignored() -> None:
    observation = Observation(HEADS)
    observation.add([face('a', 'happy')])
    blurred = {'emotion': estimate(UNKNOWN, 0.3, TOO_BLURRED)}
    observation.add([face('a', estimates=blurred)])
    [seen] = observation.faces()
    assert (seen.images, seen.classified) == (2, {'emotion': 1})
    assert seen.face.estimates['emotion'].label == 'happy'


def test_a_face_that_could_never_be_classified_keeps_its_reason() -> None:
    observation = Observation(HEADS)
    observation.add([face('a', estimates={'emotion': estimate(UNKNOWN, 0.3, TOO_BLURRED)})])
    [seen] = observation.faces()
    assert seen.classified == {}
    assert seen.face.estimates['emotion'].reason == TOO_BLURRED


def test_returned_observations_do_not_change() -> None:
    observation = Observation(HEADS)
    observation.add([face('a')])
    [before] = observation.faces()
    observation.add([face('a')])
    assert (before.images, before.classified) == (1, {'emotion': 1})
