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

"""Playback: frames decoded ahead, loops, the memory limit, and errors."""

import threading
import time

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import Frame, Media, playback
from face_affect_ros.media.playback import Playback
import numpy as np
import pytest
from support import wait_until


class Numbers(Media):
    """Frames whose pixels are their numbers."""

    def __init__(self, count, *, live=False, size=4, failure=None):
        self.live = live
        super().__init__('numbers', width=size, height=size, rate=10.0,
                         frame_count=None if live else count)
        self.count, self.size, self.failure, self.decoded, self.closed = count, size, failure, 0, 0

    def _frames(self):
        for index in range(self.count):
            self.decoded += 1
            yield Frame(index, 0.1 * index, np.full((self.size, self.size, 3), index, np.uint8))
        if self.failure is not None:
            raise self.failure

    def close(self):
        self.closed += 1


def take_all(player, limit=1000):
    """Return the numbers of the frames until the end, or until there are `limit`."""
    numbers = []

    def done():
        frame = player.take()
        if frame is not None:
            numbers.append(int(frame.image[0, 0, 0]))
        return player.ended or len(numbers) == limit

    assert wait_until(done)
    return numbers


@pytest.fixture
def play():
    """Return a function that makes a Playback, closed at the end of the test."""
    players = []

    def make(media, *, prepare=lambda image: image, loop=lambda: False, ready=None):
        players.append(Playback(media, prepare=prepare, loop=loop, ready=ready))
        return players[-1]

    yield make
    for player in players:
        player.close()


def test_all_frames_once(play):
    media = Numbers(9)
    player = play(media, prepare=lambda image: image + np.uint8(100))
    assert take_all(player) == list(range(100, 109))
    assert player.take() is None and player.ended
    player.close()
    assert media.closed == 1


@pytest.mark.parametrize('known', [True, False])
@pytest.mark.parametrize('size, decodings', [(4, 1), (400, 3)])
def test_a_loop_keeps_frames_only_if_all_fit(play, monkeypatch, size, decodings, known):
    monkeypatch.setattr(playback, 'KEEP_LIMIT', 100_000)
    media = Numbers(5, size=size)
    if not known:
        media.frame_count = None
    rounds = iter([True, True, False])
    player = play(media, loop=lambda: next(rounds))
    assert take_all(player) == 3 * [0, 1, 2, 3, 4]
    assert media.decoded == 5 * decodings


@pytest.mark.parametrize('limit', [0, 100_000])
def test_the_stamps_of_a_loop_continue(play, monkeypatch, limit):
    """The last frame of an iteration has its own duration."""
    monkeypatch.setattr(playback, 'KEEP_LIMIT', limit)
    media = Numbers(3)
    media.last_duration = 0.5
    rounds = iter([True, True, False])
    player = play(media, loop=lambda: next(rounds))
    stamps = []

    def done():
        frame = player.take()
        if frame is not None:
            stamps.append(frame.stamp)
        return player.ended

    assert wait_until(done)
    assert stamps == pytest.approx([0.0, 0.1, 0.2, 0.7, 0.8, 0.9, 1.4, 1.5, 1.6])


def test_decoding_stays_a_few_frames_ahead(play):
    media = Numbers(200)
    player = play(media)
    for taken in range(3):  # the queue is full, and one frame waits
        expected = playback.AHEAD + 1 + taken
        assert wait_until(lambda count=expected: media.decoded == count)
        time.sleep(0.2)
        assert media.decoded == expected
        assert player.take() is not None


def test_the_newest_frame_of_a_camera_is_kept(play):
    media = Numbers(50, live=True, failure=AffectError('unplugged'))
    ready = threading.Event()
    player = play(media, ready=ready.set)
    assert ready.wait(30.0)
    assert wait_until(lambda: media.decoded == 50)
    numbers = []
    with pytest.raises(AffectError, match='unplugged'):
        while len(numbers) <= 50:
            frame = player.take()
            if frame is not None:
                numbers.append(int(frame.image[0, 0, 0]))
    # the error may have replaced the last frame
    assert numbers in ([], [49])
    assert player.ended and player.take() is None


@pytest.mark.parametrize('failure', [AffectError('no disk'), RuntimeError('a bug')])
def test_failures_are_raised_by_take(play, failure):
    player = play(Numbers(2, failure=failure))
    with pytest.raises(type(failure), match=str(failure)):
        take_all(player)
    assert player.ended


def test_a_source_without_a_single_frame_is_an_error(play):
    with pytest.raises(AffectError, match='no frame can be decoded'):
        take_all(play(Numbers(0)))


def test_closing_ends_the_thread_in_the_middle(play):
    player = play(Numbers(10_000), loop=lambda: True)
    assert take_all(player, limit=3) == [0, 1, 2]
    player.close()
    assert not any(thread.name == 'playback' for thread in threading.enumerate())
