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

"""Augmentation of training images: light, colour, blur, noise, compression and occlusion."""

import math

import cv2
from face_affect_ros.affect.types import FloatArray, ImageArray
from face_affect_training.detection.pictures import Faces
import numpy as np

#: Normally distributed numbers; the noise of an image is a random section of them.
_NOISE = np.random.default_rng(0).standard_normal(1 << 20).astype(np.float32)


def disturb(rng: np.random.Generator, view: ImageArray) -> ImageArray:
    """Change light, colour, blur, noise and JPEG quality of a (H, W, 3) BGR uint8 image."""
    if rng.random() < 0.12:
        grey = cv2.cvtColor(view, cv2.COLOR_BGR2GRAY)
        view = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
    if rng.random() < 0.07:
        view = _motion(rng, view)
    if rng.random() < 0.08:
        view = np.asarray(cv2.GaussianBlur(view, (0, 0), rng.uniform(0.5, 1.8)), np.uint8)
    dark = rng.random() < 0.12
    view = _tones(rng, view, dark)
    if rng.random() < 0.1:
        view = _gradient(rng, view)
    if rng.random() < (0.7 if dark else 0.12):
        view = _noisy(rng, view, rng.uniform(2.0, 18.0 if dark else 12.0))
    if rng.random() < 0.2:
        quality = int(rng.integers(20, 80))
        coded = cv2.imencode('.jpg', view, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        view = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return view


def cover_faces(rng: np.random.Generator, view: ImageArray, faces: Faces, share: float) -> None:
    """Draw masks, sunglasses and hand-like shapes over a fraction of the faces, in place."""
    for box, points in zip(faces.boxes, faces.landmarks):
        if rng.random() >= share or not np.isfinite(points).all():
            continue
        kind = rng.random()
        if kind < 0.55:
            _mask(rng, view, points)
        elif kind < 0.75:
            _glasses(rng, view, points)
        else:
            _hand(rng, view, box)


def _tones(rng: np.random.Generator, view: ImageArray, dark: bool) -> ImageArray:
    """Apply random exposure, gamma, contrast and colour cast."""
    levels = np.linspace(0.0, 1.0, 256, dtype=np.float32)
    gain = math.exp(rng.uniform(math.log(0.12), math.log(0.6))) if dark else rng.uniform(0.7, 1.4)
    gamma = math.exp(rng.uniform(-0.4, 0.4))
    contrast, offset = rng.uniform(0.75, 1.15), rng.uniform(-0.06, 0.1)
    cast = rng.uniform(0.82, 1.18, 3) if rng.random() < 0.35 else np.ones(3)
    curve = gain * levels ** gamma
    tables = [np.clip(255.0 * ((curve * channel - 0.5 * gain) * contrast + (0.5 + offset) * gain),
                      0, 255) for channel in cast]
    table = np.stack(tables, axis=-1).astype(np.uint8).reshape(1, 256, 3)
    return np.asarray(cv2.LUT(view, table), np.uint8)


def _gradient(rng: np.random.Generator, view: ImageArray) -> ImageArray:
    """Apply light from one side, or from behind."""
    coarse = rng.uniform(0.15, 1.0, (2, 2) if rng.random() < 0.6 else (3, 3)).astype(np.float32)
    gain = cv2.resize(coarse, view.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    gain = np.clip(gain * rng.uniform(1.0, 1.6), 0.1, 1.8)
    lit: ImageArray = np.clip(view * gain[..., np.newaxis], 0, 255).astype(np.uint8)
    return lit


def _motion(rng: np.random.Generator, view: ImageArray) -> ImageArray:
    """Apply motion blur."""
    length = int(rng.integers(3, 10))
    kernel = np.zeros((length, length), np.float32)
    angle = rng.uniform(0.0, math.pi)
    middle, reach = (length - 1) / 2, length / 2
    start, end = (tuple(int(round(middle + sign * reach * step))
                        for step in (math.cos(angle), math.sin(angle))) for sign in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return np.asarray(cv2.filter2D(view, -1, kernel / kernel.sum()), np.uint8)


def _noisy(rng: np.random.Generator, view: ImageArray, sigma: float) -> ImageArray:
    """Add noise per pixel and channel, or coarser grey noise as in compressed video."""
    height, width = view.shape[:2]
    if rng.random() < 0.5:
        noise: FloatArray = _noise(rng, view.size).reshape(view.shape)
    else:
        coarse = _noise(rng, (height // 2) * (width // 2)).reshape(height // 2, width // 2)
        noise = np.asarray(cv2.resize(coarse, (width, height)), np.float32)[..., np.newaxis]
    return np.clip(view + sigma * noise, 0, 255).astype(np.uint8)


def _noise(rng: np.random.Generator, count: int) -> FloatArray:
    start = int(rng.integers(0, len(_NOISE) - count))
    return _NOISE[start:start + count]


def _axes(points: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the midpoint of the eyes, and vectors as long as the eye distance: left and down."""
    middle = (points[0] + points[1]) / 2
    along = points[1] - points[0]
    down = np.array([-along[1], along[0]], np.float32)
    mouth = (points[3] + points[4]) / 2 - middle
    if float(down @ mouth) < 0.0:
        down = -down
    # In a profile the eye distance is small, so the distance to the mouth is the minimum.
    least = float(np.linalg.norm(mouth)) / max(float(np.linalg.norm(along)), 1e-3)
    return middle, along * max(1.0, 0.7 * least), down * max(1.0, 0.9 * least)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    usual = ((235, 235, 235), (225, 190, 140), (30, 30, 30), (200, 160, 60))
    if rng.random() < 0.7:
        base = np.array(usual[int(rng.integers(len(usual)))], np.float32)
        base *= np.float32(rng.uniform(0.7, 1.05))
    else:
        base = rng.uniform(0, 255, 3).astype(np.float32)
    blue, green, red = np.clip(base, 0, 255).astype(int).tolist()
    return blue, green, red


def _mask(rng: np.random.Generator, view: ImageArray, points: FloatArray) -> None:
    middle, along, down = _axes(points)
    top = rng.uniform(0.35, 0.6)
    outline = [(-0.95, top + 0.15), (-0.3, top), (0.3, top), (0.95, top + 0.15), (0.75, 1.5),
               (0.3, 1.85), (-0.3, 1.85), (-0.75, 1.5)]
    shape = np.array([middle + x * along + y * down for x, y in outline])
    cv2.fillPoly(view, [np.round(shape).astype(np.int32)], _colour(rng))


def _glasses(rng: np.random.Generator, view: ImageArray, points: FloatArray) -> None:
    middle, along, down = _axes(points)
    colour = tuple(int(value) for value in rng.integers(0, 50, 3))
    size = float(np.linalg.norm(along))
    for side in (-0.5, 0.5):
        centre = middle + side * along + 0.05 * down
        cv2.ellipse(view, tuple(np.round(centre).astype(int).tolist()),
                    (max(int(0.38 * size), 1), max(int(0.28 * size), 1)),
                    math.degrees(math.atan2(along[1], along[0])), 0, 360, colour, -1)


def _hand(rng: np.random.Generator, view: ImageArray, box: FloatArray) -> None:
    """Draw an ellipse of the colour of skin or cloth over the edge of the face."""
    angle = rng.uniform(0.0, 2 * math.pi)
    middle = box[:2] + box[2:] / 2 + 0.45 * box[2:] * (math.cos(angle), math.sin(angle))
    skin = np.array([rng.uniform(60, 190), rng.uniform(80, 200), rng.uniform(120, 240)])
    colour = skin if rng.random() < 0.6 else rng.uniform(0, 255, 3)
    axes = [max(int(side * rng.uniform(0.15, 0.35)), 1) for side in box[2:]]
    cv2.ellipse(view, tuple(np.round(middle).astype(int).tolist()), tuple(axes),
                float(rng.uniform(0, 180)), 0, 360,
                tuple(int(value) for value in colour), -1)
