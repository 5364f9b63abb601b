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

"""Draw faces and their labels on an image, or make them unrecognisable."""

from collections.abc import Iterable
import colorsys
import math
import re
from typing import TypeAlias
import zlib

import cv2
from face_affect_ros.affect.boxes import whole_pixels
from face_affect_ros.affect.types import Face, FloatArray, ImageArray, LABELS, UNKNOWN, UNSURE
import numpy as np

#: Left, top, width and height in pixels.
Box: TypeAlias = tuple[int, int, int, int]
GOLDEN_RATIO = 0.618034
FONT = cv2.FONT_HERSHEY_SIMPLEX
#: Height of the text as a fraction of the face's width, so that neighbours have room, and its
#: smallest and largest fraction of the image's shorter side, so that it can be read.
TEXT_PER_FACE = 0.2
TEXT_PER_IMAGE = (0.018, 0.03)
MIN_TEXT_HEIGHT = 8.0
#: Height in pixels of capital letters of FONT at scale 1.
FONT_HEIGHT = 22.0
#: Number of colours of a hidden face in each direction.
CELLS = 4
#: Fraction of its side by which the box of a hidden face grows, for hair and ears.
MARGIN = 0.25


def colour_of(track: str) -> tuple[int, int, int]:
    """Return the bright BGR colour of a track id; those of successive ids differ clearly."""
    number = re.search(r'(\d+)$', track)
    hue = (int(number[1]) * GOLDEN_RATIO % 1.0) if number else zlib.crc32(track.encode()) / 2**32
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.55, 1.0)
    return round(255 * blue), round(255 * green), round(255 * red)


def caption(face: Face, tasks: Iterable[str] = tuple(LABELS)) -> list[str]:
    """Return the lines of text of a face: the label of each task, and its id."""
    lines: list[str] = []
    for task in tasks:
        estimate = face.estimates.get(task)
        if estimate is None:
            continue
        if estimate.label != UNKNOWN:
            line = f'{estimate.label} {estimate.confidence:.0%}'
        elif estimate.reason in ('', UNSURE):
            line = f'{task}? {estimate.confidence:.0%}'
        else:   # one line where all tasks have the same reason
            line = estimate.reason.replace('_', ' ')
        if line not in lines:
            lines.append(line)
    return [*lines, face.id]


def annotate(image: ImageArray, faces: list[Face]) -> ImageArray:
    """Return a BGR copy of an image with the faces drawn in."""
    canvas: ImageArray = np.array(
        cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image, np.uint8)
    thickness = max(1, round(min(canvas.shape[:2]) / 300))
    # The nearest faces last, so that they are on top.
    faces = sorted(faces, key=lambda face: float(face.box[2]))
    for face in faces:
        colour = colour_of(face.id)
        x, y, width, height = whole_pixels(face.box)
        cv2.rectangle(canvas, (x, y), (x + width, y + height), (0, 0, 0), thickness + 2)
        cv2.rectangle(canvas, (x, y), (x + width, y + height), colour, thickness)
        for point in face.landmarks:
            if np.isfinite(point).all():
                centre = (round(float(point[0])), round(float(point[1])))
                radius = max(1, min(thickness + 1, width // 25))
                cv2.circle(canvas, centre, radius, colour, -1, cv2.LINE_AA)
    taken = [whole_pixels(face.box) for face in faces]
    plates = [Plate(face, canvas.shape) for face in faces]
    for plate in reversed(plates):   # the nearest is placed first
        taken.append(plate.place(taken, canvas.shape))
    for plate, place, face in zip(plates, reversed(taken), faces):
        plate.write(canvas, place, colour_of(face.id))
    return canvas


class Plate:
    """The text of a face in an image of a shape, on a dark plate beside the face."""

    def __init__(self, face: Face, shape: tuple[int, ...]) -> None:
        self._lines, self._box = caption(face), whole_pixels(face.box)
        bounds = np.array(TEXT_PER_IMAGE) * min(shape[:2])
        height = max(MIN_TEXT_HEIGHT, float(np.clip(TEXT_PER_FACE * self._box[2], *bounds)))
        self._scale, self._thickness = height / FONT_HEIGHT, max(1, round(height / 10))
        self._pad = round(height * 0.4)
        self._step = round(height) + self._pad   # from line to line
        self._width = 2 * self._pad + max(
            cv2.getTextSize(line, FONT, self._scale, self._thickness)[0][0]
            for line in self._lines)

    def place(self, taken: list[Box], shape: tuple[int, ...]) -> Box:
        """Return the place below, above or beside the face with the least overlap with others."""
        x, y, width, height = self._box
        tall = self._step * len(self._lines) + self._pad
        middle = x + (width - self._width) // 2
        corners = [(middle, y + height + self._pad), (middle, y - self._pad - tall),
                   (x + width + self._pad, y), (x - self._pad - self._width, y)]
        places = [(max(0, min(left, shape[1] - self._width)), max(0, min(top, shape[0] - tall)),
                   self._width, tall) for left, top in corners]
        return min(places, key=lambda place: sum(_overlap(place, other) for other in taken))

    def write(self, canvas: ImageArray, place: Box, colour: tuple[int, int, int]) -> None:
        """Write the text."""
        left, top, width, height = place
        plate = canvas[top:top + height, left:left + width]
        plate[:] = plate // 4
        for number, line in enumerate(self._lines, start=1):
            cv2.putText(canvas, line, (left + self._pad, top + number * self._step), FONT,
                        self._scale, colour, self._thickness, cv2.LINE_AA)


def _overlap(one: Box, other: Box) -> int:
    """Return the area of the intersection of two boxes."""
    sides = (min(one[axis] + one[axis + 2], other[axis] + other[axis + 2])
             - max(one[axis], other[axis]) for axis in (0, 1))
    return math.prod(max(0, side) for side in sides)


def hide(image: ImageArray, boxes: Iterable[FloatArray]) -> ImageArray:
    """
    Return a copy of an image with faces averaged to CELLS x CELLS colours, irreversibly.

    Args:
        image: (H, W) or (H, W, 3) uint8.
        boxes: (4,) float32 each, pixels; may extend beyond the image.
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


class RecentBoxes:
    """The newest box of each track, also while the detector misses its face."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[float, FloatArray]] = {}

    def update(self, faces: list[Face], stamp: float, *, hold: float) -> list[FloatArray]:
        """
        Add the faces of a frame at a time in seconds; return the boxes to hide in it, (4,) each.

        A face that is not found is hidden for `hold` seconds.
        """
        self._seen = {name: seen for name, seen in self._seen.items()
                      if 0.0 <= stamp - seen[0] <= hold}
        for face in faces:
            box = face.box if face.whole_box is None else face.whole_box
            self._seen[face.id] = stamp, box
        return [box for _, box in self._seen.values()]
