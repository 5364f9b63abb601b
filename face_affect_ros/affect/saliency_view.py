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

"""Saliency for people: heat over a crop, a grid of faces, heat over the whole image."""

from collections.abc import Sequence
import math
from typing import Any

import cv2
from face_affect_ros.affect.annotate import FONT, FONT_HEIGHT
from face_affect_ros.affect.types import FloatArray, ImageArray
import numpy as np
import numpy.typing as npt

#: Side of a picture in a grid and height of its text, pixels.
SIDE, TEXT = 144, 11
BACKGROUND = (32, 32, 32)
#: Share of the colour where the heat is full; a hint of the picture stays.
OPACITY = 0.85


def to_bgr(crop: ImageArray) -> ImageArray:
    """Return a crop (S, S, 1) grey or (S, S, 3) RGB as (S, S, 3) BGR."""
    code = cv2.COLOR_GRAY2BGR if crop.shape[2] == 1 else cv2.COLOR_RGB2BGR
    return np.asarray(cv2.cvtColor(crop, code), np.uint8)


def overlay(picture: ImageArray, heat: FloatArray) -> ImageArray:
    """Return a BGR picture (H, W, 3) with heat (H, W) in [0, 1] over a darkened copy of it."""
    colour = _colours(heat)
    share = OPACITY * heat[:, :, np.newaxis]
    return np.asarray(0.7 * picture * (1.0 - share) + colour * share, np.uint8)


def tile(pictures: Sequence[ImageArray], lines: Sequence[str]) -> ImageArray:
    """Return BGR pictures side by side, SIDE high, with lines of text under them."""
    row = cv2.hconcat([cv2.resize(each, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
                       for each in pictures])
    step = TEXT + 7
    canvas = np.full((SIDE + step * len(lines) + 7, row.shape[1], 3), BACKGROUND, np.uint8)
    canvas[:SIDE] = row
    for number, line in enumerate(lines, start=1):
        cv2.putText(canvas, line, (4, SIDE + step * number), FONT, TEXT / FONT_HEIGHT,
                    (240, 240, 240), 1, cv2.LINE_AA)
    return canvas


def grid(tiles: Sequence[ImageArray]) -> ImageArray:
    """Return tiles of one size in rows, about as wide as high; none gives an empty tile."""
    if not tiles:
        return tile([np.full((8, 8, 3), BACKGROUND, np.uint8)] * 2, ['no face'])
    height, width = tiles[0].shape[:2]
    columns = min(len(tiles), max(1, round(math.sqrt(len(tiles) * height / width))))
    rows = -(-len(tiles) // columns)
    canvas = np.full((rows * height, columns * width, 3), BACKGROUND, np.uint8)
    for index, each in enumerate(tiles):
        row, column = divmod(index, columns)
        canvas[row * height:(row + 1) * height, column * width:(column + 1) * width] = each
    return canvas


def heat_on_image(canvas: ImageArray, heat: FloatArray, matrix: FloatArray) -> None:
    """
    Draw a crop's heat (S, S) into a BGR image (H, W, 3), where the crop was taken.

    matrix: (2, 3), from image pixels to crop pixels.
    """
    size = heat.shape[0]
    to_image = cv2.invertAffineTransform(matrix)
    corners = np.array([[-1, -1], [size, -1], [-1, size], [size, size]], np.float32)
    corners = corners @ to_image[:, :2].T + to_image[:, 2]
    limit = np.array(canvas.shape[1::-1])
    left, top = np.clip(np.floor(corners.min(0)), 0, limit).astype(int).tolist()
    right, bottom = np.clip(np.ceil(corners.max(0)), 0, limit).astype(int).tolist()
    if right <= left or bottom <= top:
        return
    to_part = to_image - np.array([[0.0, 0.0, left], [0.0, 0.0, top]])
    share = cv2.warpAffine(heat, to_part, (right - left, bottom - top), flags=cv2.INTER_LINEAR,
                           borderMode=cv2.BORDER_CONSTANT, borderValue=0.0)
    colour = _colours(share)
    share = OPACITY * share[:, :, np.newaxis]
    part = canvas[top:bottom, left:right]
    part[:] = part * (1.0 - share) + colour * share


def _colours(heat: npt.NDArray[Any]) -> ImageArray:
    """Return colours from red to yellow: the darkest of the map would look like shadows."""
    levels = np.asarray(255.0 * (0.4 + 0.6 * heat), np.uint8)
    return np.asarray(cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO), np.uint8)
