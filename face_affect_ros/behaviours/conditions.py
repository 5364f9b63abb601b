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

"""Conditions on the people that FacesToBlackboard has written. They succeed or fail at once."""

from face_affect_msgs.msg import FaceAffect
from face_affect_ros.affect.types import EMOTIONS, UNKNOWN
from face_affect_ros.behaviours.listener import PEOPLE
from face_affect_ros.behaviours.people import People, Person
import py_trees
from py_trees.common import Access, Status

#: Where a condition that succeeds leaves the face that it is true of, for the leaves after it.
FACE = 'face_affect/face'


class Condition(py_trees.behaviour.Behaviour):
    """SUCCESS where somebody fulfils it, and then their FaceAffect under 'face_affect/face'."""

    def __init__(self, name: str) -> None:
        """name: of the leaf."""
        super().__init__(name)
        self._board = self.attach_blackboard_client(name=name)
        self._board.register_key(PEOPLE, access=Access.READ)
        self._board.register_key(FACE, access=Access.WRITE)

    def update(self) -> Status:
        """Look for somebody."""
        people: People = self._board.get(PEOPLE)
        found = self.fulfilled(people)
        if not found:
            self.feedback_message = f'none of {len(people.there)} faces'
            return Status.FAILURE
        self._board.set(FACE, found[0].face)
        self.feedback_message = found[0].face.id
        return Status.SUCCESS

    def fulfilled(self, people: People) -> list[Person]:
        """Return who fulfils it: the nearest first; of unknown distances the biggest first."""
        return sorted((person for person in people.there.values() if self.holds(person, people)),
                      key=lambda person: (person.distance, -person.face.roi.width))

    def holds(self, person: Person, people: People) -> bool:
        """Return whether a person fulfils it."""
        raise NotImplementedError


class Somebody(Condition):
    """One person fulfils several conditions; in a sequence, they may be true of different ones."""

    def __init__(self, *conditions: Condition, name: str = '') -> None:
        """conditions: what is asked of this person; they are no part of the tree."""
        super().__init__(name or ' and '.join(each.name for each in conditions))
        self._conditions = conditions

    def holds(self, person: Person, people: People) -> bool:
        """Return whether this person fulfils them all."""
        return all(each.holds(person, people) for each in self._conditions)


class FacePresent(Condition):
    """Somebody has been there for some time."""

    def __init__(self, name: str = 'somebody is there?', *, for_seconds: float = 0.0) -> None:
        """for_seconds: that the face has been tracked at least."""
        super().__init__(name)
        self._for_seconds = for_seconds

    def holds(self, person: Person, people: People) -> bool:
        """Return whether this person has been there for so long."""
        tracked = person.face.tracked_for
        return bool(tracked.sec + tracked.nanosec * 1e-9 >= self._for_seconds)


class ExpressionIs(Condition):
    """Somebody has had an expression for some time."""

    def __init__(self, label: str, *, for_seconds: float = 0.0, min_confidence: float = 0.0,
                 name: str = '') -> None:
        """
        Ask for an expression.

        label: one of FaceAffect's, UNKNOWN among them. for_seconds: without a change, by the
        images' stamps. min_confidence: of the newest message, 0 to 1.
        """
        if label not in (*EMOTIONS, UNKNOWN):
            raise ValueError(f"'{label}' is not one of {', '.join((*EMOTIONS, UNKNOWN))}")
        super().__init__(name or f'{label}?')
        self._label, self._for_seconds, self._min = label, for_seconds, min_confidence

    def holds(self, person: Person, people: People) -> bool:
        """Return whether this person looks so, for so long, so surely."""
        face: FaceAffect = person.face
        return bool(face.emotion == self._label and face.emotion_confidence >= self._min
                    and people.same_for(person) >= self._for_seconds)


class LookingAtRobot(Condition):
    """Somebody's head has been turned to the camera for some time; the eyes are not asked."""

    def __init__(self, for_seconds: float = 0.0, *, name: str = 'looks at me?') -> None:
        """for_seconds: without turning away, by the images' stamps."""
        super().__init__(name)
        self._for_seconds = for_seconds

    def holds(self, person: Person, people: People) -> bool:
        """Return whether this person has looked here for so long."""
        looking = people.looking_for(person)
        return looking >= 0.0 and looking >= self._for_seconds


class NearestPersonWithin(Condition):
    """Somebody is near; needs positions, and so a calibrated camera."""

    def __init__(self, metres: float, *, name: str = '') -> None:
        """metres: from the camera."""
        super().__init__(name or f'within {metres:g} m?')
        self._metres = metres

    def holds(self, person: Person, people: People) -> bool:
        """Return whether this person is so near."""
        return person.distance <= self._metres
