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

"""The built-in portrait moves smoothly and periodically, with the face in view."""

import importlib.util

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import open_media, portrait
import numpy as np
import pytest

#: Corners of the box of the face in the image of 512x512.
FACE = np.array([[172.0, 74.0], [277.0, 74.0], [277.0, 179.0], [172.0, 179.0]])


def corners_at(phase, points):
    """Return points of the image in coordinates of the view."""
    matrix = portrait.view_matrix(phase, (512, 512))
    return points @ matrix[:, :2].T + matrix[:, 2]


@pytest.mark.parametrize('phase', np.linspace(0.0, 1.0, 49))
def test_the_face_is_in_view_and_the_view_in_the_picture(phase):
    face = corners_at(phase, FACE)
    assert face.min() >= 20.0 and (face.max(0) <= [620.0, 460.0]).all()
    picture = corners_at(phase, np.array([[0.0, 0.0], [512.0, 512.0]]))
    assert (picture[0] <= 0.0).all() and (picture[1] >= [640.0, 480.0]).all()


def test_the_movement_is_slow_and_periodic():
    steps = [corners_at(i / 360, FACE) for i in range(361)]
    assert np.abs(np.diff(steps, axis=0)).max() < 6.0
    assert steps[0] == pytest.approx(steps[360], abs=1e-9)
    sizes = [corners[1, 0] - corners[0, 0] for corners in steps]
    assert min(sizes) < 140.0 and max(sizes) > 180.0


@pytest.fixture
def media():
    """Return the portrait at 10 Hz; skip without scikit-image."""
    try:
        return open_media('', rate=10.0)
    except AffectError as error:
        pytest.skip(str(error))


def test_frames(media):
    assert (media.width, media.height, media.rate, media.frame_count) == (640, 480, 10.0, 120)
    frames = list(media)
    assert len(frames) == 120
    assert frames[7].stamp == pytest.approx(0.7)
    assert {frame.image.shape for frame in frames} == {(480, 640, 3)}
    assert np.array_equal(frames[7].image, media.image_at(7))
    # the step from the last frame to the first is not larger than the others
    steps = [np.abs(a.image.astype(int) - b.image).mean()
             for a, b in zip(frames, frames[1:] + frames[:1])]
    assert 0.0 < steps[-1] <= max(steps[:-1])


def test_the_default_rate_is_30(media):
    assert open_media('').rate == 30.0


def test_without_scikit_image_the_error_names_the_remedy(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    with pytest.raises(AffectError, match='pip install scikit-image, or choose an image'):
        open_media('')
