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

"""Geometry of boxes, compared with values computed by hand."""

from face_affect_ros.affect.boxes import clip, iou, letterbox, weighted_nms, whole_pixels
import numpy as np
import pytest


def boxes(*rows: tuple[float, ...]) -> np.ndarray:
    """Return rows as a float32 array."""
    return np.array(rows, np.float32)


@pytest.mark.parametrize(('first', 'second', 'expected'), [
    ((0, 0, 2, 2), (0, 0, 2, 2), 1.0),
    ((0, 0, 2, 2), (1, 0, 2, 2), 2 / 6),
    ((0, 0, 2, 2), (1, 1, 2, 2), 1 / 7),
    ((0, 0, 2, 2), (2, 0, 2, 2), 0.0),
    ((0, 0, 4, 4), (1, 1, 2, 2), 4 / 16),
    ((0, 0, 0, 0), (0, 0, 0, 0), 0.0),
])
def test_iou(first: tuple[float, ...], second: tuple[float, ...], expected: float) -> None:
    np.testing.assert_allclose(iou(boxes(first), boxes(second)), [[expected]], atol=1e-6)


def test_iou_has_a_row_per_first_and_a_column_per_second() -> None:
    assert iou(np.zeros((3, 4), np.float32), np.zeros((2, 4), np.float32)).shape == (3, 2)
    assert iou(np.zeros((0, 4), np.float32), np.zeros((2, 4), np.float32)).shape == (0, 2)


@pytest.mark.parametrize(('box', 'expected'), [
    ((10, 10, 20, 20), (10, 10, 20, 20)),
    ((-5, -5, 20, 20), (0, 0, 15, 15)),
    ((90, 40, 20, 20), (90, 40, 10, 10)),
    ((-50, 0, 20, 20), (0, 0, 0, 20)),
])
def test_clip(box: tuple[float, ...], expected: tuple[float, ...]) -> None:
    np.testing.assert_array_equal(clip(boxes(box), 100, 50), boxes(expected))


@pytest.mark.parametrize(('box', 'expected'), [
    ((1.4, 1.5, 2.0, 2.0), (1, 2, 2, 2)),
    ((0.6, 0.6, 0.6, 0.6), (1, 1, 0, 0)),
    ((10.5, 0.0, 9.4, 5.0), (11, 0, 9, 5)),
])
def test_whole_pixels(box: tuple[float, ...], expected: tuple[int, ...]) -> None:
    assert whole_pixels(np.array(box, np.float32)) == expected


def test_weighted_nms_merges_only_overlapping_boxes() -> None:
    values = boxes((0, 0, 10, 10, 5, 5), (2, 0, 10, 10, 7, 5), (50, 0, 10, 10, 55, 5))
    merged, scores = weighted_nms(values, np.array([0.75, 0.25, 0.9], np.float32), 0.3)
    np.testing.assert_allclose(merged, boxes((50, 0, 10, 10, 55, 5), (0.5, 0, 10, 10, 5.5, 5)))
    np.testing.assert_allclose(scores, [0.9, 0.75])


def test_weighted_nms_of_no_boxes_is_empty() -> None:
    merged, scores = weighted_nms(np.zeros((0, 12), np.float32), np.zeros(0, np.float32), 0.3)
    assert merged.shape == (0, 12)
    assert scores.shape == (0,)


@pytest.mark.parametrize('shape', [(480, 640), (640, 480, 3), (64, 64, 3), (1, 900, 3)])
def test_letterbox_centres_the_image(shape: tuple[int, ...]) -> None:
    image = np.full(shape, 200, np.uint8)
    square, scale, shift = letterbox(image, 128)
    assert square.shape == (128, 128, *shape[2:])
    height, width = shape[:2]
    corners = np.array([[0, 0], [width, height]]) * scale + shift
    assert np.ptp(corners, axis=0).max() == pytest.approx(128)
    np.testing.assert_allclose(corners.sum(axis=0), 128, atol=1)
    (left, top), (right, bottom) = np.rint(corners).astype(int)
    assert square[top:bottom, left:right].min() == 200
    assert square[63, 63].max() == 200
    if height != width:
        assert square[0, 0].max() == 0
