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
"""Orientations of heads, from projected landmarks of known orientations."""

from functools import partial
import math

from face_affect_ros.affect.detectors import make_detector
from face_affect_ros.affect.orientation import (
    FACING,
    head_pose,
    LANDMARK_SPREAD,
    MEAN_FACES,
    OrientationSmoother,
)
from face_affect_ros.affect.position import Camera, locate
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

K = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
SIZE = {'width': 640, 'height': 480}
AHEAD = (0.0, 0.0, 1.0)


def camera(**changes: object) -> Camera:
    """Return a camera without distortion."""
    return Camera(**{'matrix': K, 'distortion': np.zeros(5), 'model': 'plumb_bob', 'width': 640,
                     'height': 480, **changes})


def turned(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Return a head's rotation: degrees to the image's right, down, and clockwise as seen."""
    turn = Rotation.from_euler('YXZ', [-yaw, pitch, roll], degrees=True).as_matrix()
    return turn @ FACING


def seen(rotation: np.ndarray, place: tuple[float, float, float] = AHEAD,
         focal: float = 500.0) -> np.ndarray:
    """Return the landmarks of a mean face in an image of 640x480, (4, 2) float32."""
    points = MEAN_FACES['lips'] @ rotation.T + place
    return np.float32(points[:, :2] / points[:, 2:] * focal + K[:2, 2])


def between(one: np.ndarray, other: np.ndarray) -> float:
    """Return the angle between two rotations in degrees."""
    return math.degrees(Rotation.from_matrix(one @ other.T).magnitude())


def test_a_head_that_faces_the_camera_has_the_axes_of_rep_155() -> None:
    sight = head_pose(seen(turned()), camera(), **SIZE)
    # In the optical frame (x right, y down, z away): x out of the face, y to its left, z up.
    np.testing.assert_allclose(sight.rotation.T, [[0, 0, -1], [1, 0, 0], [0, -1, 0]], atol=1e-3)
    assert sight.orientation.facing_angle == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize(('turn', 'axis'), [
    ({'yaw': 40.0}, [math.sin(math.radians(40)), 0, -math.cos(math.radians(40))]),
    ({'pitch': 30.0}, [0, math.sin(math.radians(30)), -math.cos(math.radians(30))]),
    ({'roll': 80.0}, [0, 0, -1])])
def test_the_face_points_to_where_it_is_turned(turn: dict[str, float], axis: list[float]) -> None:
    rotation = turned(**turn)
    np.testing.assert_allclose(rotation[:, 0], axis, atol=1e-9)
    sight = head_pose(seen(rotation), camera(), **SIZE)
    assert between(sight.rotation, rotation) < 7.0   # the prior reduces the angle
    assert sight.rotation[:, 0] @ axis > 0.99
    expected = 0.0 if 'roll' in turn else next(iter(turn.values()))
    assert math.degrees(sight.orientation.facing_angle) == pytest.approx(expected, abs=7.0)


@pytest.mark.parametrize('yaw', [-60.0, -30.0, 0.0, 30.0, 60.0])
@pytest.mark.parametrize('pitch', [-30.0, 0.0, 30.0])
@pytest.mark.parametrize('roll', [-160.0, -45.0, 0.0, 45.0, 90.0])
def test_projected_orientations_are_estimated(yaw: float, pitch: float, roll: float) -> None:
    rotation = turned(yaw, pitch, roll)
    assert between(head_pose(seen(rotation), camera(), **SIZE).rotation, rotation) < 9.0


def test_the_facing_angle_of_a_face_at_the_edge_of_the_view() -> None:
    place = (0.6, 0.0, 1.0)
    aside = math.degrees(math.atan2(0.6, 1.0))
    ahead = head_pose(seen(turned(), place), camera(), **SIZE)
    assert between(ahead.rotation, turned()) < 3.0
    assert math.degrees(ahead.orientation.facing_angle) == pytest.approx(aside, abs=3.0)
    there = head_pose(seen(turned(yaw=-aside), place), camera(), **SIZE)
    assert math.degrees(there.orientation.facing_angle) < 2.0


def test_without_a_calibration_the_facing_angle_is_kept_and_the_covariance_is_larger() -> None:
    landmarks = seen(turned(yaw=-10.0), (0.5, 0.1, 1.0))
    known = head_pose(landmarks, camera(), **SIZE)
    for unusable in (None, camera(matrix=np.zeros((3, 3))), camera(height=640)):
        assumed = head_pose(landmarks, unusable, **SIZE)
        assert assumed.orientation.facing_angle == pytest.approx(
            known.orientation.facing_angle, abs=math.radians(2.0))
        extra = assumed.covariance - known.covariance
        assert extra[1, 1] > math.radians(5.0) ** 2   # the face is at the side: about y
        turn = Rotation.from_matrix(assumed.rotation @ known.rotation.T).as_rotvec()
        assert abs(turn[1]) < 2.0 * math.sqrt(assumed.covariance[1, 1])


@pytest.mark.parametrize('row', range(4))
def test_an_unknown_landmark_leaves_the_orientation_unknown(row: int) -> None:
    landmarks = seen(turned())
    landmarks[row] = np.nan
    assert head_pose(landmarks, camera(), **SIZE) is None


def test_landmarks_in_one_point_have_no_orientation() -> None:
    assert head_pose(np.full((4, 2), 100.0, np.float32), camera(), **SIZE) is None
    assert head_pose(np.full((4, 2), 100.0, np.float32), None, **SIZE) is None


@pytest.mark.parametrize('apart', [0.0, 1e-4, 1e-3, 0.01, 0.03, 0.1, 0.4, 0.6, 2.0])
@pytest.mark.parametrize('calibrated', [True, False])
def test_eyes_in_almost_one_point_are_unknown_or_finite(apart: float, calibrated: bool) -> None:
    """As in the images of some profiles; the other faces of the image must not be lost."""
    rng = np.random.default_rng(2)
    for angle in rng.uniform(0.0, 2 * np.pi, 40):
        eye = rng.uniform(100.0, 400.0, 2)
        points = np.float32([eye, eye + apart * np.array([np.cos(angle), np.sin(angle)]),
                             eye + rng.uniform(10, 25, 2), eye + rng.uniform([5, 20], [20, 40])])
        sight = head_pose(points, camera() if calibrated else None, **SIZE)
        place = locate(points, camera(), **SIZE, orientation=sight and sight.orientation)
        assert (sight is not None) is (place is not None) is (apart > 0.5)
        if sight is not None:
            assert np.isfinite(sight.rotation).all() and np.isfinite(sight.covariance).all()
            assert np.isfinite(place.point).all() and np.isfinite(place.covariance).all()


def test_the_covariance_is_that_of_the_errors() -> None:
    rng = np.random.default_rng(5)
    shares = []
    for _ in range(400):
        rotation = turned(*rng.normal(size=3) * [25.0, 12.0, 10.0])
        place = np.array([rng.uniform(-0.4, 0.4), rng.uniform(-0.3, 0.3), 1.0])
        noise = rng.normal(size=(4, 2)) * 500 * LANDMARK_SPREAD[:, np.newaxis]
        sight = head_pose(np.float32(seen(rotation, tuple(place)) + noise), camera(), **SIZE)
        error = Rotation.from_matrix(sight.rotation @ rotation.T).as_rotvec()
        shares.append(error @ np.linalg.solve(sight.covariance, error))
    # Chi-square with three degrees of freedom has mean 3 and 80 % below 4.64. The values are
    # lower, because the covariance includes larger errors of detectors for turned faces.
    assert 1.2 < np.mean(shares) < 3.2
    assert 0.8 < np.mean(np.array(shares) < 4.64) < 0.98


def test_small_and_unusual_faces_have_a_larger_covariance() -> None:
    near, far = (head_pose(seen(turned(), (0, 0, z)), camera(), **SIZE) for z in (0.5, 6.0))
    assert np.trace(far.covariance) > 2.0 * np.trace(near.covariance)
    strange = seen(turned())
    strange[2, 1] -= 40.0   # a nose above the eyes
    odd = head_pose(strange, camera(), **SIZE)
    assert np.trace(odd.covariance) > 2.0 * np.trace(near.covariance)


def test_smoothing_depends_on_time_and_keeps_the_covariance() -> None:
    sights = [head_pose(seen(turned(yaw)), camera(), **SIZE) for yaw in (0.0, 40.0)]
    full = between(sights[1].rotation, sights[0].rotation)
    smooth = partial(OrientationSmoother(), time_constant=0.2)
    first = smooth(sights[0], 1.0)
    np.testing.assert_allclose(first.rotation, sights[0].rotation)
    np.testing.assert_allclose(first.covariance, sights[0].covariance)
    second = smooth(sights[1], 1.2)
    share = 1.0 - math.exp(-1.0)
    assert between(second.rotation, first.rotation) == pytest.approx(share * full, abs=0.1)
    assert math.degrees(second.facing_angle) == pytest.approx(share * full, abs=0.5)
    np.testing.assert_allclose(second.covariance, sights[0].covariance + share * (
        sights[1].covariance - sights[0].covariance))
    for stamp in np.arange(1.4, 4.0, 0.2):
        last = smooth(sights[1], stamp)
    assert between(last.rotation, sights[1].rotation) < 0.1


def test_no_time_constant_is_no_smoothing() -> None:
    smooth = partial(OrientationSmoother(), time_constant=0.0)
    for yaw in (0.0, 40.0):
        sight = head_pose(seen(turned(yaw)), camera(), **SIZE)
        np.testing.assert_allclose(smooth(sight, 1.0).rotation, sight.rotation)


@pytest.mark.parametrize('place', [(0.0, 0.0, 1.0), (0.5, -0.2, 1.5)])
def test_the_distance_of_a_head_that_is_turned_away_is_right(
        place: tuple[float, float, float]) -> None:
    landmarks = seen(turned(yaw=45.0), place)
    orientation = head_pose(landmarks, camera(), **SIZE).orientation
    naive = locate(landmarks, camera(), **SIZE)
    position = locate(landmarks, camera(), **SIZE, orientation=orientation)
    assert abs(naive.point[2] / place[2] - 1.0) > 0.1
    assert position.point[2] == pytest.approx(place[2], rel=0.06)
    assert position.covariance[2, 2] > naive.covariance[2, 2] / 2.0


def test_each_detector_has_the_mean_face_of_its_landmarks() -> None:
    assert [make_detector(name).mouth for name in ('face_residual_fpn', 'blazeface_back')] == [
        'corners', 'lips']
    rotation = turned(20.0, 10.0)
    points = MEAN_FACES['corners'] @ rotation.T + AHEAD
    landmarks = np.float32(points[:, :2] / points[:, 2:] * 500.0 + K[:2, 2])
    right = head_pose(landmarks, camera(), **SIZE, face=MEAN_FACES['corners'])
    wrong = head_pose(landmarks, camera(), **SIZE)
    assert between(right.rotation, rotation) < 3.0
    assert between(wrong.rotation, rotation) > between(right.rotation, rotation) + 3.0
