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

"""Tracks: a face keeps its id, and ids are not used again."""

from face_affect_ros.affect.tracker import join_costs, random_prefix, Tracker
from face_affect_ros.affect.types import Detections
import numpy as np
import pytest


def detections(*boxes: tuple[float, float, float], score: float = 0.9) -> Detections:
    """Return square faces given by centre x, centre y and side."""
    array = np.array([(x - s / 2, y - s / 2, s, s) for x, y, s in boxes], np.float32)
    return Detections(array.reshape(-1, 4), np.full(len(boxes), score, np.float32),
                      np.full((len(boxes), 4, 2), np.nan, np.float32))


def make_tracker() -> Tracker:
    """Return a tracker with ids t0001, t0002, ..."""
    return Tracker(prefix='t')


def ids(tracker: Tracker, found: Detections, stamp: float, timeout: float = 1.0, *,
        detected: bool = True) -> list[str | None]:
    """Return the id of each detection, or None."""
    return [track.id if track else None for track in tracker.update(
        found, stamp, timeout=timeout, start_score=0.5, detected=detected)]


def test_faces_that_move_keep_their_ids_in_any_order() -> None:
    tracker = make_tracker()
    assert ids(tracker, detections((100, 100, 50), (300, 100, 50)), 0.0) == ['t0001', 't0002']
    assert ids(tracker, detections((290, 105, 52), (112, 98, 49)), 0.1) == ['t0002', 't0001']


def test_motion_is_predicted_while_two_faces_pass_each_other() -> None:
    tracker = make_tracker()
    for step in range(21):
        left, right = 100 + 10 * step, 300 - 10 * step
        found = detections((left, 100, 40), (right, 130, 40))
        assert ids(tracker, found, step / 10) == ['t0001', 't0002']


def test_frames_of_one_burst_give_no_velocity() -> None:
    """Their stamps are almost equal, so that noise would give a large velocity."""
    tracker = make_tracker()
    for stamp, place in ((0.0, 100), (0.0001, 102), (0.0333, 101), (0.0334, 99), (0.0667, 100)):
        assert ids(tracker, detections((place, 100, 60)), stamp) == ['t0001']


def test_a_face_that_was_briefly_hidden_keeps_its_id() -> None:
    tracker = make_tracker()
    ids(tracker, detections((100, 100, 50)), 0.0)
    assert ids(tracker, detections(), 0.5) == []
    assert ids(tracker, detections((105, 100, 50)), 1.0) == ['t0001']


@pytest.mark.parametrize('rate', [10, 30, 60])
def test_a_person_who_passes_behind_another_keeps_the_id(rate: int) -> None:
    """The visible part of a face that is being hidden does not move any more."""
    tracker = make_tracker()
    for step in range(3 * rate):
        stamp = step / rate
        walking = (100 + 110 * min(stamp, 1.6) if stamp < 2.0 else 100 + 110 * stamp, 100, 70)
        standing = (330, 100, 80)
        hidden = 1.8 <= stamp < 2.5
        found = detections(standing) if hidden else detections(standing, walking)
        seen = ids(tracker, found, stamp, timeout=1.5)
        assert seen == (['t0001'] if hidden else ['t0001', 't0002']), stamp


def test_a_template_that_follows_what_hides_the_face_does_not_change_the_velocity() -> None:
    """As between two people who pass each other: the edge of the one in front is in the box."""
    tracker = make_tracker()
    for step in range(31):
        assert ids(tracker, detections((500 - 6 * step, 100, 70)), step / 30,
                   detected=step % 3 == 0) == ['t0001']
    for step, place in ((31, 326), (32, 340)):
        assert ids(tracker, detections((place, 100, 70)), step / 30, detected=False) == ['t0001']
    assert ids(tracker, detections((500 - 6 * 45, 100, 52)), 45 / 30) == ['t0001']


def test_a_face_that_left_gets_a_new_id() -> None:
    tracker = make_tracker()
    ids(tracker, detections((100, 100, 50)), 0.0)
    assert ids(tracker, detections((100, 100, 50)), 1.5) == ['t0002']
    assert tracker.ids == {'t0002'}


def test_a_weak_detection_continues_a_track_but_starts_none() -> None:
    tracker = make_tracker()
    assert ids(tracker, detections((100, 100, 50), score=0.45), 0.0) == [None]
    assert ids(tracker, detections((100, 100, 50), score=0.65), 0.1) == ['t0001']
    assert ids(tracker, detections((100, 100, 50), score=0.45), 0.2) == ['t0001']


@pytest.mark.parametrize('box', [(180, 100, 50), (100, 100, 150)])
def test_a_distant_or_differently_sized_box_is_another_face(box: tuple[float, ...]) -> None:
    tracker = make_tracker()
    ids(tracker, detections((100, 100, 50)), 0.0)
    assert ids(tracker, detections(box), 0.1) == ['t0002']


def test_time_that_jumps_back_far_ends_all_tracks_and_a_little_does_not() -> None:
    tracker = make_tracker()
    ids(tracker, detections((100, 100, 50)), 100.0)
    assert ids(tracker, detections((100, 100, 50)), 99.9) == ['t0001']
    assert ids(tracker, detections((100, 100, 50)), 100.0) == ['t0001']
    assert ids(tracker, detections((100, 100, 50)), 5.0) == ['t0002']


def test_weak_faces_are_found_if_images_are_further_apart_than_the_timeout() -> None:
    """No track lasts until the next image, so none could be confirmed."""
    tracker = make_tracker()
    weak = detections((100, 100, 50), score=0.5)
    assert [ids(tracker, weak, stamp, timeout=1.5) for stamp in (0.0, 2.0, 4.0)] == [
        ['t0001'], ['t0002'], ['t0003']]
    other = detections((100, 100, 50), (300, 100, 50), score=0.5)
    joined = tracker.update(other, 5.4, timeout=1.5, start_score=0.4)
    assert [track and track.id for track in joined] == ['t0003', None]


def test_the_nearer_of_two_boxes_gets_the_track() -> None:
    tracker = make_tracker()
    ids(tracker, detections((100, 100, 50)), 0.0)
    assert ids(tracker, detections((120, 100, 50), (104, 100, 50)), 0.1) == ['t0002', 't0001']


def test_costs_are_distance_in_face_sides_and_change_of_scale() -> None:
    tracks = detections((100, 100, 50)).boxes
    boxes = detections((100, 100, 50), (150, 100, 50), (100, 100, 100)).boxes
    np.testing.assert_allclose(join_costs(tracks, boxes), [[0.0, 1.0, np.log(2.0)]], atol=1e-6)


def test_prefixes_of_two_runs_differ_and_start_with_a_letter() -> None:
    prefixes = {random_prefix() for _ in range(20)}
    assert len(prefixes) == 20
    assert all(prefix[0].isalpha() and prefix.isalnum() for prefix in prefixes)


def test_a_weak_track_is_confirmed_by_three_runs_of_the_detector_or_a_strong_one() -> None:
    tracker = make_tracker()

    def seen(*boxes: tuple[float, float, float], score: float, stamp: float,
             detected: bool = True) -> list[str | None]:
        return [track.id if track else None for track in tracker.update(
            detections(*boxes, score=score), stamp, timeout=1.0, start_score=0.4,
            detected=detected)]

    first, second, third = (100, 100, 50), (300, 100, 50), (100, 300, 50)
    assert seen(first, score=0.5, stamp=0.0) == ['t0001']   # the first frame
    assert seen(first, second, score=0.5, stamp=0.1) == ['t0001', None]
    assert seen(first, second, score=0.5, stamp=0.2, detected=False) == ['t0001', None]
    assert tracker.ids == {'t0001'}
    assert seen(first, second, score=0.5, stamp=0.3) == ['t0001', None]
    assert seen(first, second, score=0.39, stamp=0.32) == ['t0001', None]
    assert seen(first, second, score=0.4, stamp=0.35) == ['t0001', 't0002']
    assert seen(first, third, score=0.5, stamp=0.4) == ['t0001', None]
    assert seen(first, third, score=0.5, stamp=0.45) == ['t0001', None]
    assert seen(first, score=0.5, stamp=0.5) == ['t0001']
    assert seen(third, score=0.5, stamp=0.6) == [None]      # a run of the detector has missed it
    assert seen(third, score=0.6, stamp=0.65) == ['t0003']
    assert seen(third, score=0.7, stamp=0.7) == ['t0003']
    assert seen(second, (500, 100, 50), score=0.7, stamp=0.8) == ['t0002', 't0004']
