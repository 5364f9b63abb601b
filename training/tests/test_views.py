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

"""Augmentation: identical to the crop of the node without changes, reproducible with them."""

from dataclasses import replace

import cv2
from face_affect_ros.affect.crop import box_of_chip, CropSpec, extract_crops
from face_affect_training import views
from face_affect_training.views import Augmentation, plain_views, Views
import numpy as np
import pytest

PLAIN = Augmentation(flip=0.0, roll=0.0, shift=0.0, zoom=(1.0, 1.0), aspect=0.0, shear=0.0,
                     brightness=0.0, contrast=0.0)
WILD = Augmentation(roll=30, shift=0.2, zoom=(0.7, 1.4), aspect=0.1, shear=0.1, brightness=0.2,
                    contrast=0.4, gamma=0.3, tint=0.2, blur=1.5, blur_share=0.5, erase=0.5)


def faces(*shape: int) -> np.ndarray:
    """Return smooth random images, uint8."""
    random = np.random.default_rng(1)
    small = random.integers(0, 256, (shape[0], 9, 9, *shape[3:]), np.uint8)
    return np.stack([cv2.resize(image, shape[2:0:-1]) for image in small])


@pytest.mark.parametrize('shape, spec', [
    ((5, 48, 48), CropSpec(48, 1, 0.1)), ((5, 48, 48), CropSpec(64, 1, 0.0)),
    ((5, 112, 112, 3), CropSpec(64, 3, 0.15)), ((5, 200, 200, 3), CropSpec(48, 1, 0.3))])
def test_views_without_changes_are_the_crops_of_the_node(shape: tuple[int, ...],
                                                         spec: CropSpec) -> None:
    images = faces(*shape)
    box = box_of_chip(images.shape[2], images.shape[1], spec.margin)[np.newaxis]
    landmarks = np.full((1, 4, 2), np.nan, np.float32)
    crops = np.concatenate([extract_crops(image, box, landmarks, spec) for image in images])
    np.testing.assert_array_equal(plain_views(images, spec), crops)
    unchanged = Views(images, spec, PLAIN, seed=1, epochs=1).epoch(0)
    assert np.abs(unchanged.astype(int) - crops).max() <= 1


def test_zoom_shows_the_middle() -> None:
    image = np.zeros((1, 40, 40), np.uint8)
    image[0, 10:30, 10:30] = 200
    assert plain_views(image, CropSpec(40), 2.0)[0, 2:-2, 2:-2].min() == 200


def test_flip_mirrors() -> None:
    images = faces(4, 48, 48)
    flipped = Views(images, CropSpec(48), replace(PLAIN, flip=1.0), seed=1, epochs=1).epoch(0)
    assert np.abs(flipped[..., 0].astype(int) - images[:, :, ::-1]).max() <= 1


@pytest.mark.parametrize('shape, channels', [((300, 48, 48), 1), ((300, 60, 60, 3), 3)])
def test_workers_do_not_change_the_views(shape: tuple[int, ...], channels: int,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    images = faces(*shape)
    here = Views(images, CropSpec(32, channels), WILD, seed=4, epochs=3, plain=1)
    monkeypatch.setattr(views, 'CHUNK', 64)
    there = Views(images, CropSpec(32, channels), WILD, seed=4, epochs=3, plain=1, workers=2)
    try:
        for epoch in (1, 2):
            assert (here.epoch(epoch) == there.epoch(epoch)).all()
    finally:
        there.close()
    assert (here.epoch(0) != here.epoch(1)).mean() > 0.5


@pytest.mark.parametrize('workers', [0, 2])
def test_views_are_repeated_except_in_the_plain_epochs(workers: int) -> None:
    samples = Views(faces(50, 48, 48), CropSpec(32), WILD, seed=4, epochs=6, plain=1, rounds=2,
                    workers=workers)
    try:
        first, second, third, fourth, _, last = (samples.epoch(number) for number in range(6))
    finally:
        samples.close()
    assert (first == third).all() and (second == fourth).all()
    assert (first != second).mean() > 0.5 and (second != last).mean() > 0.5
    assert [samples.first_epoch(number) for number in range(6)] == [0, 1, 0, 1, 0, 5]
