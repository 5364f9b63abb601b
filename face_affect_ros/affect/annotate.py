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
import re
import zlib

import cv2
from face_affect_ros.affect.boxes import whole_pixels
from face_affect_ros.affect.types import Face, ImageArray, LABELS, UNKNOWN, UNSURE
import numpy as np

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
    lines = []
    for task in tasks:
        estimate = face.estimates.get(task)
        if estimate is not None:
            judged = estimate.label != UNKNOWN or estimate.reason in ('', UNSURE)
            label = '?' if estimate.label == UNKNOWN else estimate.label
            lines.append(f'{label} {estimate.confidence:.0%}' if judged
                         else estimate.reason.replace('_', ' '))
    return [*lines, face.id]


def annotate(image: ImageArray, faces: list[Face]) -> ImageArray:
    """Return a BGR copy of a (H, W) grey or (H, W, 3) BGR uint8 image with the faces drawn in."""
    canvas: ImageArray = np.array(
        cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image, np.uint8)
    thickness = max(1, round(canvas.shape[0] / 300))
    # The nearest faces last, so that theirs is the text on top.
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
    for face in faces:
        _write(canvas, caption(face), face)
    return canvas


def _write(canvas: ImageArray, lines: list[str], face: Face) -> None:
    """Write lines on a dark plate under the box, or above it where there is no room."""
    x, y, width, box_height = whole_pixels(face.box)
    bounds = np.array(TEXT_PER_IMAGE) * canvas.shape[0]
    height = max(MIN_TEXT_HEIGHT, float(np.clip(TEXT_PER_FACE * width, *bounds)))
    scale, thickness = height / FONT_HEIGHT, max(1, round(height / 10))
    pad = round(height * 0.4)
    step = round(height) + pad
    plate_width = max(cv2.getTextSize(line, FONT, scale, thickness)[0][0] for line in lines)
    plate_width, plate_height = plate_width + 2 * pad, step * len(lines) + pad
    top = y + box_height + pad
    if top + plate_height > canvas.shape[0] and y - pad - plate_height >= 0:
        top = y - pad - plate_height
    top = max(0, min(top, canvas.shape[0] - plate_height))
    left = max(0, min(x + (width - plate_width) // 2, canvas.shape[1] - plate_width))
    plate = canvas[top:top + plate_height, left:left + plate_width]
    plate[:] = plate // 4
    for number, line in enumerate(lines, start=1):
        cv2.putText(canvas, line, (left + pad, top + number * step), FONT, scale,
                    colour_of(face.id), thickness, cv2.LINE_AA)
