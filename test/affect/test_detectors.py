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

"""Detectors find the faces that are there."""

from collections.abc import Callable
from pathlib import Path

import cv2
from face_affect_ros.affect.detectors import DETECTORS, make_detector
from face_affect_ros.affect.detectors.blazeface import make_anchors
from face_affect_ros.affect.model_files import sha256_of
from face_affect_ros.affect.types import AffectError, LEFT_EYE, MOUTH, NOSE, RIGHT_EYE
from face_affect_ros.media import open_media
from face_affect_ros.media.portrait import portrait_path
import numpy as np
import pytest

BLAZEFACES = [name for name in DETECTORS if name.startswith('blazeface')]


@pytest.fixture(scope='module')
def portrait() -> np.ndarray:
    """Return scikit-image's astronaut, BGR."""
    return cv2.imread(str(portrait_path()))


def skip_without_yunet() -> None:
    """Skip where OpenCV is older than YuNet's network."""
    if tuple(int(part) for part in cv2.__version__.split('.')[:2]) < (4, 8):
        pytest.skip(f'YuNet needs OpenCV 4.8, this is {cv2.__version__}')


def assert_is_the_astronaut(found: object, x: float = 0.0, y: float = 0.0,
                            scale: float = 1.0) -> None:
    """Check one detection against the place of the face in the portrait."""
    assert len(found) == 1
    centre = found.boxes[0, :2] + found.boxes[0, 2:] / 2
    np.testing.assert_allclose(centre, np.array([224 + x, 126 + y]) * scale, atol=18 * scale)
    assert 80 * scale < found.boxes[0, 2] < 130 * scale
    points = found.landmarks[0]
    assert points[RIGHT_EYE, 0] < points[NOSE, 0] < points[LEFT_EYE, 0]
    assert max(points[RIGHT_EYE, 1], points[LEFT_EYE, 1]) < points[NOSE, 1] < points[MOUTH, 1]


@pytest.mark.parametrize('name', BLAZEFACES)
def test_blazeface_finds_the_one_face(name: str, portrait: np.ndarray) -> None:
    found = make_detector(name)(portrait)
    assert_is_the_astronaut(found)
    assert found.boxes.dtype == found.scores.dtype == found.landmarks.dtype == np.float32


@pytest.mark.parametrize('name', BLAZEFACES)
@pytest.mark.parametrize(('left', 'top'), [(160, 0), (0, 200)])
def test_boxes_are_right_in_wide_and_in_high_images(name: str, left: int, top: int,
                                                    portrait: np.ndarray) -> None:
    image = cv2.copyMakeBorder(portrait, top, 0, left, 0, cv2.BORDER_CONSTANT)
    assert_is_the_astronaut(make_detector(name)(image), left, top)


def test_grey_images_are_searched_too(portrait: np.ndarray) -> None:
    grey = cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY)
    assert_is_the_astronaut(make_detector('blazeface_back')(grey))


@pytest.mark.parametrize('name', BLAZEFACES)
@pytest.mark.parametrize('shape', [(480, 640, 3), (1, 1, 3), (2, 900), (700, 1, 3)])
def test_where_nobody_is_nobody_is_found(name: str, shape: tuple[int, ...]) -> None:
    found = make_detector(name)(np.zeros(shape, np.uint8))
    assert len(found) == 0
    assert found.landmarks.shape == (0, 4, 2)


def test_anchors_are_the_centres_of_the_cells() -> None:
    anchors = make_anchors(64, [(16, 2), (32, 1)])
    assert anchors.shape == (4 * 4 * 2 + 2 * 2, 2)
    np.testing.assert_array_equal(anchors[:4], [[8, 8], [8, 8], [24, 8], [24, 8]])
    np.testing.assert_array_equal(anchors[-1], [48, 48])


@pytest.mark.parametrize(('clip', 'faces', 'at_least'), [
    ('media/classroom.gif', 4, 0.95),
    ('media/face-demographics-walking-and-pause.gif', 3, 1.0),
    ('media/head-pose-face-detection-female-and-male.gif', 2, 1.0),
    ('media/robocup_team.png', 6, 1.0),
])
def test_the_default_detector_on_real_clips(clip: str, faces: int, at_least: float,
                                            shared_file: Callable[[str], Path]) -> None:
    detector = make_detector('blazeface_back', min_score=0.4)
    with open_media(str(shared_file(clip))) as media:
        counts = [len(detector(frame.image)) for frame in media]
    assert sum(min(count, faces) for count in counts) >= at_least * faces * len(counts)
    assert max(counts) <= faces + 1


def test_yunet_on_a_real_picture(shared_file: Callable[[str], Path]) -> None:
    skip_without_yunet()
    path = shared_file('reference/yunet_n_dynamic.onnx')
    detector = make_detector('yunet', model=str(path), sha256=sha256_of(path), min_score=0.6)
    picture = cv2.imread(str(shared_file('media/robocup_team.png')))
    found = detector(picture)
    assert len(found) == 6
    blaze = make_detector('blazeface_back')(picture)
    for box, points in zip(blaze.boxes, blaze.landmarks):
        nearest = np.argmin(np.linalg.norm(found.boxes[:, :2] - box[:2], axis=1))
        np.testing.assert_allclose(found.landmarks[nearest], points, atol=0.25 * box[2])
    assert len(detector(np.zeros((120, 160), np.uint8))) == 0


@pytest.mark.parametrize(('arguments', 'complaint'), [
    ({'name': 'haar'}, "'haar' is not one of blazeface_back"),
    ({'name': 'yunet'}, "needs the path of its ONNX file in the parameter 'detector_model'"),
    ({'name': 'yunet', 'model': '/nowhere/yunet.onnx'}, '/nowhere/yunet.onnx: there is no YuNet'),
])
def test_a_wrong_choice_is_named(arguments: dict[str, str], complaint: str) -> None:
    with pytest.raises(AffectError, match=complaint):
        make_detector(**arguments)


def test_a_file_that_is_no_onnx_is_named(tmp_path: Path) -> None:
    skip_without_yunet()
    path = tmp_path / 'broken.onnx'
    path.write_bytes(b'this is no network')
    with pytest.raises(AffectError, match='broken.onnx: OpenCV cannot read'):
        make_detector('yunet', model=str(path), sha256=sha256_of(path))


@pytest.mark.parametrize('sha256', ['', '0' * 64])
def test_yunet_is_not_loaded_without_its_checksum(sha256: str, tmp_path: Path) -> None:
    path = tmp_path / 'yunet.onnx'
    path.write_bytes(b'any')
    with pytest.raises(AffectError, match=f"sha256 is {sha256_of(path)}, .*'detector_sha256'"):
        make_detector('yunet', model=str(path), sha256=sha256)
