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

"""Tracks are selected once per interval, distributed over the images."""

from collections import Counter

from face_affect_ros.affect.scheduling import InferenceScheduler, is_due
import numpy as np
import pytest


def selected(interval: float, tracks: list[str], rate: float, images: int) -> list[list[str]]:
    """Return the selected tracks of each image of a camera."""
    scheduler = InferenceScheduler()
    return [[tracks[row] for row in scheduler.select(tracks, 100.0 + image / rate, interval)]
            for image in range(images)]


@pytest.mark.parametrize(('elapsed', 'interval', 'due'), [
    (0.1, 0.2, False), (0.2, 0.2, True), (0.3, 0.2, True), (0.191, 0.2, True),
    (0.0, 0.2, True), (-5.0, 0.2, True), (float('inf'), 0.2, True), (0.001, 0.0, True)])
def test_work_is_due_after_its_interval(elapsed: float, interval: float, due: bool) -> None:
    """Also slightly earlier, and if the time has stopped or jumped back."""
    assert is_due(elapsed, interval) is due


def test_without_an_interval_all_tracks_are_selected_on_every_image() -> None:
    assert selected(0.0, ['a', 'b', 'c'], 30.0, 4) == 4 * [['a', 'b', 'c']]


@pytest.mark.parametrize(('rate', 'every'), [(5.0, 1), (10.0, 2), (15.0, 3), (30.0, 6)])
def test_one_track_is_selected_once_an_interval(rate: float, every: int) -> None:
    images = selected(0.2, ['a'], rate, 24)
    assert [index for index, had in enumerate(images) if had] == list(range(0, 24, every))


@pytest.mark.parametrize('rate', [4.0, 12.0, 15.0, 30.0, 60.0])
@pytest.mark.parametrize('count', [2, 3, 8, 16])
def test_many_tracks_are_distributed_over_the_images(count: int, rate: float) -> None:
    """After the first image, no image has more than its share, and waiting times are limited."""
    tracks = [f'f{number}' for number in range(count)]
    first, *later = selected(0.2, tracks, rate, 240)
    assert first == tracks
    assert max(len(had) for had in later) <= -(-count // min(0.2 * rate, count)) + 1
    for track in tracks:
        images = [index for index, had in enumerate(later) if track in had]
        assert max(b - a for a, b in zip(images, images[1:])) <= 2.0 * max(0.2 * rate, 1.0)
    counts = Counter(track for had in later for track in had)
    assert min(counts.values()) >= 0.75 * max(counts.values())


def test_tracks_with_a_common_start_are_selected_on_different_images() -> None:
    first, *later = selected(0.05, ['a', 'b'], 30.0, 40)
    assert first == ['a', 'b']
    assert {len(had) for had in later[4:]} == {1}


@pytest.mark.parametrize(('interval', 'rate'), [(0.05, 60.0), (0.2, 15.0), (0.2, 30.0)])
@pytest.mark.parametrize('count', [1, 2, 3, 8])
def test_deferred_tracks_wait_for_the_next_image(interval: float, rate: float,
                                                 count: int) -> None:
    """One or two tracks are never selected on a deferring image; waiting times are limited."""
    scheduler, tracks = InferenceScheduler(), [f'f{number}' for number in range(count)]
    every = round(0.1 * rate)
    had = [[tracks[row] for row in scheduler.select(tracks, 100.0 + image / rate, interval,
                                                    defer=image % every == 0)]
           for image in range(120)]
    assert had[0] == tracks
    assert count > 2 or not any(had[every::every])
    for track in tracks:
        images = [image for image, those in enumerate(had) if track in those]
        assert np.diff(images).max() / rate <= (1.5 if count <= 2 else 2.0) * interval


def test_deferral_has_a_limit() -> None:
    """At 30 Hz with an interval just above a frame, and if all images defer."""
    short = InferenceScheduler()
    assert [bool(short.select(['a'], image / 30.0, 0.05, defer=True))
            for image in range(6)] == 3 * [True, False]
    scheduler = InferenceScheduler()
    chosen = [image for image in range(60)
              if scheduler.select(['a'], image / 30.0, 0.2, defer=True)]
    assert set(np.diff(chosen)) == {9}


def test_a_new_track_is_selected_at_once() -> None:
    scheduler = InferenceScheduler()
    assert scheduler.select(['a', 'b'], 0.0, 10.0) == [0, 1]
    assert scheduler.select(['a', 'b', 'c', 'd'], 0.1, 10.0) == [2, 3]
    assert scheduler.select(['a', 'b', 'c', 'd'], 0.2, 10.0) == []


def test_after_a_jump_of_time_all_tracks_are_selected() -> None:
    """As when a bag is played again."""
    scheduler = InferenceScheduler()
    for stamp in (100.0, 7.0, 7.0):
        assert scheduler.select(['a', 'b'], stamp, 0.2) == [0, 1]


def test_a_track_that_ended_is_new_when_it_returns() -> None:
    scheduler = InferenceScheduler()
    scheduler.select(['a', 'b'], 0.0, 10.0)
    scheduler.prune({'b'})
    assert scheduler.select(['a', 'b'], 0.1, 10.0) == [0]
