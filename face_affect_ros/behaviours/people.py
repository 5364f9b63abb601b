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

"""The people in successive messages, with the histories that conditions need."""

from dataclasses import dataclass
import math
import time

from face_affect_msgs.msg import FaceAffect, FaceAffectArray

#: Seconds for which a face that is not detected keeps its history.
KEPT = 1.0
#: A head faces the camera if its angle is below the first value, until it is above the second, in
#: degrees. For the errors see docs/orientation.md.
LOOKING, LOOKING_NO_MORE = 20.0, 30.0


@dataclass(frozen=True)
class Person:
    """
    One tracked face, as last detected; times in seconds of the stamps of images.

    Attributes:
        face: The message.
        seen: Stamp of that message.
        since: Start of the present expression.
        looking_since: Start of facing the camera, None if the head is turned away or its
            orientation is unknown.
    """

    face: FaceAffect
    seen: float
    since: float
    looking_since: float | None = None

    @property
    def distance(self) -> float:
        """Return the distance of the face in metres, infinite if it is unknown."""
        place = self.face.position
        if not self.face.position_known:
            return math.inf
        return math.sqrt(place.x**2 + place.y**2 + place.z**2)


class People:
    """
    The people in the newest message; times are those of the stamps, so that bags work, too.

    Attributes:
        stamp: Stamp of the message in seconds.
        there: Its people by track id.
    """

    def __init__(self) -> None:
        """Start with nobody present."""
        self.stamp = -math.inf
        self.there: dict[str, Person] = {}
        self._known: dict[str, Person] = {}

    def see(self, message: FaceAffectArray) -> None:
        """Process a message; if time jumps by more than KEPT, all histories are reset."""
        stamp = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
        # for images without a stamp that of the arrival, as in the node face_affect
        stamp = stamp or time.monotonic()
        known = {name: person for name, person in self._known.items()
                 if abs(stamp - person.seen) <= KEPT}
        self.stamp = stamp
        self.there = {face.id: self._person(face, known.get(face.id)) for face in message.faces}
        self._known = {**known, **self.there}

    def forget(self) -> None:
        """Remove all people, because no message has arrived for too long."""
        self.there = {}

    def same_for(self, person: Person) -> float:
        """Return the duration of the present expression of a person in seconds."""
        return max(0.0, self.stamp - person.since)

    def looking_for(self, person: Person) -> float:
        """Return the duration of facing the camera in seconds, -1 if turned away or unknown."""
        since = person.looking_since
        return -1.0 if since is None else max(0.0, self.stamp - since)

    def _person(self, face: FaceAffect, before: Person | None) -> Person:
        same = before is not None and before.face.emotion == face.emotion
        looked = before.looking_since if before else None
        limit = LOOKING if looked is None else LOOKING_NO_MORE
        looks = face.orientation_known and face.facing_angle <= math.radians(limit)
        return Person(face, self.stamp, before.since if before and same else self.stamp,
                      (self.stamp if looked is None else looked) if looks else None)
