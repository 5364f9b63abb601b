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

"""Ways to search less of the image that were tried and not kept; searching.py measures them."""

from collections.abc import Callable

from face_affect_ros.affect.detectors import Detector
from face_affect_ros.affect.types import Detections, FloatArray, ImageArray
import numpy as np

#: Side of the region around a face, in its sides.
GROWN = 3.0
#: Share of the image's longer side from which a face is large.
LARGE = 0.15


class Regions:
    """A small network around each known face, and all of the image now and then."""

    def __init__(self, whole: Detector, part: Detector, *, every: int) -> None:
        """whole: for the image. part: for a region. every: images from one to the next search."""
        self._whole, self._part, self._every = whole, part, every
        self._count = 0
        self._last = Detections.empty()

    def __call__(self, image: ImageArray, stamp: float) -> Detections:
        """Return the faces of an image."""
        self._count += 1
        found = [self._around(image, box) for box in self._last.boxes]
        if self._count % self._every == 1 or not found or None in found:
            self._last = self._whole(image)
        else:
            faces = [each for each in found if each is not None]
            self._last = Detections(*(np.concatenate([getattr(each, name) for each in faces])
                                      for name in ('boxes', 'scores', 'landmarks')))
        return self._last

    def _around(self, image: ImageArray, box: FloatArray) -> Detections | None:
        """Return the face nearest to the middle of the region, None where there is none."""
        centre, half = box[:2] + box[2:] / 2.0, GROWN * box[2:].max() / 2.0
        height, width = image.shape[:2]
        left, top = np.clip((centre - half).astype(int), 0, [width - 1, height - 1])
        right, bottom = np.clip((centre + half).astype(int), 1, [width, height])
        found = self._part(np.ascontiguousarray(image[top:bottom, left:right]))
        if not len(found):
            return None
        origin = np.array([left, top], np.float32)
        boxes = found.boxes + np.array([left, top, 0, 0], np.float32)
        best = [int(np.argmin(np.linalg.norm(boxes[:, :2] + boxes[:, 2:] / 2.0 - centre, axis=1)))]
        return Detections(boxes[best], found.scores[best], found.landmarks[best] + origin)


def by_size(small: Detector, large: Detector) -> Callable[[ImageArray, float], Detections]:
    """Return a finder that takes the network for large faces while the last ones were large."""
    last = Detections.empty()

    def find(image: ImageArray, stamp: float) -> Detections:
        nonlocal last
        near = len(last) and last.boxes[:, 2:].min() >= LARGE * max(image.shape[:2])
        found = large(image) if near else small(image)
        last = found if len(found) >= len(last) else small(image)
        return last
    return find
