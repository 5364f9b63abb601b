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

"""How all pictures look: matplotlib without a screen, colours for everybody, small PNG files."""

import io
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
import numpy as np
import numpy.typing as npt
from PIL import Image

#: Okabe and Ito's colours, told apart by people who see fewer colours, too.
COLOURS = ('#0072B2', '#E69F00', '#009E73', '#D55E00', '#CC79A7', '#56B4E9', '#000000')
MARKERS = ('o', 's', '^', 'D', 'v', 'P', 'X')
#: Dark to bright in every kind of colour vision, and in print.
MAP = 'cividis'
STYLE: dict[Any, Any] = {
    'font.size': 10, 'axes.spines.top': False, 'axes.spines.right': False, 'axes.grid': True,
    'grid.alpha': 0.3, 'lines.linewidth': 1.6, 'axes.titlesize': 10, 'legend.frameon': False,
    'axes.axisbelow': True, 'svg.hashsalt': 'face_affect'}
DPI = 100


def panels(rows: int, columns: int, *, width: float = 8.6, height: float = 3.6,
           **options: Any) -> tuple[Figure, Any]:
    """Return a figure and its axes, (rows, columns). width, height: in inches of 100 pixels."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), dpi=DPI, layout='constrained')
        axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, axes


def save(figure: Figure, path: Path, *, colours: int = 64) -> Path:
    """Write a figure as a PNG file with a palette, and return its path."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format='png', dpi=DPI)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(buffer.getvalue())
    return shrink(path, colours=colours)


def shrink(path: Path, *, colours: int = 64) -> Path:
    """Give a PNG file a palette of so many colours, and return its path."""
    with Image.open(path) as picture:
        small = picture.convert('RGB').quantize(colours, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    return path


def heat_map(axis: Any, values: npt.NDArray[np.float64], *, rows: list[str], columns: list[str],
             low: float, high: float, form: str = '{:.2f}', colours: str = MAP) -> Any:
    """
    Draw a table of numbers as colours with the numbers in them; return the drawn map.

    values: (R, C), NaN where nothing was measured. low, high: values of the first and last colour.
    """
    drawn = axis.imshow(values, cmap=colours, vmin=low, vmax=high, aspect='auto')
    axis.set_xticks(range(len(columns)), columns)
    axis.set_yticks(range(len(rows)), rows)
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(False)
    axis.tick_params(length=0)
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            red, green, blue, _ = drawn.cmap(drawn.norm(value))
            dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
            axis.text(column, row, form.format(value), ha='center', va='center', fontsize=9,
                      color='white' if dark else 'black')
    return drawn
