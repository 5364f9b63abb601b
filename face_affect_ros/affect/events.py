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

"""Who came, who left, whose expression changed: told once, and not at every flicker."""

from collections.abc import Sequence
from dataclasses import dataclass

from face_affect_ros.affect.types import Face, UNKNOWN

APPEARED, LEFT, EMOTION_CHANGED = 'appeared', 'left', 'emotion_changed'


@dataclass(frozen=True)
class Event:
    """One event: its type, the face, and the expression told of before (EMOTION_CHANGED)."""

    type: str  # noqa: A003
    face: Face
    previous_emotion: str = ''


@dataclass
class Presence:
    """
    A face that is there.

    face, seen: as last seen, and when. first: when it came. told: whether it has been told of,
    and emotion: the expression that was. new, since: an expression that may become the next one.
    """

    face: Face
    first: float
    seen: float
    told: bool = False
    emotion: str = ''
    new: str = ''
    since: float = 0.0


class Events:
    """Turns the faces of successive images into events."""

    def __init__(self, *, hold: float, timeout: float) -> None:
        """
        Start with nobody there.

        hold: seconds that a face or an expression must last to be told of. timeout: seconds
        without a sight of a face after which it has left; the tracker's.
        """
        self.hold, self.timeout = hold, timeout
        self._there: dict[str, Presence] = {}
        self._now = float('-inf')

    def __call__(self, faces: Sequence[Face], stamp: float) -> list[Event]:
        """
        Return the events that the faces of one image bring; stamp: its time in seconds.

        Where time jumps back by more than the timeout, everybody leaves.
        """
        events = self.end() if stamp < self._now - self.timeout else []
        self._now = stamp
        for face in faces:
            there = self._there.setdefault(face.id, Presence(face, stamp, stamp))
            there.face, there.seen = face, stamp
            events += self._look(there, stamp)
        gone = [key for key, there in self._there.items() if stamp - there.seen > self.timeout]
        return events + [event for key in gone for event in self._leave(key)]

    def end(self) -> list[Event]:
        """Return the events of everybody's leaving."""
        return [event for key in list(self._there) for event in self._leave(key)]

    def _look(self, there: Presence, stamp: float) -> list[Event]:
        estimate = there.face.estimates.get('emotion')
        emotion = estimate.label if estimate else UNKNOWN
        if not there.told:
            if stamp - there.first < self.hold:
                return []
            there.told, there.emotion, there.new = True, emotion, emotion
            return [Event(APPEARED, there.face)]
        if emotion != there.new:
            there.new, there.since = emotion, stamp
        if there.new == there.emotion or stamp - there.since < self.hold:
            return []
        previous, there.emotion = there.emotion, there.new
        return [Event(EMOTION_CHANGED, there.face, previous)]

    def _leave(self, key: str) -> list[Event]:
        there = self._there.pop(key)
        return [Event(LEFT, there.face)] if there.told else []
