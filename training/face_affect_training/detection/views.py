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

"""Augmented samples ("views") of labelled images for training the detector."""

from collections.abc import Sequence
from dataclasses import dataclass
import math

import cv2
from face_affect_ros.affect.types import FloatArray, ImageArray
from face_affect_training.detection.disturb import cover_faces, disturb
from face_affect_training.detection.pictures import Faces, Picture
import numpy as np

#: Index of each landmark in the mirror image.
MIRRORED = (1, 0, 2, 4, 3)
#: Maximum scale of an image.
MAX_ZOOM = 2.5
#: Minimum size of a scaled image relative to its region.
COVERED = 0.7


@dataclass(frozen=True)
class ViewSettings:
    """
    Settings of the augmentation.

    Attributes:
        size: Side of the square view in pixels.
        faces: Minimum and maximum size of the selected face, the square root of its area in
            pixels, with a log-uniform distribution.
        smallest: The loss ignores smaller faces.
        full_circle: Fraction of images that are rotated by any angle.
        roll: Standard deviation of the rotation of the others, in degrees.
        grids: Relative frequency of views of 1, 2x2 and 3x3 images.
        chips: Fraction of images into which faces are pasted.
        empty: Fraction of images without a face.
        look_alikes: Fraction of images around a hard negative.
        covered: Fraction of faces with a mask, sunglasses or a hand.
        disturbed: Fraction of views with random light, blur, noise and compression.
    """

    size: int = 320
    faces: tuple[float, float] = (12.0, 300.0)
    smallest: float = 8.0
    full_circle: float = 0.35
    roll: float = 12.0
    grids: tuple[float, ...] = (0.45, 0.35, 0.2)
    chips: float = 0.25
    empty: float = 0.15
    look_alikes: float = 0.2
    covered: float = 0.15
    disturbed: float = 1.0


class Views:
    """Random views; a view depends only on the seed and its number."""

    def __init__(self, pictures: Sequence[Picture], chips: Sequence[Picture],
                 settings: ViewSettings, seed: int) -> None:
        """Set the images and the chips, which are images of a single face."""
        self._with = [picture for picture in pictures if picture.faces.certain.any()]
        self._without = [picture for picture in pictures if not len(picture.faces)]
        self._look_alikes = [(picture, box) for picture in pictures
                             for box in picture.look_alikes]
        self._chips = chips
        self._settings = settings
        self._seed = seed
        grids = np.asarray(settings.grids, np.float64)
        self._grids = grids / grids.sum()

    def __call__(self, number: int) -> tuple[ImageArray, Faces]:
        """Return view `number`, (S, S, 3) BGR uint8, and its labels."""
        rng = np.random.default_rng((self._seed, number))
        settings = self._settings
        size = settings.size
        view = np.empty((size, size, 3), np.uint8)
        grid = 1 + int(rng.choice(len(self._grids), p=self._grids))
        parts = [(slice(*rows), slice(*columns)) for rows in _cuts(rng, size, grid)
                 for columns in _cuts(rng, size, grid)]
        found = []
        for rows, columns in parts:
            height, width = rows.stop - rows.start, columns.stop - columns.start
            with_chips = self._chips and rng.random() < settings.chips
            without = bool(self._without) and bool(with_chips or rng.random() < settings.empty)
            view[rows, columns], faces = self._region(rng, width, height, without)
            if with_chips:
                faces = self._paste(rng, view[rows, columns], faces)
            faces = _within(faces, width, height, settings.smallest)
            found.append(_moved(faces, columns.start, rows.start))
        faces = _joined(found)
        cover_faces(rng, view, faces, settings.covered)
        return disturb(rng, view) if rng.random() < settings.disturbed else view, faces

    def _region(self, rng: np.random.Generator, width: int, height: int,
                without: bool) -> tuple[ImageArray, Faces]:
        """Return a part of an image with random scale and rotation, and its labels."""
        picture, box = self._choose(rng, without)
        rows, columns = picture.pixels.shape[:2]
        if box is not None:
            size = math.sqrt(box[2:].prod())
            x, y = box[:2] + box[2:] / 2
            low, high = self._settings.faces
            zoom = math.exp(rng.uniform(
                math.log(low), math.log(min(high, max(width, height))))) / size
            target = (rng.uniform(0.0, width), rng.uniform(0.0, height))
            zoom = max(zoom, COVERED * min(width / columns, height / rows))
        else:
            x, y = rng.uniform(0.0, columns), rng.uniform(0.0, rows)
            zoom = max(width / columns, height / rows) * math.exp(rng.uniform(-0.2, 1.0))
            target = (width / 2, height / 2)
        zoom = min(zoom, MAX_ZOOM)
        under = self._background(rng, width, height)
        return under, _warped(rng, picture, (float(x), float(y)), zoom, self._angle(rng), target,
                              under)

    def _background(self, rng: np.random.Generator, width: int, height: int) -> ImageArray:
        """Return a plain colour, or an image without a face."""
        view = np.empty((height, width, 3), np.uint8)
        if self._without and rng.random() < 0.6:
            picture = self._without[int(rng.integers(len(self._without)))]
            return np.asarray(cv2.resize(picture.pixels, (width, height), dst=view,
                                         interpolation=cv2.INTER_AREA), np.uint8)
        view[:] = rng.integers(0, 256, 3 if rng.random() < 0.5 else 1)
        return view

    def _choose(self, rng: np.random.Generator, without: bool
                ) -> tuple[Picture, FloatArray | None]:
        """Return an image, and a box of a face or hard negative in it if there is one."""
        if without and self._without:
            return self._without[int(rng.integers(len(self._without)))], None
        if self._look_alikes and rng.random() < self._settings.look_alikes:
            return self._look_alikes[int(rng.integers(len(self._look_alikes)))]
        picture = self._with[int(rng.integers(len(self._with)))]
        return picture, picture.faces.boxes[int(rng.choice(np.flatnonzero(picture.faces.certain)))]

    def _angle(self, rng: np.random.Generator) -> float:
        if rng.random() < self._settings.full_circle:
            return float(rng.uniform(-180.0, 180.0))
        return float(rng.normal(0.0, self._settings.roll))

    def _paste(self, rng: np.random.Generator, view: ImageArray, faces: Faces) -> Faces:
        """Blend chips into the view where no other face is; return the labels."""
        height, width = view.shape[:2]
        found = [faces]
        taken = [tuple(box) for box in faces.boxes]
        low, high = self._settings.faces
        for _ in range(int(rng.integers(2, 12))):
            chip = self._chips[int(rng.integers(len(self._chips)))]
            size = math.sqrt(chip.faces.boxes[0, 2:].prod())
            high_here = min(high, 0.6 * min(width, height))
            zoom = math.exp(rng.uniform(math.log(low), math.log(max(high_here, low + 1)))) / size
            side = max(chip.pixels.shape[:2])
            reach = max(int(math.ceil(side * zoom * 1.45)), 4)
            zoom = min(zoom, MAX_ZOOM)
            part = np.zeros((reach, reach, 3), np.uint8)
            labels = _warped(rng, chip, (side / 2, side / 2), zoom, self._angle(rng),
                             (reach / 2, reach / 2), part)
            left, top = (int(rng.uniform(0.0, max(length - 0.4 * reach, 0.0)) - 0.3 * reach)
                         for length in (width, height))
            place = (left, top, reach, reach)
            if any(_overlap(place, other) for other in taken):
                continue
            taken.append(place)
            _blend(rng, view, part, left, top, side * zoom)
            found.append(_moved(labels, left, top))
        return _joined(found)


def _cuts(rng: np.random.Generator, size: int, count: int) -> list[tuple[int, int]]:
    """Divide a side into `count` sections of random length."""
    inner = [int(size * (each + rng.uniform(-0.2, 0.2)) / count) for each in range(1, count)]
    edges = [0, *inner, size]
    return list(zip(edges, edges[1:]))


def _warped(rng: np.random.Generator, picture: Picture, centre: tuple[float, float], zoom: float,
            degrees: float, target: tuple[float, float], view: ImageArray) -> Faces:
    """Draw an image scaled, rotated and maybe mirrored, with centre at target; return labels."""
    pixels, scale = picture.pixels, 1.0
    if zoom < 0.7:   # avoid aliasing
        scale = max(zoom / 0.9, 2.0 / min(pixels.shape[:2]))
        pixels = np.asarray(cv2.resize(pixels, None, fx=scale, fy=scale,
                                       interpolation=cv2.INTER_AREA), np.uint8)
    mirror = rng.random() < 0.5
    stretch = math.exp(rng.uniform(-0.12, 0.12))
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shape = np.diag([zoom * stretch * (-1.0 if mirror else 1.0), zoom / stretch])
    linear = turn @ shape
    offset = np.array(target) - linear @ np.array(centre)
    matrix = np.concatenate([linear / scale, offset[:, np.newaxis]], axis=1)
    cv2.warpAffine(pixels, matrix, view.shape[1::-1], dst=view, flags=cv2.INTER_LINEAR,
                   borderMode=cv2.BORDER_TRANSPARENT)
    return _warped_faces(picture.faces, linear, offset, mirror)


def _warped_faces(faces: Faces, linear: FloatArray, offset: FloatArray, mirror: bool) -> Faces:
    if not len(faces):
        return faces
    half = faces.boxes[:, 2:] / 2
    centres = (faces.boxes[:, :2] + half) @ linear.T + offset
    # Bounding box of the rotated ellipse that is inscribed in the box.
    halves = np.sqrt((half[:, np.newaxis] * linear) ** 2 @ np.ones(2))
    points = faces.landmarks @ linear.T + offset
    if mirror:
        points = points[:, MIRRORED]
    boxes = np.concatenate([centres - halves, 2 * halves], axis=1)
    return Faces(boxes.astype(np.float32), points.astype(np.float32), faces.certain)


def _blend(rng: np.random.Generator, view: ImageArray, part: ImageArray, left: int, top: int,
           side: float) -> None:
    """Draw a rotated chip with soft edges."""
    height, width = view.shape[:2]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + part.shape[1], width), min(top + part.shape[0], height)
    if x1 <= x0 or y1 <= y0:
        return
    rows = np.arange(y0 - top, y1 - top, dtype=np.float32) - part.shape[0] / 2
    columns = np.arange(x0 - left, x1 - left, dtype=np.float32) - part.shape[1] / 2
    distance = np.hypot(rows[:, np.newaxis], columns[np.newaxis]) / (side / 2)
    soft = rng.uniform(0.05, 0.4)
    alpha = np.clip((1.0 - distance) / soft, 0.0, 1.0)[..., np.newaxis]
    under = view[y0:y1, x0:x1]
    over = part[y0 - top:y1 - top, x0 - left:x1 - left]
    under[:] = (under + alpha * (over.astype(np.float32) - under)).astype(np.uint8)


def _overlap(first: Sequence[float], second: Sequence[float]) -> bool:
    """Return whether the inner 70 % of two boxes overlap."""
    return all(abs(first[axis] + first[axis + 2] / 2 - second[axis] - second[axis + 2] / 2)
               < 0.35 * (first[axis + 2] + second[axis + 2]) for axis in (0, 1))


def _moved(faces: Faces, x: float, y: float) -> Faces:
    offset = np.array([x, y], np.float32)
    boxes = faces.boxes.copy()
    boxes[:, :2] += offset
    return Faces(boxes, faces.landmarks + offset, faces.certain)


def _joined(parts: Sequence[Faces]) -> Faces:
    return Faces(np.concatenate([part.boxes for part in parts]),
                 np.concatenate([part.landmarks for part in parts]),
                 np.concatenate([part.certain for part in parts]))


def _within(faces: Faces, width: int, height: int, smallest: float) -> Faces:
    """Remove the faces outside a region; mark small and truncated ones as not certain."""
    limit = np.array([width, height], np.float32)
    start, end = faces.boxes[:, :2], faces.boxes[:, :2] + faces.boxes[:, 2:]
    inside = (np.clip(end, 0, limit) - np.clip(start, 0, limit)).prod(axis=1)
    area = np.maximum(faces.boxes[:, 2:].prod(axis=1), 1e-6)
    middle = (start + end) / 2
    certain = (faces.certain & (inside >= 0.5 * area) & (np.sqrt(area) >= smallest)
               & (middle > 0).all(axis=1) & (middle < limit).all(axis=1))
    keep = inside > 0
    return Faces(faces.boxes[keep], faces.landmarks[keep], certain[keep])
