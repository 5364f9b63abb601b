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

"""Positions from a depth image that is registered to the image."""

from face_affect_ros.affect.position import Camera, locate_in_depth
import numpy as np
import pytest

K = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
CAMERA = Camera(matrix=K, distortion=np.zeros(5), model='plumb_bob', width=640, height=480)
BOX = np.float32([370, 200, 100, 120])
#: Between the eyes: 100 px right of and 10 px above the image's centre.
LANDMARKS = np.float32([[400, 230], [440, 230], [420, 255], [420, 285]])


def depth_of(face: float, background: float = 5.0, scale: int = 1) -> np.ndarray:
    """Return a depth image, metres, with the face's box in front of a wall."""
    depth = np.full((480 // scale, 640 // scale), background, np.float32)
    depth[200 // scale:320 // scale, 370 // scale:470 // scale] = face
    return depth


def locate(depth: np.ndarray, **changes: object) -> object:
    """Locate the face in it."""
    return locate_in_depth(**{'box': BOX, 'landmarks': LANDMARKS, 'depth': depth,
                              'camera': CAMERA, 'width': 640, 'height': 480, **changes})


@pytest.mark.parametrize('scale', [1, 2])
def test_the_point_between_the_eyes_at_the_depth_of_the_face(scale: int) -> None:
    position = locate(depth_of(1.5, scale=scale))
    np.testing.assert_allclose(position.point, [100 / 500 * 1.5, -10 / 500 * 1.5, 1.5], rtol=1e-5)
    assert 0.02 <= np.sqrt(position.covariance[2, 2]) < 0.04
    assert (np.linalg.eigvalsh(position.covariance) > 0).all()


def test_pixels_without_depth_and_of_the_background_are_ignored() -> None:
    depth = depth_of(2.0)
    depth[:, 400:420] = 0.0
    depth[240:250] = np.nan
    depth[250:255] = np.inf
    depth[230:290, 436:440] = 5.0
    assert locate(depth).point[2] == pytest.approx(2.0)


def test_a_noisy_depth_has_a_larger_covariance() -> None:
    rough = depth_of(2.0) + np.random.default_rng(1).normal(0, 0.2, (480, 640)).astype(np.float32)
    assert locate(rough).covariance[2, 2] > 10 * locate(depth_of(2.0)).covariance[2, 2]


def test_without_depth_there_is_no_position() -> None:
    assert locate(depth_of(0.0)) is None
    assert locate(np.full((480, 640), np.nan, np.float32)) is None
    assert locate(depth_of(1.0), box=np.float32([900, 900, 50, 50])) is None
    assert locate(depth_of(1.0), width=640, height=640) is None   # not the calibrated image


def test_without_eyes_the_middle_of_the_box_is_located() -> None:
    position = locate(depth_of(1.0), landmarks=np.full((4, 2), np.nan, np.float32))
    np.testing.assert_allclose(position.point, [(420 - 320) / 500, (260 - 240) / 500, 1.0],
                               rtol=1e-5)
