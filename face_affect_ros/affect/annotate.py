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

"""Draw faces on an image so that a person across the room can read them."""

from collections.abc import Iterable
import colorsys
from dataclasses import dataclass
import math
import re
from typing import TypeAlias
import zlib

import cv2
from face_affect_ros.affect.boxes import whole_pixels
from face_affect_ros.affect.types import Face, ImageArray, LABELS, UNKNOWN, UNSURE
import numpy as np

#: Left, top, width and height in pixels.
Box: TypeAlias = tuple[int, int, int, int]
GOLDEN_RATIO = 0.618034
FONT = cv2.FONT_HERSHEY_SIMPLEX
#: Height of the text as a share of the face's width, so that neighbours have room, and its
#: smallest and largest share of the image's height, so that it can be read.
TEXT_PER_FACE = 0.2
TEXT_PER_IMAGE = (0.018, 0.03)
MIN_TEXT_HEIGHT = 8.0
#: Height in pixels of capital letters of FONT at scale 1.
FONT_HEIGHT = 22.0


def colour_of(track: str) -> tuple[int, int, int]:
    """Return a bright BGR colour that stays with a track id; successive ids differ clearly."""
    number = re.search(r'(\d+)$', track)
    hue = (int(number[1]) * GOLDEN_RATIO % 1.0) if number else zlib.crc32(track.encode()) / 2**32
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.55, 1.0)
    return round(255 * blue), round(255 * green), round(255 * red)


def caption(face: Face, tasks: Iterable[str] = tuple(LABELS)) -> list[str]:
    """Return the lines of text of a face: what each task says of it, and its id."""
    lines: list[str] = []
    for task in tasks:
        estimate = face.estimates.get(task)
        if estimate is None:
            continue
        if estimate.label != UNKNOWN:
            line = f'{estimate.label} {estimate.confidence:.0%}'
        elif estimate.reason in ('', UNSURE):
            line = f'{task}? {estimate.confidence:.0%}'
        else:   # once where it is true of all tasks
            line = estimate.reason.replace('_', ' ')
        if line not in lines:
            lines.append(line)
    return [*lines, face.id]


def annotate(image: ImageArray, faces: list[Face]) -> ImageArray:
    """Return a BGR copy of a (H, W) grey or (H, W, 3) BGR uint8 image with the faces drawn in."""
    canvas: ImageArray = np.array(
        cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image, np.uint8)
    thickness = max(1, round(canvas.shape[0] / 300))
    # The nearest faces last, so that theirs is on top.
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
    plates = []
    for face in reversed(faces):   # the nearest chooses first
        plate = Plate.of(face, canvas.shape)
        place = plate.place(taken, canvas.shape)
        taken.append(place)
        plates.append((plate, place, face))
    for plate, place, face in reversed(plates):
        plate.write(canvas, place, colour_of(face.id))
    return canvas


@dataclass(frozen=True)
class Plate:
    """
    The text of a face, to be written on a dark plate beside it.

    box: of the face. height: of capital letters; pad, step: around and from line to line. All in
    pixels. scale, thickness: of the font. width: of the plate.
    """

    lines: list[str]
    box: Box
    height: float
    scale: float
    thickness: int
    pad: int
    step: int
    width: int

    @classmethod
    def of(cls, face: Face, shape: tuple[int, ...]) -> 'Plate':
        """Return a face's plate in an image of this shape."""
        lines, box = caption(face), whole_pixels(face.box)
        bounds = np.array(TEXT_PER_IMAGE) * shape[0]
        height = max(MIN_TEXT_HEIGHT, float(np.clip(TEXT_PER_FACE * box[2], *bounds)))
        scale, thickness = height / FONT_HEIGHT, max(1, round(height / 10))
        pad = round(height * 0.4)
        width = max(cv2.getTextSize(line, FONT, scale, thickness)[0][0] for line in lines)
        return cls(lines, box, height, scale, thickness, pad, round(height) + pad,
                   width + 2 * pad)

    def place(self, taken: Iterable[Box], shape: tuple[int, ...]) -> Box:
        """Return the place below, above or beside the face that hides least of what is taken."""
        x, y, width, height = self.box
        tall = self.step * len(self.lines) + self.pad
        middle = x + (width - self.width) // 2
        corners = [(middle, y + height + self.pad), (middle, y - self.pad - tall),
                   (x + width + self.pad, y), (x - self.pad - self.width, y)]
        places = [(max(0, min(left, shape[1] - self.width)), max(0, min(top, shape[0] - tall)),
                   self.width, tall) for left, top in corners]
        taken = list(taken)
        return min(places, key=lambda place: sum(_overlap(place, other) for other in taken))

    def write(self, canvas: ImageArray, place: Box, colour: tuple[int, int, int]) -> None:
        """Write the text."""
        left, top, width, height = place
        plate = canvas[top:top + height, left:left + width]
        plate[:] = plate // 4
        for number, line in enumerate(self.lines, start=1):
            cv2.putText(canvas, line, (left + self.pad, top + number * self.step), FONT,
                        self.scale, colour, self.thickness, cv2.LINE_AA)


def _overlap(one: Box, other: Box) -> int:
    """Return the area that two boxes share."""
    sides = (min(one[axis] + one[axis + 2], other[axis] + other[axis + 2])
             - max(one[axis], other[axis]) for axis in (0, 1))
    return math.prod(max(0, side) for side in sides)
