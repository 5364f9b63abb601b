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
All views of an epoch, rendered ahead by worker processes.

Worker count changes the speed and nothing else.
"""

from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import replace
import multiprocessing
from pathlib import Path

import cv2
from face_affect_ros.affect.crop import CropSpec
from face_affect_ros.affect.types import ImageArray
from face_affect_training.augment import Augmentation, draw, PLAIN, render
import numpy as np

_images: ImageArray | None = None
CHUNK = 4096


class Views:
    """
    Renders whole epochs of one data set, the next ones while the present one is in use.

    images: (N, H, W) grey or (N, H, W, 3) BGR chips; a picture array that is mapped from a file is
    shared. gentle: number of last epochs without erasing. rounds: after this many epochs the same
    views come again, 0 for never. workers: processes; 0 renders in this one. ahead: epochs under
    way at a time beside the present one.
    """

    def __init__(self, images: ImageArray, spec: CropSpec, augmentation: Augmentation, *,
                 seed: int, epochs: int, gentle: int = 0, rounds: int = 0,
                 workers: int = 0, ahead: int = 2) -> None:
        self._images, self._spec, self._augmentation = images, spec, augmentation
        self._seed, self._epochs, self._ahead = seed, epochs, ahead
        self._gentle_from, self.rounds = epochs - gentle, rounds
        self._pending: dict[int, list[Future[ImageArray]]] = {}
        self._pool: ProcessPoolExecutor | None = None
        if workers > 0:
            # spawn: a fork of a process in which a GPU runtime has started threads can hang
            self._pool = ProcessPoolExecutor(
                workers, mp_context=multiprocessing.get_context('spawn'),
                initializer=_start, initargs=(_source(images),))

    def epoch(self, number: int) -> ImageArray:
        """Return the views of an epoch, (N, size, size, channels) uint8."""
        if self._pool is None:
            return self._render_here(number)
        for following in range(number, min(number + self._ahead, self._epochs - 1) + 1):
            if following not in self._pending:
                self._pending[following] = self._submit(self._pool, following)
        parts = [future.result() for future in self._pending.pop(number)]
        return np.concatenate(parts)

    def first_shown(self, number: int) -> int:
        """Return the first epoch with the views of this one."""
        if self.rounds == 0 or number >= self._gentle_from:
            return number
        return number % self.rounds

    def close(self) -> None:
        """Stop the workers."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def _render_here(self, number: int) -> ImageArray:
        return _chunk(self._images, self._spec, self._of(number), self._seed,
                      self.first_shown(number), 0, len(self._images))

    def _of(self, number: int) -> Augmentation:
        gentle = number >= self._gentle_from
        return replace(self._augmentation, erase=0.0) if gentle else self._augmentation

    def _submit(self, pool: ProcessPoolExecutor, number: int) -> list[Future[ImageArray]]:
        return [pool.submit(_remote, self._spec, self._of(number), self._seed,
                            self.first_shown(number), start,
                            min(start + CHUNK, len(self._images)))
                for start in range(0, len(self._images), CHUNK)]


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
    return render(images, draws, range(start, stop), spec=spec, seed=seed, epoch=epoch)


def _source(images: ImageArray) -> tuple[Path, int, tuple[int, ...]] | ImageArray:
    """Return where a mapped array lies, so that workers map it too; else the array itself."""
    mapped = images if isinstance(images, np.memmap) else images.base
    if isinstance(mapped, np.memmap) and mapped.filename is not None:
        return Path(mapped.filename), int(mapped.offset), images.shape
    return images


def _start(source: tuple[Path, int, tuple[int, ...]] | ImageArray) -> None:
    global _images
    cv2.setNumThreads(1)
    if isinstance(source, tuple):
        path, offset, shape = source
        source = np.memmap(path, np.uint8, 'r', offset, shape).view(np.ndarray)
    _images = source


def _remote(spec: CropSpec, augmentation: Augmentation, seed: int, epoch: int, start: int,
            stop: int) -> ImageArray:
    assert _images is not None
    return _chunk(_images, spec, augmentation, seed, epoch, start, stop)
