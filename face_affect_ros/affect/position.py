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

"""The position of a face, from the distance between its eyes or from a depth image."""

from dataclasses import dataclass
import re
from typing import Any

import cv2
from face_affect_ros.affect.types import (
    AffectError,
    FloatArray,
    LEFT_EYE,
    Orientation,
    Position,
    RIGHT_EYE,
)
import numpy as np
import numpy.typing as npt

Array64 = npt.NDArray[np.float64]

#: Mean distance of adults' pupils and its standard deviation, metres (Dodgson 2004, ANSUR).
EYE_DISTANCE, EYE_DISTANCE_SPREAD = 0.0634, 0.0038
#: Standard deviation of a detector's eye distance, as a fraction of it.
LANDMARK_SPREAD = 0.06
#: Smallest distance between the eyes, pixels; below it, its direction and size are only noise.
MIN_EYE_PIXELS = 0.5
#: Standard deviation of the cosine of the yaw where the orientation is unknown, up to 30 degrees.
YAW_SPREAD = 0.05
#: Fraction of the box, in width and height, whose depths are used: cheeks, nose and eyes.
DEPTH_PART = 0.4
#: Smallest number of pixels with a depth.
MIN_DEPTHS = 10
#: Standard deviation of the difference between the depths of the eyes and the face, metres.
FACE_DEPTH = 0.02
#: Depth noise of structured light and stereo at 1 m, metres; it grows with the square of the
#: distance (Khoshelham and Elberink 2012).
DEPTH_NOISE = 0.003
#: Distortion models of CameraInfo for a fisheye lens, by all their names, and of other software
#: that OpenCV does not have. Any other name is that of plumb_bob or rational_polynomial.
FISHEYE = ('equidistant', 'equi', 'fisheye', 'kannala_brandt', 'kannala_brandt4', 'kb4')
UNSUPPORTED = ('omni', 'mei', 'unified', 'ds', 'double_sphere', 'eucm', 'fov', 'scaramuzza')
#: Numbers of distortion coefficients that OpenCV takes, of a fisheye lens and of any other.
FISHEYE_COEFFICIENTS, COEFFICIENTS = (0, 4), (0, 4, 5, 8, 12, 14)
#: OpenCV iterates until rays are exact: end of the iteration, and largest error of a ray that is
#: used, pixels of the calibrated image. Pixels that no ray is projected to have larger ones.
CRITERIA = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-8)
EXACT = 0.5


@dataclass(frozen=True, eq=False)
class Camera:
    """
    A camera's calibration, as in sensor_msgs/CameraInfo or as OpenCV returns it.

    Attributes:
        matrix: (3, 3) float64, K; converted from the 9 numbers of a message.
        distortion: (N,) float64, D, may be empty; converted from a list or (1, N).
        model: Distortion model as in sensor_msgs/CameraInfo: 'plumb_bob', 'rational_polynomial'
            or 'equidistant'.
        width: Width of the calibrated image, pixels.
        height: Height of the calibrated image, pixels.

    Raises:
        AffectError: The matrix or the distortion has another size or type.
    """

    matrix: Array64
    distortion: Array64
    model: str
    width: int
    height: int

    def __post_init__(self) -> None:
        """Convert the arrays."""
        try:
            matrix = np.asarray(self.matrix, np.float64).reshape(3, 3)
            distortion = np.asarray(self.distortion, np.float64).ravel()
        except (TypeError, ValueError) as error:
            raise AffectError(f'the calibration is not valid: {error}; pass K as (3, 3) or 9 '
                              'numbers, and D as a list of numbers') from error
        object.__setattr__(self, 'matrix', matrix)
        object.__setattr__(self, 'distortion', distortion)

    @property
    def calibrated(self) -> bool:
        """Whether there is a calibration; otherwise the focal lengths are zero."""
        return bool(self.matrix[:2, :2].any())

    def problem(self, width: int, height: int) -> str:
        """Return why the calibration cannot be used for images of this size, '' if it can."""
        counts = FISHEYE_COEFFICIENTS if self._fisheye else COEFFICIENTS
        if not (np.isfinite(self.matrix).all() and np.isfinite(self.distortion).all()
                and self.matrix[0, 0] > 0.0 and self.matrix[1, 1] > 0.0):
            return 'the focal lengths in K are not positive, or K or D is not finite'
        if self.model.lower() in UNSUPPORTED:
            return (f"the distortion model '{self.model}' is not supported; calibrate with "
                    'plumb_bob, rational_polynomial or equidistant')
        if len(self._coefficients) not in counts:
            return (f"D has {self.distortion.size} coefficients, which the distortion model "
                    f"'{self.model}' does not have")
        if not self.width or abs(height - self.height * width / self.width) > 1.0:
            return (f'it is for images of {self.width}x{self.height}; images of '
                    f'{width}x{height} have another aspect ratio')
        return ''

    def rays(self, points: FloatArray, width: int, height: int) -> Array64 | None:
        """
        Return x/z, y/z of the rays through pixels (N, 2) of an image, (N, 2) float64.

        The image may be scaled. None if there is a `problem`, or a pixel cannot be undistorted.
        """
        if self.problem(width, height):
            return None
        seen = np.asarray(points, np.float64).reshape(-1, 1, 2) / (width / self.width)
        distortion = self._coefficients if self.distortion.size else np.zeros(4)
        still, solid = np.zeros(3), np.ones((len(seen), 1, 3))
        if self._fisheye:
            solid[..., :2] = cv2.fisheye.undistortPoints(seen, self.matrix, distortion)
            shown, _ = cv2.fisheye.projectPoints(solid, still, still, self.matrix, distortion)
        else:   # undistortPoints of OpenCV 4 has no criteria
            undistort = getattr(cv2, 'undistortPointsIter', cv2.undistortPoints)
            solid[..., :2] = undistort(seen, self.matrix, distortion, R=None, P=None,
                                       criteria=CRITERIA)
            shown, _ = cv2.projectPoints(solid, still, still, self.matrix, distortion)
        return solid[:, 0, :2] if (np.abs(shown - seen) < EXACT).all() else None   # not for NaN

    @property
    def _fisheye(self) -> bool:
        return self.model.lower() in FISHEYE

    @property
    def _coefficients(self) -> Array64:
        """D without the zeros that some drivers of fisheye lenses append to its four."""
        extra = self._fisheye and not self.distortion[4:].any()
        return self.distortion[:4] if extra else self.distortion


def camera_of(info: Any, *, rectified: bool = False) -> Camera:
    """
    Return the calibration in a sensor_msgs/CameraInfo.

    Args:
        info: Message of rclpy or of rosbags; the image is its region of interest, if it has one.
        rectified: Whether the image is rectified, so that P is used instead of K and D; K alone
            if P is zero.
    """
    matrix = (np.array(info.p, np.float64).reshape(3, 4)[:, :3] if rectified and np.any(info.p)
              else np.array(info.k, np.float64).reshape(3, 3))
    width, height, window = info.width, info.height, info.roi
    if window.width and window.height:
        matrix[:2, 2] -= window.x_offset, window.y_offset
        width, height = window.width, window.height
    # rectified images are those of a pinhole camera, whatever the lens
    model, distortion = ('plumb_bob', []) if rectified else (info.distortion_model, info.d)
    return Camera(matrix=matrix, model=model, width=width, height=height,
                  distortion=np.asarray(distortion, np.float64))


def rectified_twice(topic: str, camera: Camera) -> bool:
    """Return whether a topic has the name of rectified images, but the camera has distortion."""
    return bool(re.search('[/_]rect(ified)?(?![a-z])', topic) and camera.distortion.any())


def locate(landmarks: FloatArray, camera: Camera, *, width: int, height: int,
           orientation: Orientation | None = None) -> Position | None:
    """
    Locate the point between the eyes in the camera's optical frame.

    The distance is that of an adult; children, whose eyes are closer together, seem further away.

    Args:
        landmarks: (4, 2) in pixels, rows as in types.LANDMARKS.
        camera: Calibration.
        width: Width of the image, pixels.
        height: Height of the image, pixels.
        orientation: Orientation of the head, from which the foreshortening is computed.

    Returns:
        None if an eye is unknown, the eyes coincide, or the calibration does not fit the image.
    """
    eyes = landmarks[[RIGHT_EYE, LEFT_EYE]]
    known = np.linalg.norm(eyes[1] - eyes[0]) >= MIN_EYE_PIXELS   # false for NaN
    rays = camera.rays(eyes, width, height) if known and np.isfinite(eyes).all() else None
    if rays is None:
        return None
    apart = float(np.linalg.norm(rays[1] - rays[0]))
    if apart <= 0.0:
        return None
    ray = np.append(rays.mean(axis=0), 1.0)
    share, unsure = (1.0, YAW_SPREAD) if orientation is None else _foreshortened(orientation, ray)
    spread = np.hypot(np.hypot(EYE_DISTANCE_SPREAD / EYE_DISTANCE, LANDMARK_SPREAD), unsure)
    return _along(share * EYE_DISTANCE / apart * ray, spread)


def _along(point: Array64, spread: float) -> Position:
    """Return a position; spread: standard deviation along the ray, as a fraction of it."""
    across = (LANDMARK_SPREAD * EYE_DISTANCE) ** 2 * np.eye(3)   # of the landmarks
    return Position(point, spread**2 * np.outer(point, point) + across)


def _foreshortened(orientation: Orientation, ray: Array64) -> tuple[float, float]:
    """
    Return the foreshortening of the line between the eyes, and its relative standard deviation.

    ray: (3,), through the point between the eyes.
    """
    eyes = orientation.rotation[:, 1]
    seen = eyes[:2] - ray[:2] * eyes[2]
    share = float(np.linalg.norm(seen))
    along = seen / share
    gradient = np.cross(eyes, np.append(along, -along @ ray[:2]))   # by small rotations
    return share, float(np.sqrt(gradient @ orientation.covariance @ gradient)) / share


def locate_in_depth(box: FloatArray, landmarks: FloatArray, depth: FloatArray, camera: Camera, *,
                    width: int, height: int) -> Position | None:
    """
    Locate the point between the eyes by a depth image that is registered to the colour image.

    Args:
        box: (4,) in pixels of the colour image.
        landmarks: (4, 2) in pixels of the colour image, rows as in types.LANDMARKS.
        depth: (h, w) float32, metres along the optical axis; 0, infinite or NaN where unknown; of
            any size with the aspect ratio of the colour image.
        camera: Calibration.
        width: Width of the colour image, pixels.
        height: Height of the colour image, pixels.

    Returns:
        None if the centre of the face has no depth, or the calibration does not fit.
    """
    rows, columns = depth.shape
    scale = np.array([columns / width, rows / height], np.float32)
    middle, half = box[:2] + box[2:] / 2, box[2:] * DEPTH_PART / 2
    left, top = np.clip(np.floor((middle - half) * scale), 0, [columns, rows]).astype(int)
    right, bottom = np.clip(np.ceil((middle + half) * scale), 0, [columns, rows]).astype(int)
    seen = depth[top:bottom, left:right]
    seen = seen[np.isfinite(seen) & (seen > 0.0)]
    eyes = landmarks[[RIGHT_EYE, LEFT_EYE]].mean(axis=0)
    place = np.asarray(eyes if np.isfinite(eyes).all() else middle, np.float32)
    rays = camera.rays(place, width, height)
    if rays is None or len(seen) < MIN_DEPTHS:
        return None
    distance = float(np.median(seen))
    spread = 1.4826 * float(np.median(np.abs(seen - distance)))   # as of a normal distribution
    along = np.hypot(np.hypot(spread, FACE_DEPTH), DEPTH_NOISE * distance**2)
    return _along(distance * np.append(rays[0], 1.0), along / distance)
