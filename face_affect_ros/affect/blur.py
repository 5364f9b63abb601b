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

"""Make faces in a picture unrecognisable, for pictures that people look at."""

from collections.abc import Iterable

import cv2
from face_affect_ros.affect.boxes import whole_pixels
from face_affect_ros.affect.types import Face, FloatArray, ImageArray
import numpy as np

#: Of a face remain so many colours across and down: one sees that there is a head, not whose.
CELLS = 4
#: A box ends at brow and chin: it is grown by this share of its side, for hair and ears.
MARGIN = 0.25


def hide(image: ImageArray, boxes: Iterable[FloatArray]) -> ImageArray:
    """
    Return a copy of a (H, W) or (H, W, 3) uint8 image in which these boxes hold no face.

    boxes: (4,) float32 each, x, y, width, height in pixels; may reach over the image's edge. Each
    is averaged to CELLS x CELLS colours, which nothing brings back.
    """
    result: ImageArray = image.copy()
    height, width = image.shape[:2]
    for box in boxes:
        grow = MARGIN * box[2:]
        x, y, w, h = whole_pixels(np.concatenate([box[:2] - grow, box[2:] + 2 * grow]))
        left, top = max(0, x), max(0, y)
        region = result[top:max(top, min(height, y + h)), left:max(left, min(width, x + w))]
        if region.size:
            few = cv2.resize(region, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
            region[:] = cv2.resize(few, region.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return result


class FaceHider:
    """
    Knows where the faces of a clip are to be hidden.

    The last box of a track stays for a while: the detector may miss it in a frame.
    """

    def __init__(self) -> None:
        """Start without a past."""
        self._seen: dict[str, tuple[float, FloatArray]] = {}

    def see(self, faces: list[Face], stamp: float, *, hold: float) -> None:
        """Remember the faces of a frame; those seen more than `hold` seconds ago are forgotten."""
        kept = {name: seen for name, seen in self._seen.items()
                if 0.0 <= stamp - seen[0] <= hold}
        now = {face.id: (stamp, face.box if face.whole_box is None else face.whole_box)
               for face in faces}
        self._seen = {**kept, **now}

    @property
    def boxes(self) -> list[FloatArray]:
        """Return what is to be hidden in the frame seen last, (4,) each, as of `hide`."""
        return [box for _, box in self._seen.values()]
