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

"""The images of the benchmarks: shared clips, and images composed of the portrait."""

from collections.abc import Iterator
import os
from pathlib import Path

import cv2
from face_affect_ros.affect.types import ImageArray
from face_affect_ros.media import Frame, open_media
from face_affect_ros.media.portrait import portrait_path
import numpy as np

#: Folder of the shared clips and weights.
SHARED = Path(os.environ.get('FACE_AFFECT_SHARED', Path(__file__).resolve().parents[3] / 'shared'))
#: Clip of two turning and tilting heads.
HEADS = 'head-pose-face-detection-female-and-male.gif'
#: Clips and the number of people in each frame.
CLIPS = {'classroom.gif': 4, 'face-demographics-walking-and-pause.gif': 3, HEADS: 2}
VGA, HD = (640, 480), (1280, 720)
#: The head in the portrait: x, y, side.
HEAD = (130, 20, 200)


def clip(shared: Path, name: str, size: tuple[int, int] | None = None) -> list[Frame]:
    """Return the frames of a shared clip, resized to (width, height) if given."""
    with open_media(str(shared / 'media' / name)) as media:
        frames = list(media)
    return frames if size is None else [Frame(each.index, each.stamp, np.asarray(
        cv2.resize(each.image, size), np.uint8)) for each in frames]


def compose(size: tuple[int, int], faces: int, *, shift: tuple[int, int] = (0, 0)) -> ImageArray:
    """
    Compose an image of copies of the head in the portrait.

    Args:
        size: width and height of the image in pixels.
        faces: number of heads.
        shift: offset of the heads in pixels, x and y.
    """
    width, height = size
    coarse = np.random.default_rng(0).integers(60, 120, (height // 40 + 1, width // 40 + 1, 3))
    image = np.asarray(cv2.resize(coarse.astype(np.uint8), size, interpolation=cv2.INTER_CUBIC),
                       np.uint8)
    x, y, side = HEAD
    head = cv2.imread(str(portrait_path()))[y:y + side, x:x + side]
    for place_x, place_y, room in _places(size, faces):
        small = cv2.resize(head, (room, room), interpolation=cv2.INTER_AREA)
        left = int(np.clip(place_x + shift[0], 0, width - room))
        top = int(np.clip(place_y + shift[1], 0, height - room))
        image[top:top + room, left:left + room] = small
    return image


def moving(size: tuple[int, int], faces: int, count: int) -> list[Frame]:
    """Return composed frames at 30 Hz, whose heads move by a few pixels."""
    shifts = [(round(8.0 * np.sin(turn)), round(4.0 * np.cos(turn)))
              for turn in 2.0 * np.pi * np.arange(count) / count]
    return [Frame(index, index / 30.0, compose(size, faces, shift=shift))
            for index, shift in enumerate(shifts)]


def _places(size: tuple[int, int], faces: int) -> Iterator[tuple[int, int, int]]:
    """Yield left, top and side of the cells of the grid with the largest cells."""
    if not faces:
        return
    columns = max(range(1, faces + 1),
                  key=lambda each: min(size[0] / each, size[1] / -(-faces // each)))
    rows = -(-faces // columns)
    room = int(min(size[0] / columns, size[1] / rows, size[1] / 2))
    for index in range(faces):
        row, column = divmod(index, columns)
        yield (int((column + 0.5) * size[0] / columns - room / 2),
               int((row + 0.5) * size[1] / rows - room / 2), room)
