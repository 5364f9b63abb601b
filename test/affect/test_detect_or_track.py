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

"""The detector runs at its interval, and tracked boxes are as accurate as detected ones."""

from collections.abc import Callable
from pathlib import Path

from agreement import compare, moved, track
import cv2
from face_affect_ros.affect.detectors import make_detector
from face_affect_ros.affect.rotated_search import RotatedSearch
from face_affect_ros.affect.scheduling import DetectOrTrack, peak, TemplateTracker
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import Detections, ImageArray
from face_affect_ros.media import open_media
import numpy as np
import pytest

#: Largest difference of the agreement of tracked boxes from that of detected ones: the clips are
#: short.
MARGIN = 0.01


class Counting:
    """A detector that returns given detections or those of another one, and counts its calls."""

    name = 'counting'

    def __init__(self, answer: Callable[[ImageArray], Detections]) -> None:
        self.answer = answer
        self.calls = 0

    def __call__(self, image: ImageArray) -> Detections:
        self.calls += 1
        return self.answer(image)


def detect_or_track(detector: Counting) -> DetectOrTrack:
    """Return an object that runs the detector on upright images only."""
    return DetectOrTrack(RotatedSearch(detector, min_score=0.3, enabled=False))


def one_at(x: float, y: float, side: float = 60.0) -> Detections:
    """Return the detection of one face by the corner of its box."""
    return Detections(np.array([[x, y, side, side]], np.float32), np.array([0.9], np.float32),
                      np.array([[[x + 15, y + 20]] * 4], np.float32))


def picture(x: float = 0.0, y: float = 0.0) -> np.ndarray:
    """Return a smooth random image, moved by some pixels."""
    noise = np.random.default_rng(1).integers(0, 256, (60, 80, 3), np.uint8)
    return cv2.warpAffine(noise, np.float32([[4, 0, x], [0, 4, y]]), (320, 240),
                          flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)


@pytest.mark.parametrize(('interval', 'rate', 'every'), [
    (0.0, 30, 1), (0.1, 30, 3), (0.1, 60, 6), (0.1, 15, 2), (0.1, 10, 1), (0.1, 2, 1)])
def test_the_interval_is_in_seconds_at_any_rate(interval: float, rate: int,
                                                every: int) -> None:
    jitter = np.random.default_rng(0).uniform(-0.002, 0.002, 60)
    detector = Counting(lambda image: one_at(100, 80))
    locate = detect_or_track(detector)
    image = picture()
    for number in range(60):
        locate(image, 1e9 + number / rate + jitter[number], interval)
    assert detector.calls == 60 // every


@pytest.mark.parametrize(('interval', 'rate', 'defer'), [
    (0.1, 30, [False, False, False, True, False, False, True]),
    (0.1, 15, [False, False, True, False, True, False, True]), (0.1, 10, 7 * [False]),
    (0.0, 30, 7 * [False])])
def test_inferences_are_deferred_if_the_detector_will_not_run_on_the_next_image(
        interval: float, rate: int, defer: list[bool]) -> None:
    """At the first image the frame rate is not known."""
    locate = detect_or_track(Counting(lambda image: one_at(100, 80)))
    assert [locate(picture(), 100.0 + number / rate, interval).defer
            for number in range(7)] == defer


@pytest.mark.parametrize(('image', 'stamp'), [
    (picture(), 4.0), (picture(), 5.0), (picture()[:-1], 5.01), (picture()[:, :, 0], 5.01)])
def test_the_detector_runs_after_a_jump_of_time_or_size(image: np.ndarray, stamp: float) -> None:
    detector = Counting(lambda image: one_at(100, 80))
    locate = detect_or_track(detector)
    locate(picture(), 5.0, 0.1)
    assert locate(image, stamp, 0.1).detected
    assert detector.calls == 2


def test_the_detector_runs_where_there_are_no_templates() -> None:
    """After a reset, and where the interval becomes longer than 0."""
    detector = Counting(lambda image: one_at(100, 80))
    locate = detect_or_track(detector)
    for number, (interval, calls) in enumerate(((0.0, 1), (10.0, 2), (10.0, 2))):
        assert len(locate(picture(), 5.0 + 0.03 * number, interval).faces) == 1
        assert detector.calls == calls
    assert locate.templates is not None
    locate.reset()
    assert locate.templates is None
    assert locate(picture(), 5.12, 10.0).detected


def test_the_detector_runs_at_once_if_a_face_is_lost() -> None:
    locate = detect_or_track(Counting(lambda image: one_at(100, 80)))
    assert locate(picture(), 0.0, 0.1).detected
    assert not locate(picture(), 0.03, 0.1).detected
    assert locate(np.full((240, 320, 3), 90, np.uint8), 0.06, 0.1).detected


@pytest.mark.parametrize('grey', [False, True])
def test_a_face_is_tracked_to_a_fraction_of_a_pixel(grey: bool) -> None:
    def seen(x: float, y: float) -> np.ndarray:
        image = picture(x, y)
        return cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) if grey else image

    tracker = TemplateTracker(seen(0, 0), one_at(100, 80))
    for x, y in ((3.0, -2.0), (10.25, 5.5), (30.0, 20.0), (50.5, 30.0)):
        found = tracker(seen(x, y))
        assert found is not None
        np.testing.assert_allclose(found.boxes, [[100 + x, 80 + y, 60, 60]], atol=0.3)
        np.testing.assert_allclose(found.landmarks[0, 0], [115 + x, 100 + y], atol=0.3)
        np.testing.assert_array_equal(found.scores, np.float32([0.9]))


def test_without_templates_no_face_is_tracked() -> None:
    found = TemplateTracker(picture(), one_at(0, 0)[:0])(picture())
    assert found is not None
    assert len(found) == 0
    assert found.landmarks.shape == (0, 4, 2)


def test_the_peak_of_a_parabola() -> None:
    values = -(np.arange(5) - 2.25)**2
    assert peak(values, 2) == pytest.approx(0.25)
    assert peak(values, 0) == 0.0
    assert peak(np.zeros(3), 1) == 0.0


@pytest.mark.parametrize('clip', ['classroom.gif', 'face-demographics-walking-and-pause.gif',
                                  'head-pose-face-detection-female-and-male.gif'])
def test_tracked_boxes_are_as_accurate_as_detected_ones(
        clip: str, shared_file: Callable[[str], Path]) -> None:
    """
    The clips have 12 and 15 images a second: every other image is tracked.

    The measure is the detector itself: how well its boxes agree with those that it gives for the
    same image moved by half a pixel.
    """
    with open_media(str(shared_file(f'media/{clip}'))) as media:
        frames = list(media)
    settings = PipelineSettings()
    detector = Counting(make_detector(settings.detector, min_score=settings.min_score))
    every = track(lambda image, stamp: detector(image), frames)
    shaken = compare(track(moved(detector, 0.5), frames), every)
    detector.calls = 0
    locate = detect_or_track(detector)
    tracked = compare(track(lambda image, stamp: locate(
        image, stamp, settings.detection_interval).faces, frames), every,
        images=range(1, len(frames), 2))
    assert detector.calls <= len(frames) // 2 + 1
    assert tracked.tracks == tracked.wanted
    assert (tracked.missing, tracked.extra, tracked.swaps) == (0, 0, 0)
    assert tracked.overlap >= shaken.overlap - MARGIN
    assert tracked.least >= 0.5
