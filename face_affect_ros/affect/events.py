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

"""Events of faces that appear, leave or change their expression for some time."""

from collections.abc import Sequence
from dataclasses import dataclass

from face_affect_ros.affect.types import Face, UNKNOWN

APPEARED, LEFT, EMOTION_CHANGED = 'appeared', 'left', 'emotion_changed'


@dataclass(frozen=True)
class Event:
    """One event: its type, the face, and the previous expression (EMOTION_CHANGED)."""

    type: str  # noqa: A003
    face: Face
    previous_emotion: str = ''


@dataclass
class Presence:
    """A face that has not left, as last seen; all times are stamps of images, seconds."""

    face: Face
    first: float
    seen: float
    emotion: str = ''   # last reported, '' until the appearance has been reported
    new: str = ''       # the current expression, since `since`
    since: float = 0.0


class Events:
    """
    Detects the events in the faces of successive images.

    A face or an expression is reported if it lasts `hold` seconds. A face has left after `timeout`
    seconds without it, which is that of the tracker.
    """

    def __init__(self, *, hold: float, timeout: float) -> None:
        self.hold, self.timeout = hold, timeout
        self._there: dict[str, Presence] = {}
        self._now = float('-inf')

    def __call__(self, faces: Sequence[Face], stamp: float) -> list[Event]:
        """
        Return the events of one image; stamp: its time, seconds.

        If time jumps back by more than the timeout, all faces leave.
        """
        events = self.end() if stamp < self._now - self.timeout else []
        self._now = stamp
        for face in faces:
            there = self._there.setdefault(face.id, Presence(face, stamp, stamp))
            there.face, there.seen = face, stamp
            events += self._update(there, stamp)
        left = [key for key, there in self._there.items() if stamp - there.seen > self.timeout]
        return events + [event for key in left for event in self._leave(key)]

    def end(self) -> list[Event]:
        """Return the events of all faces leaving."""
        return [event for key in list(self._there) for event in self._leave(key)]

    def _update(self, there: Presence, stamp: float) -> list[Event]:
        estimate = there.face.estimates.get('emotion')
        emotion = estimate.label if estimate else UNKNOWN
        if not there.emotion:
            if stamp - there.first < self.hold:
                return []
            there.emotion = there.new = emotion
            return [Event(APPEARED, there.face)]
        if emotion != there.new:
            there.new, there.since = emotion, stamp
        if there.new == there.emotion or stamp - there.since < self.hold:
            return []
        previous, there.emotion = there.emotion, there.new
        return [Event(EMOTION_CHANGED, there.face, previous)]

    def _leave(self, key: str) -> list[Event]:
        there = self._there.pop(key)
        return [Event(LEFT, there.face)] if there.emotion else []
