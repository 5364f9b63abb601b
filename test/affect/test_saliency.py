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

"""Saliency maps: they mark the pixels that determine the class, and are drawn at the face."""

import cv2
from face_affect_ros.affect.classifier import Classifier
from face_affect_ros.affect.crop import CropSpec, extract_crop, extract_crops, face_matrix
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.pipeline import make_pipeline
from face_affect_ros.affect.saliency import (
    grid,
    heat_of_cam,
    heat_of_gradient,
    heat_on_image,
    overlay,
    Saliency,
    SIDE,
    tile,
    to_bgr,
)
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import EMOTIONS, Face, ImageArray, MODES
from face_affect_ros.media import open_media
import numpy as np
import pytest

HAPPY, SAD = EMOTIONS.index('happy'), EMOTIONS.index('sad')


@pytest.fixture(scope='module')
def saliency() -> Saliency:
    """Return the gradients of the shipped expression model."""
    return Saliency(load_card('emotion_small_resnet'))


@pytest.fixture(scope='module')
def crop(saliency: Saliency) -> ImageArray:
    """Return the crop of the portrait, a smiling face."""
    with open_media('') as media:
        image = next(iter(media)).image
    [face] = make_pipeline(PipelineSettings()).process(image, 0.0)
    return extract_crop(image, face, saliency.card.crop)


@pytest.mark.parametrize('mode', MODES)
def test_heat_lies_in_the_unit_interval(mode: str, saliency: Saliency, crop: ImageArray) -> None:
    heat = saliency.heat(crop, HAPPY, mode=mode)
    assert heat.shape == crop.shape[:2] and heat.dtype == np.float32
    assert heat.min() >= 0.0 and 0.9 < heat.max() <= 1.0
    assert heat.std() > 0.05


def test_the_explained_label_is_that_of_the_classifier(saliency: Saliency,
                                                       crop: ImageArray) -> None:
    explanation = saliency(crop)
    assert explanation.label == explanation.probabilities.argmax() == HAPPY
    said = Classifier(saliency.card)(crop[np.newaxis])['emotion'][0]
    assert said.argmax() == HAPPY
    # guided maps of two classes are similar, plain gradients are not
    plain, other = (saliency(crop, label, guided=False) for label in (HAPPY, SAD))
    assert other.label == SAD
    np.testing.assert_array_equal(other.probabilities, explanation.probabilities)
    assert np.corrcoef(other.gradient.ravel(), plain.gradient.ravel())[0, 1] < 0.5


def test_the_class_depends_on_the_hot_pixels(saliency: Saliency, crop: ImageArray) -> None:
    """Blurring the hottest pixels reduces the probability more than blurring the coldest ones."""
    heat = cv2.GaussianBlur(saliency.heat(crop, HAPPY), (5, 5), 0)
    order = np.argsort(heat.ravel())
    count = len(order) // 8
    logits = []
    for hidden in (order[-count:], order[:count]):
        covered = crop.copy()
        covered.reshape(-1)[hidden] = int(crop.mean())
        logits.append(np.log(saliency(covered).probabilities[HAPPY]))
    assert logits[0] < logits[1]


def test_a_gradient_of_zeros_has_no_heat() -> None:
    assert not heat_of_gradient(np.zeros((8, 8, 3), np.float32)).any()
    assert not heat_of_cam(np.zeros((3, 3), np.float32), 8).any()
    gradient = np.zeros((10, 10, 3), np.float32)
    gradient[:5, :, 1] = -2.0
    heat = heat_of_gradient(gradient)
    assert (heat[:5] == 1.0).all() and not heat[5:].any()
    assert heat_of_cam(np.float32([[0, 4]]), 6)[:, -1] == pytest.approx(1.0)


@pytest.mark.parametrize('channels', [1, 3])
def test_extract_crop_is_extract_crops_of_one_face(channels: int) -> None:
    image = np.random.default_rng(1).integers(0, 256, (120, 160, 3), np.uint8)
    landmarks = np.float32([[40, 50], [70, 60], [55, 70], [55, 85]])
    whole = np.float32([-5, 20, 80, 90])
    face = Face(id='f1', box=np.float32([0, 20, 75, 90]), score=1.0, landmarks=landmarks,
                whole_box=whole)
    spec = CropSpec(size=32, channels=channels, margin=0.1)
    expected = extract_crops(image, whole[np.newaxis], landmarks[np.newaxis], spec)[0]
    np.testing.assert_array_equal(extract_crop(image, face, spec), expected)
    assert to_bgr(expected).shape == (32, 32, 3)


def test_heat_is_drawn_at_the_place_of_the_crop() -> None:
    spec = CropSpec(size=24)
    face = Face(id='f1', box=np.float32([60, 40, 48, 48]), score=1.0,
                landmarks=np.full((4, 2), np.nan, np.float32))
    matrix = face_matrix(face, spec)
    heat = np.zeros((24, 24), np.float32)
    heat[6:9, 16:19] = 1.0
    canvas = np.zeros((120, 160, 3), np.uint8)
    heat_on_image(canvas, heat, matrix)
    rows, columns = np.nonzero(canvas.max(axis=2) > 100)
    assert columns.mean() == pytest.approx(60 + 2 * 17 + 0.5, abs=1.0)
    assert rows.mean() == pytest.approx(40 + 2 * 7 + 0.5, abs=1.0)
    assert not canvas[:, :55].any()

    for box in ([-30, -30, 48, 48], [140, 100, 48, 48], [400, 300, 48, 48]):
        canvas = np.zeros((120, 160, 3), np.uint8)
        heat_on_image(canvas, np.ones((24, 24), np.float32), face_matrix(
            Face(id='f1', box=np.float32(box), score=1.0, landmarks=face.landmarks), spec))
        assert canvas.any() == (box[0] < 160)


def test_pixels_without_heat_are_unchanged() -> None:
    picture = np.full((4, 4, 3), 100, np.uint8)
    heat = np.zeros((4, 4), np.float32)
    heat[0] = 1.0
    drawn = overlay(picture, heat)
    assert (drawn[1:] == 70).all() and (drawn[0].max(axis=1) > 150).all()


@pytest.mark.parametrize(('count', 'shape'), [(0, (1, 1)), (1, (1, 1)), (2, (2, 1)), (5, (3, 2)),
                                              (8, (4, 2))])
def test_a_grid_is_roughly_square(count: int, shape: tuple[int, int]) -> None:
    one = tile([np.full((48, 48, 3), 255, np.uint8)] * 2, ['f1', 'happy 80%'])
    drawn = grid([one] * count)
    if count:
        assert drawn.shape == (shape[0] * one.shape[0], shape[1] * one.shape[1], 3)
        white = (drawn == 255).all(axis=2).sum()
        assert white >= count * 2 * SIDE * SIDE
    else:
        assert drawn.shape[1] == one.shape[1] and (drawn > 200).any()   # its text
