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

"""Positions from the distance between the eyes, and from a depth image."""

import re
from typing import Any

import cv2
from face_affect_ros.affect.position import Camera, EYE_DISTANCE, locate, locate_in_depth
from face_affect_ros.affect.types import AffectError
import numpy as np
import pytest

K = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
BOX = np.float32([370, 200, 100, 120])
#: Between the eyes: 100 px right of and 10 px above the image's centre.
LANDMARKS = np.float32([[400, 230], [440, 230], [420, 255], [420, 285]])


def camera(**changes: object) -> Camera:
    """Return a camera without distortion."""
    return Camera(**{'matrix': K, 'distortion': np.zeros(5), 'model': 'plumb_bob', 'width': 640,
                     'height': 480, **changes})


def eyes_at(x: float, y: float, z: float, scale: float = 1.0) -> np.ndarray:
    """Return the landmarks of a face that looks at the camera, by the pinhole model."""
    points = np.full((4, 2), np.nan, np.float32)
    for row, side in enumerate((-0.5, 0.5)):
        points[row] = (500 * (x + side * EYE_DISTANCE) / z + 320, 500 * y / z + 240)
    return points * scale


def depth_of(face: float, background: float = 5.0, scale: int = 1) -> np.ndarray:
    """Return a depth image, metres, with the face's box in front of a wall."""
    depth = np.full((480 // scale, 640 // scale), background, np.float32)
    depth[200 // scale:320 // scale, 370 // scale:470 // scale] = face
    return depth


def in_depth(depth: np.ndarray, **changes: object) -> Any:
    """Locate the face in it."""
    return locate_in_depth(**{'box': BOX, 'landmarks': LANDMARKS, 'depth': depth,
                              'camera': camera(), 'width': 640, 'height': 480, **changes})


@pytest.mark.parametrize('place', [(0.0, 0.0, 1.0), (0.5, -0.3, 2.0), (-1.0, 0.2, 4.0)])
def test_an_average_adult_is_located(place: tuple[float, float, float]) -> None:
    position = locate(eyes_at(*place), camera(), width=640, height=480)
    np.testing.assert_allclose(position.point, place, atol=1e-3)


def test_the_uncertainty_is_along_the_ray_and_grows_with_the_distance() -> None:
    near, far = (locate(eyes_at(0, 0, z), camera(), width=640, height=480) for z in (1.0, 3.0))
    np.testing.assert_allclose(np.linalg.eigvalsh(near.covariance) > 0, True)
    assert np.sqrt(near.covariance[2, 2]) == pytest.approx(0.1, abs=0.03)
    assert np.sqrt(far.covariance[2, 2] / near.covariance[2, 2]) == pytest.approx(3.0, abs=0.01)
    assert near.covariance[2, 2] > 100 * near.covariance[0, 0]


def test_a_scaled_image_gives_the_same_position() -> None:
    position = locate(eyes_at(0.5, 0.0, 2.0, scale=0.5), camera(), width=320, height=240)
    np.testing.assert_allclose(position.point, (0.5, 0.0, 2.0), atol=2e-3)


@pytest.mark.parametrize('convert', [np.array, np.atleast_2d, list])
def test_a_calibration_may_be_that_of_a_message_or_of_opencv(convert: Any) -> None:
    """A message has K as 9 numbers; calibrateCamera returns D as (1, 5)."""
    distortion = [-0.2, 0.05, 0.001, 0.001, 0.0]
    points = np.float32([[100, 50], [420, 300]])
    given = camera(matrix=convert(K.ravel()), distortion=convert(distortion))
    wanted = camera(distortion=np.array(distortion))
    np.testing.assert_array_equal(given.rays(points, 640, 480), wanted.rays(points, 640, 480))


@pytest.mark.parametrize(('wrong', 'what'), [
    ({'matrix': np.zeros((3, 4))}, 'size 12'),   # P instead of K
    ({'matrix': {}}, 'dict'), ({'distortion': 'plumb_bob'}, 'plumb_bob')])
def test_a_calibration_of_another_kind_is_refused(wrong: Any, what: str) -> None:
    with pytest.raises(AffectError, match=f'the calibration is not valid: .*{what}.*; pass K as'):
        camera(**wrong)


@pytest.mark.parametrize(('model', 'distortion'), [
    ('plumb_bob', [-0.2, 0.05, 0.001, 0.001, 0.0]),
    ('rational_polynomial', [-0.2, 0.05, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
    ('equidistant', [0.05, 0.01, 0.0, 0.0]),
    ('equi', [0.05, 0.01, 0.0, 0.0]),   # of Kalibr
    ('KANNALA_BRANDT4', [0.05, 0.01, 0.0, 0.0]),
    ('radtan', [-0.2, 0.05, 0.001, 0.001]),
])
def test_rays_are_undistorted(model: str, distortion: list[float]) -> None:
    ideal = np.array([[[0.3, 0.2]], [[0.33, 0.2]]])
    solid = np.concatenate([ideal, np.ones((2, 1, 1))], axis=2) * 2.0
    project = (cv2.fisheye.projectPoints if model.startswith(('equi', 'KANN')) else
               cv2.projectPoints)
    seen = project(solid, np.zeros(3), np.zeros(3), K, np.array(distortion))[0].reshape(2, 2)
    rays = camera(model=model, distortion=np.array(distortion)).rays(seen, 640, 480)
    np.testing.assert_allclose(rays, ideal[:, 0], atol=1e-4)


@pytest.mark.parametrize(('model', 'focal', 'distortion'), [
    ('rational_polynomial', 252.0, [5.43, 3.6, -5e-5, 9.8e-5, 0.188, 5.76, 5.42, 0.98]),
    ('plumb_bob', 300.0, [-0.36, 0.15, 0.001, 0.0005, -0.03]),
    ('equidistant', 150.0, [-0.0085, 0.045, -0.042, 0.0079]),
])
def test_faces_at_the_edge_of_a_wide_lens_are_located(
        model: str, focal: float, distortion: list[float]) -> None:
    """The steps of OpenCV's undistortPoints do not suffice: it is wrong by up to 20 %."""
    place = np.array([1.2, 0.3, 1.0])
    matrix = np.array([[focal, 0.0, 320.0], [0.0, focal, 240.0], [0.0, 0.0, 1.0]])
    eyes = np.array([[place - [side, 0.0, 0.0]] for side in (EYE_DISTANCE / 2, -EYE_DISTANCE / 2)])
    project = cv2.fisheye.projectPoints if model == 'equidistant' else cv2.projectPoints
    seen, _ = project(eyes, np.zeros(3), np.zeros(3), matrix, np.array(distortion))
    landmarks = np.full((4, 2), np.nan)
    landmarks[:2] = seen[:, 0]
    lens = camera(matrix=matrix, model=model, distortion=np.array(distortion))
    position = locate(landmarks, lens, width=640, height=480)
    np.testing.assert_allclose(position.point, place, rtol=0.002)


@pytest.mark.parametrize(('changes', 'size', 'problem'), [
    ({'matrix': np.zeros((3, 3))}, (640, 480), 'focal lengths'),
    ({'matrix': np.diag([500.0, 0.0, 1.0])}, (640, 480), 'focal lengths'),
    ({'matrix': np.full((3, 3), np.nan)}, (640, 480), 'not finite'),
    ({'distortion': np.full(5, np.inf)}, (640, 480), 'not finite'),
    ({'distortion': np.ones(6)}, (640, 480), "6 coefficients, .* 'plumb_bob'"),
    ({'distortion': np.ones(5), 'model': 'equidistant'}, (640, 480), "5 coef.* 'equidistant'"),
    ({'model': 'Omni'}, (640, 480), "'Omni' is not supported; .* plumb_bob"),
    ({'width': 0}, (640, 480), 'for images of 0x480'),
    ({}, (640, 360), 'images of 640x360 have another aspect ratio'),
])
def test_an_unusable_calibration_gives_no_position(
        changes: dict[str, object], size: tuple[int, int], problem: str) -> None:
    assert re.search(problem, camera(**changes).problem(*size))
    depth = np.ones(size[::-1], np.float32)
    box = np.float32([300, 200, 60, 60])
    assert locate_in_depth(box, eyes_at(0, 0, 1), depth, camera(**changes), width=size[0],
                           height=size[1]) is None
    assert locate(eyes_at(0, 0, 1), camera(**changes), width=size[0], height=size[1]) is None


def test_a_pixel_that_cannot_be_undistorted_gives_no_position() -> None:
    """OpenCV returns a ray with coordinates of about a million."""
    lens = camera(model='equidistant', distortion=np.array([-0.3, 0.0, 0.0, 0.0]))
    corner = np.float32([[2, 2], [60, 2], [30, 20], [30, 40]])
    assert lens.problem(640, 480) == '' and lens.rays(corner, 640, 480) is None
    assert locate(corner, lens, width=640, height=480) is None
    assert locate_in_depth(np.float32([0, 0, 60, 60]), corner, np.ones((480, 640), np.float32),
                           lens, width=640, height=480) is None


@pytest.mark.parametrize(('model', 'distortion'), [
    ('plumb_bob', [-0.36, 0.15, 0.001, 0.0005, -0.03]),
    ('equidistant', [-0.0085, 0.045, -0.042, 0.0079]),   # beyond 90 degrees
])
def test_a_pixel_outside_of_the_range_of_the_lens_model_has_no_ray(
        model: str, distortion: list[float]) -> None:
    lens = camera(matrix=np.array([[150.0, 0.0, 320.0], [0.0, 150.0, 240.0], [0.0, 0.0, 1.0]]),
                  model=model, distortion=np.array(distortion))
    pixels = np.float32([[320, 240], [60, 60]])
    assert lens.rays(pixels[:1], 640, 480) is not None
    assert lens.rays(pixels[1:], 640, 480) is None and lens.rays(pixels, 640, 480) is None


def test_zeros_after_the_four_coefficients_of_a_fisheye_lens_are_ignored() -> None:
    """As realsense2_camera sends them."""
    four = np.array([0.05, 0.01, 0.0, 0.0])
    places = [locate(eyes_at(0.3, 0, 1), camera(model='equidistant', distortion=each), width=640,
                     height=480).point for each in (four, np.append(four, 0.0))]
    np.testing.assert_array_equal(*places)


def test_without_two_eyes_there_is_no_position() -> None:
    points = eyes_at(0, 0, 1)
    points[0] = np.nan
    assert locate(points, camera(), width=640, height=480) is None
    points[0] = points[1]
    assert locate(points, camera(), width=640, height=480) is None


@pytest.mark.parametrize('scale', [1, 2])
def test_the_point_between_the_eyes_at_the_depth_of_the_face(scale: int) -> None:
    position = in_depth(depth_of(1.5, scale=scale))
    np.testing.assert_allclose(position.point, [100 / 500 * 1.5, -10 / 500 * 1.5, 1.5], rtol=1e-5)
    assert 0.02 <= np.sqrt(position.covariance[2, 2]) < 0.04
    assert (np.linalg.eigvalsh(position.covariance) > 0).all()


def test_pixels_without_depth_and_of_the_background_are_ignored() -> None:
    depth = depth_of(2.0)
    depth[:, 400:420] = 0.0
    depth[240:250] = np.nan
    depth[250:255] = np.inf
    depth[230:290, 436:440] = 5.0
    assert in_depth(depth).point[2] == pytest.approx(2.0)


@pytest.mark.parametrize(('distance', 'spread'), [(1.0, 0.02), (4.0, 0.052)])
def test_the_noise_of_the_depth_grows_with_the_distance(distance: float, spread: float) -> None:
    covariance = in_depth(depth_of(distance)).covariance
    assert np.sqrt(covariance[2, 2]) == pytest.approx(spread, rel=0.05)


def test_a_noisy_depth_has_a_larger_covariance() -> None:
    rough = depth_of(2.0) + np.random.default_rng(1).normal(0, 0.2, (480, 640)).astype(np.float32)
    assert in_depth(rough).covariance[2, 2] > 10 * in_depth(depth_of(2.0)).covariance[2, 2]


def test_without_depth_there_is_no_position() -> None:
    assert in_depth(depth_of(0.0)) is None
    assert in_depth(np.full((480, 640), np.nan, np.float32)) is None
    assert in_depth(depth_of(1.0), box=np.float32([900, 900, 50, 50])) is None
    assert in_depth(depth_of(1.0), width=640, height=640) is None   # not the calibrated image


def test_without_eyes_the_middle_of_the_box_is_located() -> None:
    position = in_depth(depth_of(1.0), landmarks=np.full((4, 2), np.nan, np.float32))
    np.testing.assert_allclose(position.point, [(420 - 320) / 500, (260 - 240) / 500, 1.0],
                               rtol=1e-5)
