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

"""Faces of people lying down are found in the rotated image."""

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
from face_affect_ros.affect.pipeline import AffectPipeline, make_pipeline
from face_affect_ros.affect.rotated_search import INTERVAL, PENALTY, RotatedSearch
from face_affect_ros.affect.scheduling import DetectOrTrack
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import Detections, Face, ImageArray
from face_affect_ros.commands.options import add_pipeline_options, settings_from
from face_affect_ros.media import open_media
import numpy as np
import pytest

BACK = {cv2.ROTATE_90_CLOCKWISE: cv2.ROTATE_90_COUNTERCLOCKWISE,
        cv2.ROTATE_90_COUNTERCLOCKWISE: cv2.ROTATE_90_CLOCKWISE}


class Upright:
    """
    A detector of rectangles 20 wide and 30 high, white above, with a score by shape of the image.

    The landmarks are its corners: top left, top right, bottom left, bottom right.
    """

    name, mouth, face_score = 'upright', 'lips', 0.0

    def __init__(self, **scores: float) -> None:
        self.scores = {'wide': 0.8, 'high': 0.8, **scores}
        self.shapes: list[str] = []

    def __call__(self, image: ImageArray) -> Detections:
        shape = 'wide' if image.shape[1] > image.shape[0] else 'high'
        self.shapes.append(shape)
        image = image if image.ndim == 2 else image[:, :, 0]
        x, y, width, height = cv2.boundingRect(image)
        count = int((width, height) == (20, 30) and image[y, x] == 255)
        corners = [[x, y], [x + 20, y], [x, y + 30], [x + 20, y + 30]]
        return Detections(np.array([[x, y, 20, 30]] * count, np.float32).reshape(-1, 4),
                          np.full(count, self.scores[shape], np.float32),
                          np.array([corners] * count, np.float32).reshape(-1, 4, 2))


def lying(rotation: int) -> ImageArray:
    """Return a wide image that has an upright rectangle after a rotation."""
    upright = np.zeros((320, 240), np.uint8)
    upright[40:55, 100:120], upright[55:70, 100:120] = 255, 128
    return cv2.rotate(upright, BACK[rotation])


@pytest.mark.parametrize(('rotation', 'box', 'top_left'), [
    (cv2.ROTATE_90_CLOCKWISE, [40, 120, 30, 20], [40, 140]),
    (cv2.ROTATE_90_COUNTERCLOCKWISE, [250, 100, 30, 20], [280, 100])])
def test_boxes_and_landmarks_are_those_of_the_original_image(
        rotation: int, box: list[float], top_left: list[float]) -> None:
    image = lying(rotation)
    found = RotatedSearch(Upright(), min_score=0.3)(image, 5.0)
    assert cv2.boundingRect(image) == tuple(box)
    np.testing.assert_array_equal(found.boxes, [box])
    np.testing.assert_array_equal(found.landmarks[0, 0], top_left)
    np.testing.assert_allclose(found.scores, [0.8 - PENALTY], atol=1e-6)


def test_a_detection_below_the_minimum_score_is_dropped() -> None:
    detector = Upright(high=0.3 + PENALTY - 0.01)
    assert not len(RotatedSearch(detector, min_score=0.3)(lying(cv2.ROTATE_90_CLOCKWISE), 5.0))


def test_a_small_detection_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    search = RotatedSearch(Upright(), min_score=0.3)
    for least, count in ((30.0, 1), (31.0, 0)):
        monkeypatch.setattr('face_affect_ros.affect.rotated_search.MIN_SIDE', least)
        assert len(search(lying(cv2.ROTATE_90_CLOCKWISE), 5.0)) == count


@pytest.mark.parametrize(('wide', 'high', 'score'), [
    (0.8, 0.9, 0.8), (0.6, 0.95, 0.95 - PENALTY)])
def test_of_two_detections_of_a_face_the_better_one_is_kept(wide: float, high: float,
                                                            score: float) -> None:
    class Anywhere(Upright):
        def __call__(self, image: ImageArray) -> Detections:
            super().__call__(image)
            return Detections(np.float32([[*cv2.boundingRect(image)]]),
                              np.float32([self.scores[self.shapes[-1]]]),
                              np.zeros((1, 4, 2), np.float32))

    image = np.zeros((240, 320), np.uint8)
    image[50:90, 60:100] = 255
    detector = Anywhere(wide=wide, high=high)
    search = RotatedSearch(detector, min_score=0.3)
    found = search(image, 5.0)
    np.testing.assert_array_equal(found.boxes, [[60, 50, 40, 40]])
    np.testing.assert_allclose(found.scores, [score], atol=1e-6)
    # a search that found no better one is not repeated
    assert runs(detector, search, image, 5.1) == (1 if score == wide else 2)


def test_overlapping_faces_of_the_upright_image_are_kept() -> None:
    """Else a face would be missing in the images with a search."""
    def pair(image: ImageArray) -> Detections:
        boxes = np.float32([[60, 50, 40, 40], [68, 50, 40, 40]])
        found = Detections(boxes, np.float32([0.9, 0.6]), np.zeros((2, 4, 2), np.float32))
        return found if image.shape == (240, 320) else found[:1]

    found = RotatedSearch(pair, min_score=0.3)(np.zeros((240, 320), np.uint8), 5.0)
    assert len(found) == 4   # and one of each rotation
    np.testing.assert_array_equal(found.boxes[[0, 3]], [[60, 50, 40, 40], [68, 50, 40, 40]])
    np.testing.assert_allclose(found.scores, [0.9, 0.9 - PENALTY, 0.9 - PENALTY, 0.6], atol=1e-6)


def runs(detector: Upright, search: RotatedSearch, image: ImageArray, stamp: float) -> int:
    """Return the number of runs of the detector for an image."""
    before = len(detector.shapes)
    search(image, stamp)
    return len(detector.shapes) - before


def test_empty_images_are_rotated_to_alternate_sides_once_in_an_interval() -> None:
    detector = Upright()
    search = RotatedSearch(detector, min_score=0.3)
    empty = np.zeros((240, 320), np.uint8)
    assert [runs(detector, search, empty, 5.0 + INTERVAL * number / 4)
            for number in range(9)] == [3, 1, 1, 1, 2, 1, 1, 1, 2]
    DetectOrTrack(search).reset()
    assert runs(detector, search, empty, 8.0) == 3


def test_a_search_is_repeated_for_a_second_after_it_found_a_face() -> None:
    detector = Upright()
    search = RotatedSearch(detector, min_score=0.3)
    empty = np.zeros((240, 320), np.uint8)
    # the last stamp is that of a bag that is played again
    assert [runs(detector, search, image, stamp) for image, stamp in (
        (lying(cv2.ROTATE_90_CLOCKWISE), 5.0), (empty, 5.1), (empty, 5.9), (empty, 6.1),
        (empty, 4.9))] == [3, 2, 2, 1, 2]


@pytest.mark.parametrize('rotation', BACK)
@pytest.mark.parametrize(('min_score', 'count'), [(0.5, 1), (0.6, 0)])
def test_the_first_image_of_a_pipeline_is_rotated_to_both_sides(rotation: int, min_score: float,
                                                                count: int) -> None:
    pipeline = AffectPipeline(Upright(), [], PipelineSettings(min_score=min_score))
    pipeline.warm_up()
    assert len(pipeline.process(lying(rotation), 5.0)) == count


@pytest.mark.parametrize('period', [1 / 30, 1.0, 3.0])
@pytest.mark.parametrize('rotation', BACK)
def test_a_face_is_found_in_each_image_as_long_as_it_lies(rotation: int, period: float) -> None:
    detector = Upright()
    search = RotatedSearch(detector, min_score=0.3)
    search(np.zeros((240, 320), np.uint8), 5.0)
    images = [5.1 + number * period for number in range(150)]
    found = [len(search(lying(rotation), stamp)) for stamp in images]
    first = found.index(1)
    assert images[first] < 5.0 + 2.2 * max(INTERVAL, period)
    assert all(found[first:])


def test_without_the_search_the_detector_runs_once() -> None:
    detector = Upright()
    search = RotatedSearch(detector, min_score=0.3, enabled=False)
    assert not len(search(lying(cv2.ROTATE_90_CLOCKWISE), 5.0))
    assert detector.shapes == ['wide']


@pytest.mark.parametrize(('options', 'enabled'), [([], True), (['--no-rotated-search'], False)])
def test_a_command_line_option_switches_the_search_off(options: list[str], enabled: bool) -> None:
    parser = argparse.ArgumentParser()
    add_pipeline_options(parser)
    assert settings_from(parser.parse_args(options)).rotated_search is enabled


@pytest.mark.parametrize('rotation', BACK)
def test_people_lying_down_are_tracked_through_a_clip(rotation: int,
                                                   shared_file: Callable[[str], Path]) -> None:
    """They have 123 faces."""
    with open_media(str(shared_file('media/face-demographics-walking-and-pause.gif'))) as media:
        frames = [(cv2.rotate(cv2.resize(frame.image, None, fx=0.7, fy=0.7,
                                         interpolation=cv2.INTER_AREA), rotation), frame.stamp)
                  for frame in media]

    def found(**settings: bool) -> list[Face]:
        pipeline = make_pipeline(PipelineSettings(emotion_model='', gender_model='', **settings))
        return [face for frame in frames for face in pipeline.process(*frame)]

    faces = found()
    assert len(faces) >= 110
    assert len({face.id for face in faces}) == 3
    assert len(found(rotated_search=False)) < 110
