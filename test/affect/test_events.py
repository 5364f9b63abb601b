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

"""Events are reported once, in order, and only for lasting changes."""

from face_affect_ros.affect.events import APPEARED, EMOTION_CHANGED, Event, Events, LEFT
from faces import face


def summary(events: list[Event]) -> list[tuple[str, str]]:
    """Return type and id of each event."""
    return [(event.type, event.face.id) for event in events]


def test_a_face_appears_after_the_hold_and_leaves_after_the_timeout() -> None:
    events = Events(hold=0.5, timeout=1.0)
    assert events([face('a')], 10.0) == []
    assert events([face('a')], 10.4) == []
    assert summary(events([face('a')], 10.5)) == [(APPEARED, 'a')]
    assert events([face('a')], 10.6) == []
    assert events([], 11.5) == []
    assert summary(events([], 11.7)) == [(LEFT, 'a')]
    assert events([], 20.0) == []


def test_a_face_that_is_seen_briefly_has_no_events() -> None:
    events = Events(hold=0.5, timeout=1.0)
    events([face('a')], 0.0)
    assert events([], 3.0) == []


def test_an_expression_must_last_to_be_reported() -> None:
    events = Events(hold=0.5, timeout=1.0)
    events([face('a', 'neutral')], 0.0)
    assert summary(events([face('a', 'neutral')], 0.5)) == [(APPEARED, 'a')]
    # Short changes are not reported.
    for step in range(20):
        label = ('happy', 'neutral')[step % 2]
        assert events([face('a', label)], 0.6 + 0.1 * step) == []
    assert events([face('a', 'happy')], 2.6) == []
    assert events([face('a', 'happy')], 3.0) == []
    [event] = events([face('a', 'happy')], 3.1)
    assert (event.type, event.previous_emotion) == (EMOTION_CHANGED, 'neutral')
    assert event.face.estimates['emotion'].label == 'happy'
    assert events([face('a', 'happy')], 4.0) == []


def test_unknown_is_an_expression_too() -> None:
    events = Events(hold=0.0, timeout=1.0)
    assert summary(events([face('a', 'happy')], 0.0)) == [(APPEARED, 'a')]
    [event] = events([face('a', 'unknown')], 0.1)
    assert (event.type, event.previous_emotion) == (EMOTION_CHANGED, 'happy')


def test_every_reported_face_leaves_once_at_the_end() -> None:
    events = Events(hold=0.5, timeout=1.0)
    events([face('a')], 0.0)
    events([face('a'), face('b')], 0.6)
    assert summary(events.end()) == [(LEFT, 'a')]   # the appearance of b was not reported
    assert events.end() == []


def test_all_faces_leave_if_time_jumps_back() -> None:
    events = Events(hold=0.0, timeout=1.0)
    events([face('a')], 100.0)
    assert summary(events([face('b')], 5.0)) == [(LEFT, 'a'), (APPEARED, 'b')]
    assert summary(events([face('b')], 4.5)) == []   # a small step back is ignored


def test_faces_without_expressions_appear_and_leave() -> None:
    events = Events(hold=0.0, timeout=1.0)
    assert summary(events([face('a', estimates={})], 0.0)) == [(APPEARED, 'a')]
    assert summary(events([], 2.0)) == [(LEFT, 'a')]
