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
Random views of faces: the robot's own crop matrix, disturbed, then light and occlusion.

All draws of an epoch come from one generator seeded with (seed, epoch) and are taken for the whole
data set at once, so the view of face i depends on nothing but (seed, epoch, i). Worker threads
render the epochs ahead; their number changes the speed and nothing else.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import cv2
from face_affect_ros.affect.crop import (
    box_of_chip,
    crop_matrix,
    CropSpec,
    to_channels,
    warp,
)
from face_affect_ros.affect.types import ImageArray
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Largest share of a crop that is erased, faces that a worker renders at a time, and epochs that
#: are rendered beside the present one.
ERASED, CHUNK, AHEAD = 0.15, 4096, 2


@dataclass(frozen=True)
class Augmentation:
    """
    How far a view may lie from the plain crop. All zero, and zoom 1 to 1, is the plain crop.

    flip: probability of a mirror image. roll: degrees either way. shift: share of the crop's side
    either way. zoom: smallest and largest, 1 shows the whole chip, 1.5 its middle two thirds.
    aspect, shear: shares either way. brightness: share of 255 either way. contrast, gamma:
    logarithms either way. tint: logarithm of each colour channel's gain, either way. blur: highest
    sigma in output pixels, blur_share: probability of it. erase: probability of a rectangle of
    even grey, of up to ERASED of the crop.
    """

    flip: float = 0.5
    roll: float = 10.0
    shift: float = 0.06
    zoom: tuple[float, float] = (0.95, 1.1)
    aspect: float = 0.04
    shear: float = 0.04
    brightness: float = 0.08
    contrast: float = 0.2
    gamma: float = 0.0
    tint: float = 0.0
    blur: float = 0.0
    blur_share: float = 0.0
    erase: float = 0.0


PLAIN = Augmentation(flip=0.0, roll=0.0, shift=0.0, zoom=(1.0, 1.0), aspect=0.0, shear=0.0,
                     brightness=0.0, contrast=0.0)


@dataclass(frozen=True)
class Draws:
    """
    What was drawn for faces of an epoch, (N, ...) each.

    matrices: (N, 2, 3) float32 from crop to disturbed crop. tables: (N, 256, C) uint8 tone curves.
    blur: (N,) sigma, 0 for none. erase: (N, 5) x0, y0, x1, y1, grey level; x1 <= x0 for none.
    """

    matrices: npt.NDArray[np.float32]
    tables: npt.NDArray[np.uint8]
    blur: Floats
    erase: npt.NDArray[np.int64]


def draw(augmentation: Augmentation, *, count: int, size: int, channels: int, seed: int,
         epoch: int, rows: slice = slice(None)) -> Draws:
    """
    Draw the views of one epoch. Same arguments, same draws, on every machine.

    count: of all faces. rows: those whose draws are returned; they are the same as among all.
    """
    a = augmentation
    random = np.random.Generator(np.random.Philox(key=[seed, epoch]))
    u = random.uniform(-1.0, 1.0, (count, 16))[rows]
    tint = random.uniform(-1.0, 1.0, (count, channels))[rows]
    erased = (random.uniform(0.0, 1.0, count) < a.erase)[rows, np.newaxis]
    grey = random.integers(0, 256, (count, 1))[rows]
    zoom = np.exp(_between(u[:, 0], np.log(a.zoom[0]), np.log(a.zoom[1])))
    matrices = _matrices(size, angle=np.deg2rad(a.roll) * u[:, 1], zoom=zoom,
                         aspect=np.exp(a.aspect * u[:, 2]), shear=a.shear * u[:, 3],
                         shift=a.shift * size * u[:, 4:6], mirror=(u[:, 6] + 1) / 2 < a.flip)
    tables = _tables(a, u[:, 7], u[:, 8], u[:, 9], tint)
    blurred = (u[:, 10] + 1) / 2 < a.blur_share
    area = size * size * ERASED * (0.2 + 0.8 * (u[:, 11] + 1) / 2)
    ratio = np.exp(0.7 * u[:, 12])
    sides = np.sqrt(np.stack([area * ratio, area / ratio], 1)).clip(1, size).astype(np.int64)
    place = np.floor((u[:, 13:15] + 1) / 2 * (size + 1 - sides)).astype(np.int64)
    erase = np.concatenate([place, np.where(erased, place + sides, place), grey], 1)
    return Draws(matrices, tables, np.where(blurred, a.blur * (u[:, 15] + 1) / 2, 0.0),
                 erase)


def render(images: ImageArray, draws: Draws, rows: range, spec: CropSpec) -> ImageArray:
    """
    Return the views of some faces, (len(rows), size, size, channels) uint8.

    images: all faces, (N, H, W) grey or (N, H, W, 3) BGR chips. draws: of these rows. spec: the
    crop. rows: which faces.
    """
    height, width = images.shape[1:3]
    base = np.vstack([crop_matrix(box_of_chip(width, height, spec.margin), spec), [0, 0, 1]])
    matrices = (draws.matrices @ base).astype(np.float32)
    views = np.empty((len(rows), spec.size, spec.size, spec.channels), np.uint8)
    curved = bool((draws.tables[:, :, 0] != np.arange(256, dtype=np.uint8)).any())
    for index, (view, row, matrix) in enumerate(zip(views, rows, matrices)):
        crop: npt.NDArray[Any] = to_channels(warp(images[row], matrix, spec.size), spec.channels)
        if draws.blur[index] > 0.0:
            crop = np.reshape(cv2.GaussianBlur(crop, (0, 0), draws.blur[index]), view.shape)
        if curved:
            crop = np.reshape(cv2.LUT(crop, draws.tables[index][:, np.newaxis]), view.shape)
        view[:] = crop
        x0, y0, x1, y1, level = draws.erase[index].tolist()
        if x1 > x0:
            view[y0:y1, x0:x1] = level
    return views


def _between(u: Floats, low: float, high: float) -> Floats:
    return np.asarray(low + (high - low) * (u + 1) / 2, np.float64)


def _matrices(size: int, *, angle: Floats, zoom: Floats, aspect: Floats, shear: Floats,
              shift: Floats, mirror: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return (N, 3, 3) maps about the crop's centre: mirror, scale, shear, turn, shift."""
    cos, sin, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    turn = np.array([[cos, -sin], [sin, cos]]).transpose(2, 0, 1)
    slant = np.array([[one, shear], [zero, one]]).transpose(2, 0, 1)
    sign = np.where(mirror, -1.0, 1.0)
    scale = np.array([[zoom * aspect * sign, zero], [zero, zoom / aspect]]).transpose(2, 0, 1)
    linear = turn @ slant @ scale
    centre = np.full(2, (size - 1) / 2.0)
    maps = np.zeros((len(angle), 3, 3))
    maps[:, :2, :2] = linear
    maps[:, :2, 2] = centre + shift - linear @ centre
    return maps[:, :2].astype(np.float32)


def _tables(a: Augmentation, light: Floats, contrast: Floats, gamma: Floats,
            tint: Floats) -> npt.NDArray[np.uint8]:
    """Return (N, 256, C) uint8 tone curves."""
    grey = np.arange(256, dtype=np.float32)[np.newaxis, :, np.newaxis] / 255.0
    if a.gamma > 0.0:
        grey = grey ** np.exp(a.gamma * gamma)[:, np.newaxis, np.newaxis].astype(np.float32)
    gain = np.exp(a.contrast * contrast[:, np.newaxis] + a.tint * tint)[:, np.newaxis]
    offset = (a.brightness * light)[:, np.newaxis, np.newaxis]
    curve = (grey - 0.5) * gain.astype(np.float32) + (0.5 + offset).astype(np.float32)
    return np.rint(curve.clip(0.0, 1.0) * 255.0).astype(np.uint8)


class Views:
    """
    Renders whole epochs of one data set, the next ones while the present one is in use.

    images: (N, H, W) grey or (N, H, W, 3) BGR chips. gentle: number of last epochs without
    erasing. rounds: after this many epochs the same views come again, 0 for never. workers:
    threads, of which OpenCV keeps the interpreter free; 0 renders when the epoch is wanted.
    """

    def __init__(self, images: ImageArray, spec: CropSpec, augmentation: Augmentation, *,
                 seed: int, epochs: int, gentle: int = 0, rounds: int = 0,
                 workers: int = 0) -> None:
        self._images, self._spec, self._augmentation = images, spec, augmentation
        self._seed, self._epochs = seed, epochs
        self._gentle_from, self.rounds = epochs - gentle, rounds
        self._pending: dict[int, list[Future[ImageArray]]] = {}
        self._pool = ThreadPoolExecutor(workers) if workers > 0 else None

    def epoch(self, number: int) -> ImageArray:
        """Return the views of an epoch, (N, size, size, channels) uint8."""
        if self._pool is None:
            return self._rendered(number, 0, len(self._images))
        for following in range(number, min(number + AHEAD, self._epochs - 1) + 1):
            if following not in self._pending:
                self._pending[following] = [
                    self._pool.submit(self._rendered, following, start, start + CHUNK)
                    for start in range(0, len(self._images), CHUNK)]
        return np.concatenate([part.result() for part in self._pending.pop(number)])

    def first_shown(self, number: int) -> int:
        """Return the first epoch with the views of this one."""
        if self.rounds == 0 or number >= self._gentle_from:
            return number
        return number % self.rounds

    def close(self) -> None:
        """Stop the workers."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _rendered(self, number: int, start: int, stop: int) -> ImageArray:
        gentle = number >= self._gentle_from
        plan = replace(self._augmentation, erase=0.0) if gentle else self._augmentation
        return _chunk(self._images, self._spec, plan, self._seed, self.first_shown(number), start,
                      min(stop, len(self._images)))


def plain_views(images: ImageArray, spec: CropSpec, zoom: float = 1.0) -> ImageArray:
    """
    Return the undisturbed crops, (N, size, size, channels) uint8.

    zoom: 1 shows the whole chip, 1.5 its middle two thirds.
    """
    plain = replace(PLAIN, zoom=(zoom, zoom))
    return _chunk(images, spec, plain, 0, 0, 0, len(images))


def _chunk(images: ImageArray, spec: CropSpec, augmentation: Augmentation, seed: int, epoch: int,
           start: int, stop: int) -> ImageArray:
    draws = draw(augmentation, count=len(images), size=spec.size, channels=spec.channels,
                 seed=seed, epoch=epoch, rows=slice(start, stop))
    return render(images, draws, range(start, stop), spec)
