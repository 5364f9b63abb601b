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

"""Sheets of small pictures with text around them, drawn pixel by pixel so that none is blurred."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

Picture = npt.NDArray[np.floating[Any]]
GAP, LINE = 6, 15


@dataclass(frozen=True)
class Sheet:
    """
    A table of pictures.

    pictures: (H, W) grey or (H, W, 3) RGB each, values 0 to 1, all of one size; None leaves the
    place empty. captions: beneath each picture. rows, columns: names at the left and the top.
    """

    pictures: Sequence[Sequence[Picture | None]]
    captions: Sequence[Sequence[str]]
    rows: Sequence[str] = ()
    columns: Sequence[str] = ()


def draw(sheet: Sheet, path: Path, *, scale: int = 2, colours: int = 12) -> Path:
    """
    Write a sheet as a PNG file with a palette, and return its path.

    scale: of the pictures, a whole number. Raises ValueError for a sheet without any picture.
    """
    sizes = [picture.shape for line in sheet.pictures for picture in line if picture is not None]
    if not sizes:
        raise ValueError('a sheet needs a picture')
    height, width = (scale * side for side in sizes[0][:2])
    font = ImageFont.load_default(12)
    left = int(max((font.getlength(name) for name in sheet.rows), default=0.0)) + 2 * GAP
    top = LINE + GAP if sheet.columns else GAP
    across, down = width + GAP, height + LINE + GAP // 2
    count = max(len(line) for line in sheet.pictures)
    canvas = Image.new('RGB', (left + count * across, top + len(sheet.pictures) * down), 'white')
    pen = ImageDraw.Draw(canvas)
    for column, name in enumerate(sheet.columns):
        pen.text((left + column * across + width // 2, GAP // 2), name, 'black', font, 'mt')
    for row, name in enumerate(sheet.rows):
        pen.text((left - GAP, top + row * down + height // 2), name, 'black', font, 'rm')
    for row, (line, captions) in enumerate(zip(sheet.pictures, sheet.captions)):
        for column, (picture, caption) in enumerate(zip(line, captions)):
            x, y = left + column * across, top + row * down
            if picture is not None:
                canvas.paste(_image(picture, colours).resize((width, height),
                                                             Image.Resampling.NEAREST), (x, y))
            pen.text((x + width // 2, y + height + 2), caption, 'black', font, 'mt')
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.quantize(min(256, 2 * colours), dither=Image.Dither.NONE).save(path, optimize=True)
    return path


def _image(picture: Picture, levels: int) -> Image.Image:
    """Return a picture with so many levels of grey, or of each colour."""
    steps = np.rint(picture.clip(0.0, 1.0) * (levels - 1)) / (levels - 1)
    return Image.fromarray(np.rint(255.0 * steps).astype(np.uint8)).convert('RGB')
