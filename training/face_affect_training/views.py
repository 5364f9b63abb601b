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
Augmentation: random changes to the crop matrix, the brightness and the pixels of faces.

The random numbers of an epoch depend on the seed and the index of the epoch only, so the result
for a face does not depend on the number of worker threads.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import cv2
from face_affect_ros.affect.boxes import resized
from face_affect_ros.affect.crop import box_of_chip, crop_matrix, CropSpec, to_channels, warp
from face_affect_ros.affect.types import ImageArray
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
#: Largest share of a crop that is erased, number of faces per job of a worker thread, and number
#: of epochs that are computed in advance.
ERASED, CHUNK, AHEAD = 0.15, 4096, 2


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random changes to a crop, in both directions unless stated otherwise."""

    flip: float = 0.5   # probability
    roll: float = 10.0   # degrees
    shift: float = 0.06   # share of the side of the crop
    zoom: tuple[float, float] = (0.95, 1.1)   # smallest and largest
    aspect: float = 0.04   # logarithm of the ratio
    shear: float = 0.04   # share of the side
    brightness: float = 0.08   # share of 255
    contrast: float = 0.2   # logarithm of the factor
    gamma: float = 0.0   # logarithm of the exponent
    tint: float = 0.0   # logarithm of the factor of each colour channel
    blur: float = 0.0   # largest sigma, pixels of the crop
    blur_share: float = 0.0   # probability of blur
    erase: float = 0.0   # probability of a rectangle of one grey value


class Views:
    """
    Augmented crops of all faces of a data set, by epoch.

    Args:
        images: (N, H, W) grey or (N, H, W, 3) BGR.
        spec: crop.
        augmentation: ranges of the changes.
        seed: of the random numbers.
        epochs: number of epochs.
        plain: number of last epochs without erasing.
        rounds: number of epochs after which the crops are repeated, 0 for no repetition.
        workers: threads that compute the next epochs in advance, 0 for none.
    """

    def __init__(self, images: ImageArray, spec: CropSpec, augmentation: Augmentation, *,
                 seed: int, epochs: int, plain: int = 0, rounds: int = 0,
                 workers: int = 0) -> None:
        self._images, self._spec, self._augmentation = images, spec, augmentation
        self._seed, self._epochs = seed, epochs
        self._plain_from, self.rounds = epochs - plain, rounds
        self._pending: dict[int, list[Future[ImageArray]]] = {}
        self._pool = ThreadPoolExecutor(workers) if workers > 0 else None

    def epoch(self, number: int) -> ImageArray:
        """Return the crops of an epoch, (N, size, size, channels) uint8."""
        if self._pool is None:
            return self._rendered(number, 0, len(self._images))
        for following in range(number, min(number + AHEAD, self._epochs - 1) + 1):
            if following not in self._pending:
                self._pending[following] = [
                    self._pool.submit(self._rendered, following, start, start + CHUNK)
                    for start in range(0, len(self._images), CHUNK)]
        return np.concatenate([part.result() for part in self._pending.pop(number)])

    def first_epoch(self, number: int) -> int:
        """Return the first epoch with the same crops."""
        if self.rounds == 0 or number >= self._plain_from:
            return number
        return number % self.rounds

    def close(self) -> None:
        """Stop the worker threads."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _rendered(self, number: int, start: int, stop: int) -> ImageArray:
        """Return the crops of some faces of an epoch."""
        spec, a, rows = self._spec, self._augmentation, slice(start, stop)
        if number >= self._plain_from:
            a = replace(a, erase=0.0)
        count, size = len(self._images), spec.size
        random = np.random.Generator(np.random.Philox(
            key=[self._seed, self.first_epoch(number)]))
        u = random.uniform(-1.0, 1.0, (count, 16))[rows]
        tint = random.uniform(-1.0, 1.0, (count, spec.channels))[rows]
        erased = (random.uniform(0.0, 1.0, count) < a.erase)[rows]
        grey = random.integers(0, 256, (count, 1))[rows]
        low, high = np.log(a.zoom)
        matrices = _matrices(size, angle=np.deg2rad(a.roll) * u[:, 1],
                             zoom=np.exp(low + (high - low) * (u[:, 0] + 1) / 2),
                             aspect=np.exp(a.aspect * u[:, 2]), shear=a.shear * u[:, 3],
                             shift=a.shift * size * u[:, 4:6], mirror=(u[:, 6] + 1) / 2 < a.flip)
        tables = _tables(a, u[:, 7], u[:, 8], u[:, 9], tint)
        curved = (tables[:, :, 0] != np.arange(256, dtype=np.uint8)).any()
        blurred = (u[:, 10] + 1) / 2 < a.blur_share
        sigmas = np.where(blurred, a.blur * (u[:, 15] + 1) / 2, 0.0)
        area = size * size * ERASED * (0.2 + 0.8 * (u[:, 11] + 1) / 2)
        ratio = np.exp(0.7 * u[:, 12])
        sides = np.sqrt(np.stack([area * ratio, area / ratio], 1)).clip(1, size).astype(np.int64)
        corners = np.floor((u[:, 13:15] + 1) / 2 * (size + 1 - sides)).astype(np.int64)

        images = self._images[rows]
        box = box_of_chip(images.shape[2], images.shape[1], spec.margin)
        matrices = (matrices @ np.vstack([crop_matrix(box, spec), [0, 0, 1]])).astype(np.float32)
        views = np.empty((len(images), size, size, spec.channels), np.uint8)
        for index, (view, image, matrix) in enumerate(zip(views, images, matrices)):
            crop: npt.NDArray[Any] = to_channels(warp(image, matrix, size), spec.channels)
            if sigmas[index] > 0.0:
                crop = np.reshape(cv2.GaussianBlur(crop, (0, 0), sigmas[index]), view.shape)
            if curved:
                crop = np.reshape(cv2.LUT(crop, tables[index][:, np.newaxis]), view.shape)
            view[:] = crop
            if erased[index]:
                (x, y), (width, height) = corners[index], sides[index]
                view[y:y + height, x:x + width] = grey[index]
        return views


def plain_views(images: ImageArray, spec: CropSpec, zoom: float = 1.0) -> ImageArray:
    """
    Return the crops of whole images without augmentation, (N, size, size, channels) uint8.

    They are not rotated, since there are no landmarks. The edge pixels of an image that is not
    square are repeated.

    Args:
        images: (N, H, W) grey or (N, H, W, 3) BGR.
        spec: crop.
        zoom: 1.5 shows the middle two thirds of the image.
    """
    box = box_of_chip(images.shape[2], images.shape[1], spec.margin)
    matrix = crop_matrix(resized(box[np.newaxis], 1.0 / zoom)[0], spec)
    views = np.empty((len(images), spec.size, spec.size, spec.channels), np.uint8)
    for view, image in zip(views, images):
        view[:] = to_channels(warp(image, matrix, spec.size), spec.channels)
    return views


def _matrices(size: int, *, angle: Floats, zoom: Floats, aspect: Floats, shear: Floats,
              shift: Floats, mirror: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """Return (N, 2, 3) transforms about the centre: mirror, scale, shear, rotate, shift."""
    cos, sin, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    rotation = np.array([[cos, -sin], [sin, cos]]).transpose(2, 0, 1)
    skew = np.array([[one, shear], [zero, one]]).transpose(2, 0, 1)
    sign = np.where(mirror, -1.0, 1.0)
    scale = np.array([[zoom * aspect * sign, zero], [zero, zoom / aspect]]).transpose(2, 0, 1)
    linear = rotation @ skew @ scale
    centre = np.full(2, (size - 1) / 2.0)
    offset = centre + shift - linear @ centre
    return np.concatenate([linear, offset[:, :, np.newaxis]], axis=2).astype(np.float32)


def _tables(a: Augmentation, light: Floats, contrast: Floats, gamma: Floats,
            tint: Floats) -> npt.NDArray[np.uint8]:
    """Return look-up tables (N, 256, C) uint8."""
    grey = np.arange(256, dtype=np.float32)[np.newaxis, :, np.newaxis] / 255.0
    if a.gamma > 0.0:
        grey = grey ** np.exp(a.gamma * gamma)[:, np.newaxis, np.newaxis].astype(np.float32)
    gain = np.exp(a.contrast * contrast[:, np.newaxis] + a.tint * tint)[:, np.newaxis]
    offset = (a.brightness * light)[:, np.newaxis, np.newaxis]
    curve = (grey - 0.5) * gain.astype(np.float32) + (0.5 + offset).astype(np.float32)
    return np.rint(curve.clip(0.0, 1.0) * 255.0).astype(np.uint8)
