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

"""Style and file format of all figures: matplotlib without a display, small PNG files."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
import numpy as np
import numpy.typing as npt
from PIL import Image

#: Colour-blind safe colours of Okabe and Ito.
COLOURS = ('#0072B2', '#E69F00', '#009E73', '#D55E00', '#CC79A7', '#56B4E9', '#000000')
MARKERS = ('o', 's', '^', 'D', 'v', 'P', 'X')
STYLE: dict[Any, Any] = {
    'font.size': 10, 'axes.spines.top': False, 'axes.spines.right': False, 'axes.grid': True,
    'grid.alpha': 0.3, 'lines.linewidth': 1.6, 'axes.titlesize': 10, 'legend.frameon': False,
    'axes.axisbelow': True}
#: Dots per inch.
DPI = 80


def panels(rows: int, columns: int, *, width: float = 8.6, height: float = 3.6,
           **options: Any) -> tuple[Figure, Any]:
    """Return a figure of width and height in inches, and its axes (rows, columns)."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=DPI, layout='constrained')
        axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, axes


def save(figure: Figure, path: Path, *, colours: int = 32) -> Path:
    """Write a figure as a PNG file with a palette of `colours` colours; return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(STYLE):
        figure.savefig(path, dpi=DPI)
    with Image.open(path) as picture:
        small = picture.convert('RGB').quantize(colours, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    return path


def heat_map(axis: Any, values: npt.NDArray[np.float64], *, rows: Sequence[str],
             columns: Sequence[str], low: float, high: float, form: str = '{:.2f}',
             colours: str = 'cividis') -> Any:
    """
    Draw a matrix as colours and numbers; return the matplotlib image.

    Args:
        axis: matplotlib axes.
        values: (R, C); NaN is left empty.
        rows, columns: labels.
        low, high: values of the first and last colour.
        form: format of the numbers.
        colours: name of the colour map.
    """
    drawn = axis.imshow(values, cmap=colours, vmin=low, vmax=high, aspect='auto')
    axis.set_xticks(range(len(columns)), columns)
    axis.set_yticks(range(len(rows)), rows)
    axis.grid(False)
    axis.tick_params(length=0)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            red, green, blue, _ = drawn.cmap(drawn.norm(value))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            axis.text(column, row, form.format(value), ha='center', va='center', fontsize=9,
                      color='white' if dark else 'black')
    return drawn


def confusion(result: dict[str, Any], path: Path) -> Path:
    """Draw the normalised confusion matrix of a result of evaluate.evaluate; return the path."""
    names = list(result['per_class'])
    shares = np.array([[np.nan if share is None else share for share in row]
                       for row in result['confusion_normalised']], np.float64)
    size = 2.6 + 0.6 * len(names)
    figure, axes = panels(1, 1, width=size, height=size)
    heat_map(axes[0, 0], shares, rows=[f"{name}\n{result['per_class'][name]['faces']:,}"
                                       for name in names], columns=names, low=0.0, high=1.0,
             colours='Blues')
    axes[0, 0].tick_params(axis='x', rotation=45)
    axes[0, 0].set(xlabel='predicted', ylabel='label, with the number of faces')
    axes[0, 0].set_title(f"{result['model']}\n{result['data']}, accuracy "
                         f"{100 * result['accuracy']:.1f} %", fontsize=10)
    return save(figure, path)


def sheet(pictures: Sequence[Sequence[npt.NDArray[Any] | None]], path: Path, *,
          rows: Sequence[str], columns: Sequence[str] = (),
          captions: Sequence[Sequence[str]] = (), colours: int = 64) -> Path:
    """
    Write a grid of images as a PNG file; return its path.

    Args:
        pictures: rows of (H, W) grey or (H, W, 3) RGB images from 0 to 1; None is left empty.
        rows, columns: labels.
        captions: text below each image.
        colours: number of colours of the palette.
    """
    across = max(len(line) for line in pictures)
    figure, axes = panels(len(pictures), across, width=1.2 * across + 1.2,
                          height=(1.4 if captions else 1.2) * len(pictures) + 0.3)
    for row, line in enumerate(pictures):
        for column, axis in enumerate(axes[row]):
            axis.set(xticks=[], yticks=[])
            for spine in axis.spines.values():
                spine.set_visible(False)
            picture = line[column] if column < len(line) else None
            if picture is not None:
                axis.imshow(np.clip(picture, 0.0, 1.0), cmap='gray', vmin=0.0, vmax=1.0,
                            interpolation='nearest')
            if captions and column < len(line):
                axis.set_xlabel(captions[row][column], fontsize=8)
            if row == 0 and columns:
                axis.set_title(columns[column], fontsize=9)
        axes[row, 0].set_ylabel(rows[row], fontsize=9)
    return save(figure, path, colours=colours)
