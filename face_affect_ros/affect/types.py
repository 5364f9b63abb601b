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

# flake8: noqa: A005
"""The value types of the pipeline."""

from collections.abc import Iterable
from dataclasses import dataclass, field
import difflib
from typing import Any

import numpy as np
import numpy.typing as npt

#: If a docstring does not state otherwise, boxes (N, 4) are x, y, width and height in pixels, and
#: landmarks (N, 4, 2) are x and y in pixels, rows as in LANDMARKS, NaN where unknown.
FloatArray = npt.NDArray[np.float32]
#: If a docstring does not state otherwise, an image is (H, W) grey or (H, W, 3) BGR.
ImageArray = npt.NDArray[np.uint8]

#: The order of FER-2013 (Goodfellow et al. 2013), used everywhere.
EMOTIONS = ('angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral')
GENDERS = ('woman', 'man')
LABELS = {'emotion': EMOTIONS, 'gender': GENDERS}
UNKNOWN = 'unknown'
#: Why a label is UNKNOWN: below the model's threshold, or a face that the model cannot classify.
UNSURE, NOT_A_FACE, TOO_SMALL = 'unsure', 'not_a_face', 'too_small'
TOO_TURNED, TOO_BLURRED = 'too_turned', 'too_blurred'
REASONS = (UNSURE, NOT_A_FACE, TOO_SMALL, TOO_TURNED, TOO_BLURRED)

#: Kinds of saliency maps, see affect.saliency.
MODES = ('guided', 'gradient', 'gradcam')

#: Rows of a landmark array. Left and right are from the person's point of view.
LANDMARKS = ('right_eye', 'left_eye', 'nose', 'mouth')
RIGHT_EYE, LEFT_EYE, NOSE, MOUTH = range(4)


def hint(word: str, words: Iterable[str]) -> str:
    """Return a suggestion of the most similar word, '' if none is similar."""
    close = difflib.get_close_matches(word, words, 1)
    return f"; did you mean '{close[0]}'?" if close else ''


class AffectError(Exception):
    """An error that the user can fix; the message names the cause and the remedy."""


@dataclass(frozen=True, eq=False)
class Detections:
    """The faces a detector found in one image, best first."""

    boxes: FloatArray   #: (N, 4), may extend beyond the image
    scores: FloatArray   #: (N,), in [0, 1]
    landmarks: FloatArray   #: (N, 4, 2)

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Any) -> 'Detections':
        return Detections(self.boxes[index], self.scores[index], self.landmarks[index])


@dataclass(frozen=True, eq=False)
class Estimate:
    """The result of one classifier head for one face, smoothed over its track."""

    label: str   #: one of the head's labels, or UNKNOWN if the confidence is below the threshold
    confidence: float   #: probability in [0, 1] of the label; for UNKNOWN, of the most probable
    probabilities: FloatArray   #: (K,) float32 that sum to 1, in the order of the head's labels
    reason: str = ''   #: why the label is UNKNOWN, one of REASONS; '' if it is not


@dataclass(frozen=True, eq=False)
class Position:
    """A point in the camera's optical frame: x right, y down, z forward."""

    point: npt.NDArray[np.float64]   #: (3,), metres
    covariance: npt.NDArray[np.float64]   #: (3, 3), square metres


@dataclass(frozen=True, eq=False)
class Orientation:
    """The orientation of a head."""

    #: (3, 3), columns are the face's axes in the camera's optical frame: x out of the face, y to
    #: the person's left, z up (REP-155).
    rotation: npt.NDArray[np.float64]
    #: (3, 3), square radians, of small rotations about the camera's axes.
    covariance: npt.NDArray[np.float64]
    #: Angle between the face's x axis and the line from the face to the camera, radians; 0 if the
    #: face is turned to the camera.
    facing_angle: float


@dataclass(frozen=True, eq=False)
class Face:
    """One tracked face of one frame."""

    #: Track id, which starts with a letter. It is not reused before the pipeline is restarted, and
    #: does not identify a person.
    id: str  # noqa: A003
    box: FloatArray   #: (4,), x, y, width, height in pixels, clipped to the image
    score: float   #: score of the detection, in [0, 1]
    landmarks: FloatArray   #: (4, 2) in pixels, rows as in LANDMARKS; NaN where unknown
    #: Estimates by task, 'emotion' and 'gender', without a task that is switched off.
    estimates: dict[str, Estimate] = field(default_factory=dict)
    tracked_for: float = 0.0   #: seconds since the track began
    position: Position | None = None   #: of the point between the eyes; needs a calibrated camera
    orientation: Orientation | None = None   #: of the head; None if a landmark is unknown
    whole_box: FloatArray | None = None   #: the box before clipping; None for a face of a message
