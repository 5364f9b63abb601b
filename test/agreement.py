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

"""Agreement of two methods of finding the faces of a clip: boxes, tracks and ids."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
from face_affect_ros.affect.boxes import iou
from face_affect_ros.affect.detectors import Detector
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.tracker import Tracker
from face_affect_ros.affect.types import Detections, FloatArray, ImageArray
from face_affect_ros.media import Frame
import numpy as np

#: The faces of each image by track.
Tracks = list[dict[str, FloatArray]]
#: Finds the faces of an image with a stamp in seconds.
Finder = Callable[[ImageArray, float], Detections]
#: Minimum overlap of two boxes of the same face.
SAME = 0.3


@dataclass(frozen=True)
class Agreement:
    """
    Agreement of a method with a reference.

    overlap, least: mean and minimum intersection over union of the two boxes of a face. missing,
    extra: faces that only the reference found, that it did not find. swaps: faces whose track
    is not the one that its reference track was joined with first. tracks, wanted: how many there
    are, and in the reference.
    """

    overlap: float
    least: float
    missing: int
    extra: int
    swaps: int
    tracks: int
    wanted: int


def track(find: Finder, frames: Sequence[Frame]) -> Tracks:
    """Return the tracked boxes of the images of a clip, with the default settings."""
    settings = PipelineSettings()
    tracker = Tracker()
    result = []
    for frame in frames:
        found = find(frame.image, frame.stamp)
        joined = tracker.update(found, frame.stamp, timeout=settings.track_timeout,
                                start_score=settings.start_score)
        result.append({each.id: box for each, box in zip(joined, found.boxes) if each})
    return result


def compare(result: Tracks, reference: Tracks, images: Sequence[int] | None = None) -> Agreement:
    """Return the agreement; images: numbers of the images that are compared, default all."""
    counted = range(len(result)) if images is None else images
    overlaps, missing, extra, swaps = [], 0, 0, 0
    partner: dict[str, str] = {}
    for number, (faces, others) in enumerate(zip(result, reference, strict=True)):
        pairs = {wanted: _nearest(box, faces) for wanted, box in others.items()}
        pairs = {wanted: pair for wanted, pair in pairs.items() if pair[1] >= SAME}
        missing += len(others) - len(pairs)
        extra += len(faces) - len({name for name, _ in pairs.values()})
        swaps += sum(partner.setdefault(wanted, name) != name
                     for wanted, (name, _) in pairs.items())
        if number in counted:
            overlaps += [overlap for _, overlap in pairs.values()]
    return Agreement(float(np.mean(overlaps)), float(np.min(overlaps)), missing, extra, swaps,
                     len({name for faces in result for name in faces}),
                     len({name for faces in reference for name in faces}))


def moved(detector: Detector, pixels: float) -> Finder:
    """Return a detector for images shifted to the right and down by some pixels."""
    def find(image: ImageArray, stamp: float) -> Detections:
        matrix = np.array([[1, 0, pixels], [0, 1, pixels]], np.float32)
        found = detector(np.asarray(cv2.warpAffine(
            image, matrix, (image.shape[1], image.shape[0]), borderMode=cv2.BORDER_REPLICATE),
            np.uint8))
        shift = np.array([pixels, pixels, 0.0, 0.0], np.float32)
        return Detections(found.boxes - shift, found.scores, found.landmarks - shift[:2])
    return find


def _nearest(box: FloatArray, faces: dict[str, FloatArray]) -> tuple[str, float]:
    """Return the face with the largest overlap with a box, and the overlap."""
    overlaps = {name: float(iou(other[np.newaxis], box[np.newaxis])[0, 0])
                for name, other in faces.items()}
    return max(overlaps.items(), key=lambda item: item[1], default=('', 0.0))
