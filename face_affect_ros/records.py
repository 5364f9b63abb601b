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

"""Faces as plain mappings, the lines of a faces.jsonl file."""

from typing import Any

from face_affect_ros.affect.boxes import whole_pixels
from face_affect_ros.affect.types import Estimate, Face, LABELS, LANDMARKS, UNKNOWN
import numpy as np

#: Digits after the point.
PIXEL_DIGITS = 2
SHARE_DIGITS = 5
METRE_DIGITS = 4


def to_record(faces: list[Face], *, source: str, width: int, height: int,
              **when: float | str) -> dict[str, Any]:
    """
    Return one frame's faces as a mapping that json can write.

    Args:
        faces: Faces of the frame.
        source: File or topic.
        width: Width of the image, pixels.
        height: Height of the image, pixels.
        when: `frame`, its number from 0, and/or `stamp`, seconds; of a bag also `topic`,
            `frame_id` and `stamp_ns`, nanoseconds.

    Returns:
        A face with a known position has it and its standard deviation, metres.
    """
    return {'source': as_unicode(source), **when, 'width': width, 'height': height,
            'faces': [_face(face) for face in faces]}


def as_unicode(name: str) -> str:
    """Return a name with bytes that are not UTF-8 escaped: readers of JSON refuse surrogates."""
    return name.encode('utf-8', 'backslashreplace').decode()


def _face(face: Face) -> dict[str, Any]:
    entry: dict[str, Any] = {
        'id': face.id,
        'roi': list(whole_pixels(face.box)),
        'score': round(float(face.score), SHARE_DIGITS),
        'landmarks': {name: numbers(point, PIXEL_DIGITS) if np.isfinite(point).all() else None
                      for name, point in zip(LANDMARKS, face.landmarks)},
        'tracked_for': round(face.tracked_for, 3),
    }
    for task in LABELS:
        estimate = face.estimates.get(task, Estimate(UNKNOWN, 0.0, np.zeros(0, np.float32)))
        entry[task] = estimate.label
        entry[f'{task}_unknown_reason'] = estimate.reason
        entry[f'{task}_confidence'] = round(estimate.confidence, SHARE_DIGITS)
        entry[f'{task}_probabilities'] = numbers(estimate.probabilities, SHARE_DIGITS)
    if face.position is not None:
        entry['position'] = numbers(face.position.point, METRE_DIGITS)
        entry['position_std'] = numbers(np.sqrt(face.position.covariance.diagonal()), METRE_DIGITS)
    return entry


def numbers(values: Any, digits: int) -> list[float]:
    """Return numbers rounded to so many digits after the point."""
    return [round(float(value), digits) for value in values]
