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
    # The grid with the largest cells.
    columns = max(range(1, faces + 1), default=1,
                  key=lambda each: min(width / each, height / -(-faces // each)))
    rows = -(-faces // columns)
    room = int(min(width / columns, height / max(rows, 2)))
    small = cv2.resize(head, (room, room), interpolation=cv2.INTER_AREA)
    for index in range(faces):
        row, column = divmod(index, columns)
        left = int((column + 0.5) * width / columns - room / 2) + shift[0]
        top = int((row + 0.5) * height / rows - room / 2) + shift[1]
        left, top = max(0, min(left, width - room)), max(0, min(top, height - room))
        image[top:top + room, left:left + room] = small
    return image


def moving(size: tuple[int, int], faces: int, count: int) -> list[Frame]:
    """Return composed frames at 30 Hz, whose heads move by a few pixels."""
    shifts = [(round(8.0 * np.sin(turn)), round(4.0 * np.cos(turn)))
              for turn in 2.0 * np.pi * np.arange(count) / count]
    return [Frame(index, index / 30.0, compose(size, faces, shift=shift))
            for index, shift in enumerate(shifts)]
