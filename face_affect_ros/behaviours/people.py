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

"""What a behaviour needs to know of the faces of successive images."""

from dataclasses import dataclass
import math

from face_affect_msgs.msg import FaceAffect, FaceAffectArray

#: Seconds for which a face that is not seen keeps its history.
KEPT = 1.0
#: A head that is turned to the camera within the first angle looks at it, until it is turned away
#: by more than the second, degrees: docs/orientation.md has the errors.
LOOKING, LOOKING_NO_MORE = 20.0, 30.0


@dataclass(frozen=True)
class Person:
    """
    One tracked face, as last seen; times in seconds.

    seen: when. since: from when on its expression is the same. looking_since: from when on its
    head is turned to the camera, None where it is not, or where that is not known.
    """

    face: FaceAffect
    seen: float
    since: float
    looking_since: float | None = None

    @property
    def distance(self) -> float:
        """Return how far away the face is in metres, infinite where that is not known."""
        place = self.face.position
        if not self.face.position_known:
            return math.inf
        return math.sqrt(place.x**2 + place.y**2 + place.z**2)


class People:
    """
    The people in the newest message; times are those of the images, so that bags work too.

    stamp: of that message, seconds. there: its people by track id.
    """

    def __init__(self) -> None:
        """Start with nobody there."""
        self.stamp = -math.inf
        self.there: dict[str, Person] = {}
        self._known: dict[str, Person] = {}

    def see(self, message: FaceAffectArray) -> None:
        """Take a message; where time jumps back, all histories end."""
        stamp = message.header.stamp.sec + message.header.stamp.nanosec * 1e-9
        known = {name: person for name, person in self._known.items()
                 if 0.0 <= stamp - person.seen <= KEPT}
        self.stamp = stamp
        self.there = {face.id: self._person(face, known.get(face.id)) for face in message.faces}
        self._known = {**known, **self.there}

    def forget(self) -> None:
        """Take it that nobody is there: no message has come for too long."""
        self.there = {}

    def same_for(self, person: Person) -> float:
        """Return for how many seconds a person's expression has been what it is."""
        return self.stamp - person.since

    def looking_for(self, person: Person) -> float:
        """Return for how many seconds a person's head has been turned to the camera, -1 if not."""
        return -1.0 if person.looking_since is None else self.stamp - person.looking_since

    def _person(self, face: FaceAffect, before: Person | None) -> Person:
        same = before is not None and before.face.emotion == face.emotion
        looked = before.looking_since if before else None
        limit = LOOKING if looked is None else LOOKING_NO_MORE
        looks = face.orientation_known and face.facing_angle <= math.radians(limit)
        return Person(face, self.stamp, before.since if before and same else self.stamp,
                      (self.stamp if looked is None else looked) if looks else None)
