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

"""Track detected faces by template matching."""

import cv2
from face_affect_ros.affect.crop import CropSpec, extract_crops
from face_affect_ros.affect.types import Detections, FloatArray, ImageArray
import numpy as np

#: Side of a face's template in its own pixels: enough to tell where it is to a small part of a
#: face, and a hundredth of a detector's work.
TEMPLATE = 20
#: What of a box is the template: not its edge, where the background moves in another way.
INNER = 0.9
#: How far a face may move from one image to the next, in template sides, in each direction.
REACH = 0.5
#: Correlation below which a face has changed too much to be followed.
MIN_CORRELATION = 0.6

FACE = CropSpec(size=TEMPLATE, margin=(INNER - 1.0) / 2.0, align=False)
AROUND = CropSpec(size=round(TEMPLATE * (1.0 + 2.0 * REACH)), align=False,
                  margin=(INNER * (1.0 + 2.0 * REACH) - 1.0) / 2.0)


class TemplateTracker:
    """
    Finds faces again near their last places, by normalised cross-correlation.

    The template of a face is always that of its detection, so that errors do not accumulate.
    """

    def __init__(self, image: ImageArray, found: Detections) -> None:
        """Take the templates of faces from a (H, W) grey or (H, W, 3) BGR uint8 image."""
        self._found = found
        self._templates = extract_crops(image, found.boxes, found.landmarks, FACE)
        self._shifts = np.zeros((len(found), 2), np.float32)

    def __len__(self) -> int:
        """Return the number of templates."""
        return len(self._templates)

    def __call__(self, image: ImageArray) -> Detections | None:
        """
        Return the faces at their places in a later image; None if one of them is lost.

        Boxes and landmarks are shifted and keep their sizes; scores are those of the detection.
        """
        found = self._found
        around = extract_crops(image, shifted(found.boxes, self._shifts), found.landmarks, AROUND)
        for index, (part, template) in enumerate(zip(around, self._templates)):
            fit = np.asarray(cv2.matchTemplate(part, template, cv2.TM_CCOEFF_NORMED), np.float32)
            _, correlation, _, (column, row) = cv2.minMaxLoc(fit)
            if not correlation >= MIN_CORRELATION:
                return None
            place = np.array([column + peak(fit[row], column), row + peak(fit[:, column], row)])
            pixel = max(found.boxes[index, 2:].max(), 1.0) * INNER / TEMPLATE
            self._shifts[index] += pixel * (place - (AROUND.size - TEMPLATE) / 2.0)
        return Detections(shifted(found.boxes, self._shifts), found.scores,
                          found.landmarks + self._shifts[:, np.newaxis])


def shifted(boxes: FloatArray, shifts: FloatArray) -> FloatArray:
    """Return boxes (N, 4) moved by (N, 2) pixels."""
    return np.concatenate([boxes[:, :2] + shifts, boxes[:, 2:]], axis=1)


def peak(values: FloatArray, index: int) -> float:
    """
    Return where the top of the parabola lies through a largest value and its neighbours.

    values: (N,). index: of the largest. The result is relative to it, in [-0.5, 0.5]; 0 at an end.
    """
    if not 0 < index < len(values) - 1:
        return 0.0
    before, top, after = (float(value) for value in values[index - 1:index + 2])
    bend = before - 2.0 * top + after
    return 0.5 * (before - after) / bend if bend < 0.0 else 0.0
