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

"""Whose turn it is: once in an interval, evenly, and at once where time is not as it was."""

from collections import Counter

from face_affect_ros.affect.turns import is_due, Turns
import numpy as np
import pytest


def take_turns(turns: Turns, tracks: list[str], rate: float, images: int) -> list[list[str]]:
    """Return who had a turn in each image of a camera."""
    return [[tracks[row] for row in turns(tracks, 100.0 + image / rate)]
            for image in range(images)]


@pytest.mark.parametrize(('elapsed', 'interval', 'due'), [
    (0.1, 0.2, False), (0.2, 0.2, True), (0.3, 0.2, True), (0.191, 0.2, True),
    (0.0, 0.2, True), (-5.0, 0.2, True), (float('inf'), 0.2, True), (0.001, 0.0, True)])
def test_work_is_due_after_its_interval(elapsed: float, interval: float, due: bool) -> None:
    """Also a little earlier, and where time stands or has jumped back."""
    assert is_due(elapsed, interval) is due


def test_without_an_interval_all_have_a_turn_in_every_image() -> None:
    assert take_turns(Turns(0.0), ['a', 'b', 'c'], 30.0, 4) == 4 * [['a', 'b', 'c']]


@pytest.mark.parametrize(('rate', 'every'), [(5.0, 1), (10.0, 2), (15.0, 3), (30.0, 6)])
def test_one_track_has_a_turn_each_interval(rate: float, every: int) -> None:
    turns = take_turns(Turns(0.2), ['a'], rate, 24)
    assert [index for index, had in enumerate(turns) if had] == list(range(0, 24, every))


@pytest.mark.parametrize('rate', [4.0, 12.0, 15.0, 30.0, 60.0])
@pytest.mark.parametrize('count', [2, 3, 8, 16])
def test_the_turns_of_many_are_spread(count: int, rate: float) -> None:
    """After the first image, no image has more than its share, and nobody waits for long."""
    tracks = [f'f{number}' for number in range(count)]
    first, *later = take_turns(Turns(0.2), tracks, rate, 240)
    assert first == tracks
    assert max(len(had) for had in later) <= -(-count // min(0.2 * rate, count)) + 1
    for track in tracks:
        images = [index for index, had in enumerate(later) if track in had]
        assert max(b - a for a, b in zip(images, images[1:])) <= 2.0 * max(0.2 * rate, 1.0)
    counts = Counter(track for had in later for track in had)
    assert min(counts.values()) >= 0.75 * max(counts.values())


def test_who_is_due_together_soon_takes_turns() -> None:
    """Two that are new at the same time are not asked about in the same images for ever."""
    first, *later = take_turns(Turns(0.05), ['a', 'b'], 30.0, 40)
    assert first == ['a', 'b']
    assert {len(had) for had in later[4:]} == {1}


@pytest.mark.parametrize(('interval', 'rate'), [(0.05, 60.0), (0.2, 15.0), (0.2, 30.0)])
@pytest.mark.parametrize('count', [1, 2, 3, 8])
def test_turns_wait_for_an_image_with_less_to_do(interval: float, rate: float,
                                                 count: int) -> None:
    """One or two are never asked about meanwhile; nobody waits for long."""
    turns, tracks = Turns(interval), [f'f{number}' for number in range(count)]
    every = round(0.1 * rate)
    had = [[tracks[row] for row in turns(tracks, 100.0 + image / rate, busy=image % every == 0)]
           for image in range(120)]
    assert had[0] == tracks
    assert count > 2 or not any(had[every::every])
    for track in tracks:
        images = [image for image, those in enumerate(had) if track in those]
        assert np.diff(images).max() / rate <= (1.5 if count <= 2 else 2.0) * interval


def test_turns_that_would_come_too_late_do_not_wait() -> None:
    """As at 30 Hz those of an interval that is hardly longer, or if all images have much to do."""
    short = Turns(0.05)
    assert [bool(short(['a'], image / 30.0, busy=True)) for image in range(6)] == 3 * [True, False]
    turns = Turns(0.2)
    asked = [image for image in range(60) if turns(['a'], image / 30.0, busy=True)]
    assert set(np.diff(asked)) == {9}


def test_somebody_new_has_a_turn_at_once() -> None:
    turns = Turns(10.0)
    assert turns(['a', 'b'], 0.0) == [0, 1]
    assert turns(['a', 'b', 'c', 'd'], 0.1) == [2, 3]
    assert turns(['a', 'b', 'c', 'd'], 0.2) == []


def test_a_jump_of_time_starts_anew() -> None:
    """As where a bag is played again."""
    turns = Turns(0.2)
    assert turns(['a', 'b'], 100.0) == [0, 1]
    assert turns(['a', 'b'], 7.0) == [0, 1]
    assert turns(['a', 'b'], 7.0) == [0, 1]


def test_who_is_gone_is_new_when_back() -> None:
    turns = Turns(10.0)
    turns(['a', 'b'], 0.0)
    turns.forget({'b'})
    assert turns(['a', 'b'], 0.1) == [0]
