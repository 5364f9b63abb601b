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

"""Crops of training and of the node: position, scale and level eyes."""

import cv2
from face_affect_ros.affect.crop import (
    box_of_chip,
    crop_matrix,
    CropSpec,
    extract_crops,
    roll_of,
    warp,
)
import numpy as np
import pytest

NO_LANDMARKS = np.full((1, 4, 2), np.nan, np.float32)


def gradient(height: int, width: int) -> np.ndarray:
    """Return a smooth grey image, which interpolation changes little."""
    rows, columns = np.mgrid[:height, :width]
    return (rows + columns).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(('box', 'spec', 'part'), [
    ((20, 30, 16, 16), CropSpec(size=16), np.s_[30:46, 20:36]),
    ((20, 30, 16, 16), CropSpec(size=32, margin=0.5), np.s_[22:54, 12:44]),
    ((20, 40, 20, 10), CropSpec(size=20), np.s_[35:55, 20:40])])
def test_a_crop_is_the_square_around_the_box_with_its_margin(
        box: tuple[int, ...], spec: CropSpec, part: tuple[slice, slice]) -> None:
    image = gradient(100, 100)
    crops = extract_crops(image, np.array([box], np.float32), NO_LANDMARKS, spec)
    assert crops.shape == (1, spec.size, spec.size, 1)
    np.testing.assert_array_equal(crops[0, :, :, 0], image[part])


def test_border_pixels_are_repeated_outside_of_the_image() -> None:
    image = gradient(40, 40) + np.uint8(10)
    crops = extract_crops(image, np.array([[-8, 10, 16, 16]], np.float32), NO_LANDMARKS,
                          CropSpec(size=16))
    np.testing.assert_array_equal(crops[0, :, 8:, 0], image[10:26, :8])
    np.testing.assert_array_equal(crops[0, :, :8, 0], np.repeat(image[10:26, :1], 8, axis=1))


@pytest.mark.parametrize('degrees', [-170.0, -90.0, -40.0, -10.0, 0.0, 25.0, 85.0, 180.0])
def test_the_eyes_are_level_in_the_crop(degrees: float) -> None:
    angle = np.deg2rad(degrees)
    centre, reach = np.array([50.0, 50.0]), 10.0 * np.array([np.cos(angle), np.sin(angle)])
    points = np.full((4, 2), np.nan, np.float32)
    points[0], points[1] = centre - reach, centre + reach
    roll = roll_of(points, 40.0)
    assert roll == pytest.approx(angle, abs=1e-6)
    matrix = crop_matrix(np.array([30, 30, 40, 40], np.float32), CropSpec(size=48), roll)
    eyes = points[:2] @ matrix[:, :2].T + matrix[:, 2]
    assert eyes[0, 1] == pytest.approx(eyes[1, 1], abs=1e-3)
    assert eyes[0, 0] < eyes[1, 0]


@pytest.mark.parametrize(('right', 'left'), [
    ((50.0, 50.0), (53.0, 50.0)),     # a profile: both eyes at one point
    ((np.nan, np.nan), (60.0, 50.0)),
])
def test_an_unreliable_angle_is_not_used(right: tuple[float, float],
                                         left: tuple[float, float]) -> None:
    points = np.array([right, left, (0, 0), (0, 0)], np.float32)
    assert roll_of(points, 40.0) == 0.0


def test_crops_are_rgb_or_grey() -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[:] = (255, 0, 0)  # blue, as OpenCV has it
    box = np.array([[10, 10, 8, 8]], np.float32)
    rgb = extract_crops(image, box, NO_LANDMARKS, CropSpec(size=8, channels=3))
    assert rgb[0, 4, 4].tolist() == [0, 0, 255]
    grey = extract_crops(image, box, NO_LANDMARKS, CropSpec(size=8, channels=1))
    assert grey[0, 4, 4].tolist() == [29]
    from_grey = extract_crops(image[:, :, 0], box, NO_LANDMARKS, CropSpec(size=8, channels=3))
    assert from_grey[0, 4, 4].tolist() == [255, 255, 255]


def test_a_large_face_is_averaged_down_not_sampled() -> None:
    checker = (np.indices((800, 800)).sum(axis=0) % 2 * 255).astype(np.uint8)
    box = np.array([[100, 100, 600, 600]], np.float32)
    crop = extract_crops(checker, box, NO_LANDMARKS, CropSpec(size=48))
    assert abs(float(crop.mean()) - 127.5) < 3
    assert float(crop.std()) < 16  # sampling would give black and white, 127


def test_averaging_keeps_the_face_in_place() -> None:
    image = cv2.GaussianBlur((np.indices((600, 600)).sum(axis=0) // 60 % 2 * 255).astype(np.uint8),
                             (0, 0), 12)
    matrix = crop_matrix(np.array([90, 120, 400, 400], np.float32), CropSpec(size=64), 0.3)
    reduced = warp(image, matrix, 64).astype(float)
    plain = cv2.warpAffine(cv2.GaussianBlur(image, (0, 0), 3), matrix, (64, 64)).astype(float)
    assert np.abs(reduced - plain).mean() < 2.0


@pytest.mark.parametrize('margin', [0.0, 0.1, 0.25])
def test_the_crop_of_a_chip_is_the_whole_chip(margin: float) -> None:
    chip = gradient(48, 48)
    crops = extract_crops(chip, box_of_chip(48, 48, margin)[np.newaxis], NO_LANDMARKS,
                          CropSpec(size=48, margin=margin))
    np.testing.assert_allclose(crops[0, :, :, 0].astype(int), chip, atol=1)


def test_no_faces_give_no_crops() -> None:
    crops = extract_crops(gradient(10, 10), np.zeros((0, 4), np.float32), NO_LANDMARKS[:0],
                          CropSpec(size=48, channels=3))
    assert crops.shape == (0, 48, 48, 3)
