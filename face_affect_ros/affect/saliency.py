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

"""
Saliency maps of a classifier's outputs, and their visualization.

Guided back-propagation (Springenberg et al. 2015), the plain gradient (Simonyan et al. 2014) and
Grad-CAM (Selvaraju et al. 2017) are outputs of one TFLite graph beside the model, which
`face_affect export --saliency` writes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
import math
from typing import Any

import cv2
from face_affect_ros.affect import shared_weights
from face_affect_ros.affect.annotate import FONT, FONT_HEIGHT
from face_affect_ros.affect.interpreter import open_interpreter
from face_affect_ros.affect.model_store import ModelCard, saliency_path
from face_affect_ros.affect.types import AffectError, FloatArray, ImageArray
import numpy as np
import numpy.typing as npt

#: Dimensions of the graph's outputs, which identify them.
PROBABILITIES, GRADIENT, CAM = 2, 4, 3
#: Percentile of a gradient at which the heat is full.
FULL_AT = 99.0
#: Side of a tile in a grid and height of its text, pixels.
SIDE, TEXT = 144, 11
BACKGROUND = (32, 32, 32)
#: Opacity of the colour where the heat is full.
OPACITY = 0.85


@dataclass(frozen=True)
class Explanation:
    """The outputs of the graph for one crop and one class."""

    probabilities: FloatArray   #: (K,), of the task, not calibrated
    label: int   #: index of the explained class among those of the task
    gradient: FloatArray   #: (S, S, C), of the class's logit with respect to the network's input
    cam: FloatArray   #: (h, w), >= 0, the Grad-CAM map


class Saliency:
    """
    The gradients of one model's outputs, for one thread at a time.

    Args:
        card: Card of the classifier, whose graph lies beside it.
        num_threads: Number of threads of the graph, >= 1.
        entry: Entry `saliency` for a card that has none yet.

    Raises:
        AffectError: There is no graph, its sha256 is not the card's, or it does not match the
            card.
    """

    def __init__(self, card: ModelCard, *, num_threads: int = 1,
                 entry: Mapping[str, Any] | None = None) -> None:
        path = saliency_path(card, entry)
        self.card = card
        self._interpreter = open_interpreter(path, num_threads=num_threads,
                                             content=shared_weights.read(path, card.path))
        spec = card.crop
        wanted = {'image': (1, spec.size, spec.size, spec.channels), 'label': (1,), 'guided': (1,)}
        inputs = {detail['name']: detail for detail in self._interpreter.get_input_details()}
        shapes = {name: tuple(detail['shape'].tolist()) for name, detail in inputs.items()}
        self._outputs = {len(detail['shape']): detail['index']
                         for detail in self._interpreter.get_output_details()}
        if shapes != wanted or set(self._outputs) != {PROBABILITIES, GRADIENT, CAM}:
            raise AffectError(f'{path}: not a saliency graph of this model: its inputs are '
                              f'{shapes}, expected {wanted}; export it again with --saliency')
        self._inputs = {name: detail['index'] for name, detail in inputs.items()}
        # the graph numbers the classes of all tasks one after the other
        stops = np.cumsum([len(head.labels) for head in card.heads]).tolist()
        self._parts = {head.task: slice(stop - len(head.labels), stop)
                       for head, stop in zip(card.heads, stops)}

    def __call__(self, crop: ImageArray, label: int | None = None, *, task: str = '',
                 guided: bool = True) -> Explanation:
        """
        Explain one class of one crop.

        Args:
            crop: (S, S, C) uint8, as extract_crops returns it.
            label: Index of the class, None for the most probable one.
            task: One of the model's, the first by default.
            guided: Whether the gradient is that of guided back-propagation or the plain one.
        """
        part = self._parts[task or self.card.heads[0].task]
        if label is None and part.start > 0:   # the graph finds the best class of the first task
            label = int(self._run(crop, part.start, guided)[0][part].argmax())
        probabilities, gradient, cam = self._run(
            crop, -1 if label is None else part.start + label, guided)
        chosen = int(probabilities[part].argmax()) if label is None else label
        return Explanation(probabilities[part], chosen, gradient, cam)

    def heat(self, crop: ImageArray, label: int | None = None, *, task: str = '',
             mode: str = 'guided') -> FloatArray:
        """Return the saliency map of a crop, (S, S) float32 in [0, 1]; mode: one of MODES."""
        explanation = self(crop, label, task=task, guided=mode == 'guided')
        if mode == 'gradcam':
            return heat_of_cam(explanation.cam, crop.shape[0])
        return heat_of_gradient(explanation.gradient)

    def _run(self, crop: ImageArray, label: int, guided: bool) -> tuple[FloatArray, ...]:
        values = {'image': self.card.scaled(crop)[np.newaxis],
                  'label': np.array([label], np.int32),
                  'guided': np.array([float(guided)], np.float32)}
        for name, value in values.items():
            self._interpreter.set_tensor(self._inputs[name], value)
        self._interpreter.invoke()
        return tuple(self._interpreter.get_tensor(self._outputs[key])[0]
                     for key in (PROBABILITIES, GRADIENT, CAM))


def heat_of_gradient(gradient: FloatArray) -> FloatArray:
    """Return the strength of a gradient (S, S, C) as (S, S) float32 in [0, 1]."""
    strength = np.abs(gradient).max(axis=2)
    full = float(np.percentile(strength, FULL_AT))
    return np.asarray(np.minimum(strength / full, 1.0) if full > 0.0 else strength * 0.0,
                      np.float32)


def heat_of_cam(cam: FloatArray, size: int) -> FloatArray:
    """Return a Grad-CAM map (h, w) enlarged to (size, size) float32 in [0, 1]."""
    full = float(cam.max())
    shares = cam / full if full > 0.0 else cam * 0.0
    enlarged = cv2.resize(shares, (size, size), interpolation=cv2.INTER_LINEAR)
    return np.asarray(enlarged, np.float32)


def to_bgr(crop: ImageArray) -> ImageArray:
    """Return a crop (S, S, 1) grey or (S, S, 3) RGB as (S, S, 3) BGR."""
    code = cv2.COLOR_GRAY2BGR if crop.shape[2] == 1 else cv2.COLOR_RGB2BGR
    return np.asarray(cv2.cvtColor(crop, code), np.uint8)


def overlay(picture: ImageArray, heat: FloatArray) -> ImageArray:
    """Return a BGR image (H, W, 3) with heat (H, W) in [0, 1] over a darkened copy of it."""
    return _blended(0.7 * picture, heat)


def tile(pictures: Sequence[ImageArray], lines: Sequence[str]) -> ImageArray:
    """Return BGR images side by side, SIDE high, with lines of text under them."""
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
    """Return tiles of one size in a roughly square grid, or a tile 'no face' if there are none."""
    if not tiles:
        return tile([np.full((8, 8, 3), BACKGROUND, np.uint8)] * 2, ['no face'])
    height, width = tiles[0].shape[:2]
    columns = min(len(tiles), max(1, round(math.sqrt(len(tiles) * height / width))))
    blank = np.full_like(tiles[0], BACKGROUND)
    filled = [*tiles, *[blank] * (-len(tiles) % columns)]
    return np.asarray(cv2.vconcat([cv2.hconcat(filled[start:start + columns])
                                   for start in range(0, len(filled), columns)]), np.uint8)


def heat_on_image(canvas: ImageArray, heat: FloatArray, matrix: FloatArray) -> None:
    """
    Draw the heat of a crop into an image, at the place of the crop.

    Args:
        canvas: (H, W, 3) BGR uint8, is changed.
        heat: (S, S) float32 in [0, 1].
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
    part = canvas[top:bottom, left:right]
    part[:] = _blended(part, share)


def _blended(picture: npt.NDArray[Any], heat: npt.NDArray[Any]) -> ImageArray:
    """Return an image (H, W, 3) with heat (H, W) in colours from red to yellow over it."""
    levels = np.asarray(255.0 * (0.4 + 0.6 * heat), np.uint8)   # without the darkest colours
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_INFERNO)
    share = OPACITY * heat[:, :, np.newaxis]
    return np.asarray(picture * (1.0 - share) + colours * share, np.uint8)
