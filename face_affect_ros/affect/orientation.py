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

"""The orientation of a head: the pose of a mean face, fitted to its four landmarks."""

from dataclasses import dataclass, replace
import math

import cv2
from face_affect_ros.affect.position import Array64, Camera, EYE_DISTANCE, MIN_EYE_PIXELS
from face_affect_ros.affect.types import (
    Face,
    FloatArray,
    LEFT_EYE,
    Orientation,
    Position,
    RIGHT_EYE,
)
import numpy as np

EYES = [[0.0, -EYE_DISTANCE / 2, 0.0], [0.0, EYE_DISTANCE / 2, 0.0]]
#: Mean faces by the landmark of the mouth, see Detector.mouth: rows as in types.LANDMARKS, metres
#: from the point between the eyes, x out of the face, y to its left, z up. Fitted as in
#: docs/orientation.md; the noses are shorter than real ones, because detectors underestimate
#: the shift of the landmarks of faces that are turned away.
MEAN_FACES = {'lips': np.array([*EYES, [0.031, 0.0, -0.031], [0.017, 0.0, -0.062]]),
              'corners': np.array([*EYES, [0.020, 0.0, -0.033], [0.0, 0.0, -0.062]])}
#: Standard deviation of each landmark in the image, metres at the face: the differences of people
#: from the mean face and the errors of the detector.
LANDMARK_SPREAD = np.array([0.005, 0.005, 0.005, 0.0055])
#: Facing angle at which the errors are twice as large, radians.
TWICE_AT = math.radians(60.0)
#: Standard deviation of each landmark for small faces, pixels.
PIXEL_SPREAD = 0.5
#: Standard deviation of heads from facing the camera, about its x, y and z axes: pitch, yaw, and
#: the roll that is left after the eyes were made level, radians.
PRIOR = np.radians([30.0, 50.0, 15.0])
#: Rotation of a face that faces the camera: its axes in the camera's frame as columns.
FACING = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, -1.0], [-1.0, 0.0, 0.0]])
#: Gauss-Newton: number of steps, size at which it ends, and largest size, radians.
STEPS, LAST_STEP, MAX_STEP = 20, 1e-4, 0.5
#: Field of view along the longer side of the image where there is no calibration, radians, and
#: the standard deviation of its focal length as a fraction of it.
ASSUMED_VIEW, ASSUMED_SPREAD = math.radians(60.0), 0.25


@dataclass(frozen=True)
class HeadPose:
    """As Orientation; line (3,): unit vector from the camera to the point between the eyes."""

    rotation: Array64
    covariance: Array64
    line: Array64

    @property
    def orientation(self) -> Orientation:
        """The orientation with its facing angle."""
        cosine = float(np.clip(-self.rotation[:, 0] @ self.line, -1.0, 1.0))
        return Orientation(self.rotation.copy(), self.covariance.copy(), math.acos(cosine))


def head_pose(landmarks: FloatArray, camera: Camera | None, *, width: int, height: int,
              face: Array64 = MEAN_FACES['lips']) -> HeadPose | None:
    """
    Estimate the pose of a head.

    This is the maximum a posteriori of perspective-n-point under normal errors of the landmarks
    and a prior that heads face the camera, by Gauss-Newton.

    Args:
        landmarks: (4, 2) in pixels, rows as in types.LANDMARKS.
        camera: Calibration; without one that fits, a field of view is assumed, which affects the
            axes more than the facing angle.
        width: Width of the image, pixels.
        height: Height of the image, pixels.
        face: Mean face (4, 3), see MEAN_FACES.

    Returns:
        None if a landmark is unknown, or the eyes coincide.
    """
    if not np.isfinite(landmarks).all():
        return None
    rays = camera.rays(landmarks, width, height) if camera and camera.calibrated else None
    spread = 0.0 if rays is not None else ASSUMED_SPREAD
    if rays is None:
        focal = max(width, height) / 2.0 / math.tan(ASSUMED_VIEW / 2.0)
        middle = np.array([(width - 1) / 2.0, (height - 1) / 2.0])
        rays = (landmarks.astype(np.float64) - middle) / focal
    directions = np.column_stack([rays, np.ones(len(rays))])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    line = directions[RIGHT_EYE] + directions[LEFT_EYE]
    line /= np.linalg.norm(line)
    across = directions[LEFT_EYE] - directions[RIGHT_EYE]
    across -= (across @ line) * line
    apart = float(np.linalg.norm(across))
    pixels = float(np.linalg.norm(landmarks[LEFT_EYE] - landmarks[RIGHT_EYE]))
    if not (apart > 0.0 and pixels >= MIN_EYE_PIXELS):
        return None
    across /= apart
    # The axes of a camera that points at the face, with its eyes level.
    level = np.stack([across, np.cross(line, across), line])
    seen = directions @ level.T
    if not (seen[:, 2] > 0.0).all():
        return None
    sigma = np.hypot(LANDMARK_SPREAD, PIXEL_SPREAD * EYE_DISTANCE / pixels)
    rotation, covariance = _fit(seen[:, :2] / seen[:, 2:], face, EYE_DISTANCE / apart, sigma)
    pose = HeadPose(level.T @ rotation @ FACING, level.T @ covariance @ level, line)
    growth = (1.0 + (pose.orientation.facing_angle / TWICE_AT) ** 2) ** 2
    # An error of the focal length rotates the line of sight and with it the face.
    aside = spread * line[2] * np.cross([0.0, 0.0, 1.0], line)
    return replace(pose, covariance=growth * pose.covariance + np.outer(aside, aside))


def _fit(seen: Array64, face: Array64, distance: float,
         sigma: Array64) -> tuple[Array64, Array64]:
    """
    Return the rotation from a face that faces the camera, and its covariance, both (3, 3).

    seen: (4, 2), x/z and y/z of the landmarks. face: mean face. distance: approximate, metres.
    sigma: (4,), standard deviations of the landmarks, metres.
    """
    model = face @ FACING.T
    rotation = identity = np.eye(3)
    turn = no_turn = np.zeros(3)
    place = np.array([0.0, 0.0, distance])
    jacobian = np.zeros((2 * len(face) + 3, 6))
    errors = np.zeros(len(jacobian))
    jacobian[-3:, :3] = np.diag(1.0 / PRIOR)
    for _ in range(STEPS):
        # The first six columns of the Jacobian are those of rotation and translation.
        shown, change = cv2.projectPoints(model @ rotation.T, no_turn, place, identity, None)
        weights = np.repeat(place[2] / sigma, 2)
        errors[:-3] = weights * (shown[:, 0] - seen).ravel()
        errors[-3:] = turn / PRIOR
        jacobian[:-3] = weights[:, np.newaxis] * change[:, :6]
        information = jacobian.T @ jacobian
        step = np.asarray(-np.linalg.solve(information, jacobian.T @ errors), np.float64)
        size = float(np.abs(step[:3]).max())
        step *= min(1.0, MAX_STEP / max(size, LAST_STEP))
        rotation = _rotated(rotation, step[:3])
        turn = _vector(rotation)
        place = place + step[3:]
        place[2] = max(place[2], distance / 4.0)
        if size < LAST_STEP:
            break
    # Eleven equations, six unknowns: an unusual face has larger residuals than expected.
    excess = max(1.0, float(errors @ errors) / (len(errors) - 6))
    covariance = excess * np.linalg.inv(information)[:3, :3]
    return rotation, np.asarray(covariance, np.float64)


def _rotated(rotation: Array64, turn: Array64) -> Array64:
    """Return a rotation followed by a rotation vector."""
    return np.asarray(cv2.Rodrigues(turn)[0] @ rotation, np.float64)


def _vector(rotation: Array64) -> Array64:
    """Return the rotation vector of a rotation."""
    return np.asarray(cv2.Rodrigues(rotation)[0][:, 0], np.float64)


def axes_of(face: Face, position: Position) -> Array64:
    """
    Return a face's x, y and z axes in the camera's optical frame as columns, (3, 3).

    If its orientation is unknown, x points to the camera, and the line through the eyes is
    level in the face.
    """
    if face.orientation is not None:
        return face.orientation.rotation
    forward = -position.point / np.linalg.norm(position.point)
    eyes = face.landmarks[LEFT_EYE] - face.landmarks[RIGHT_EYE]
    left = np.append(eyes, 0.0) if np.isfinite(eyes).all() and eyes.any() else np.eye(3)[0]
    left = left - (left @ forward) * forward
    left = left / np.linalg.norm(left)
    return np.column_stack([forward, left, np.cross(forward, left)])


class OrientationSmoother:
    """
    Exponential average of the orientation of a head over its track.

    It does not reduce the covariance: most of the error, such as the difference of the face from
    the mean one, is the same in all images.
    """

    def __init__(self) -> None:
        self._mean: HeadPose | None = None
        self._stamp = 0.0

    def __call__(self, pose: HeadPose, stamp: float, *, time_constant: float) -> Orientation:
        """
        Add the pose in one image; return the smoothed orientation.

        stamp: time of the image. time_constant: see Smoother. Both in seconds.
        """
        if self._mean is not None and time_constant > 0.0:
            weight = 1.0 - math.exp(-max(0.0, stamp - self._stamp) / time_constant)
            before = self._mean
            turn = _vector(pose.rotation @ before.rotation.T)
            pose = HeadPose(_rotated(before.rotation, weight * turn),
                            before.covariance + weight * (pose.covariance - before.covariance),
                            pose.line)
        self._mean, self._stamp = pose, stamp
        return pose.orientation
