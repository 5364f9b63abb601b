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

"""Conditions on the people on the blackboard. They succeed or fail at once."""

from face_affect_msgs.msg import FaceAffect
from face_affect_ros.affect.types import EMOTIONS, UNKNOWN
from face_affect_ros.behaviours.listener import PEOPLE
from face_affect_ros.behaviours.people import People, Person
import py_trees
from py_trees.common import Access, Status

#: Key to which a condition that succeeds writes its face, for the leaves after it.
FACE = 'face_affect/face'


class Condition(py_trees.behaviour.Behaviour):
    """SUCCESS if a person fulfils it, with the FaceAffect written to 'face_affect/face'."""

    def __init__(self, name: str) -> None:
        """
        Create the leaf.

        Args:
            name: Name of the leaf.
        """
        super().__init__(name)
        self._board = self.attach_blackboard_client(name=name)
        self._board.register_key(PEOPLE, access=Access.READ)
        self._board.register_key(FACE, access=Access.WRITE)

    def update(self) -> Status:
        """Return SUCCESS if a person fulfils the condition, else FAILURE."""
        people: People = self._board.get(PEOPLE)
        found = self.fulfilled(people)
        if not found:
            self.feedback_message = f'none of {len(people.there)} faces'
            return Status.FAILURE
        self._board.set(FACE, found[0].face)
        self.feedback_message = found[0].face.id
        return Status.SUCCESS

    def fulfilled(self, people: People) -> list[Person]:
        """Return the people who fulfil it, nearest first; without a distance, largest first."""
        return sorted((person for person in people.there.values() if self.holds(person, people)),
                      key=lambda person: (person.distance, -person.face.roi.width))

    def holds(self, person: Person, people: People) -> bool:
        """Return whether a person fulfils it."""
        raise NotImplementedError


class Somebody(Condition):
    """One person fulfils several conditions; in a sequence, different people may fulfil them."""

    def __init__(self, *conditions: Condition, name: str = '') -> None:
        """
        Create the leaf.

        Args:
            conditions: Conditions on this person; they are not part of the tree.
            name: Name of the leaf, '' for those of the conditions.
        """
        super().__init__(name or ' and '.join(each.name for each in conditions))
        self._conditions = conditions

    def holds(self, person: Person, people: People) -> bool:
        """Return whether this person fulfils all conditions."""
        return all(each.holds(person, people) for each in self._conditions)


class FacePresent(Condition):
    """A person has been present for some time."""

    def __init__(self, name: str = 'somebody is there?', *, for_seconds: float = 0.0) -> None:
        """
        Create the leaf.

        Args:
            name: Name of the leaf.
            for_seconds: Minimum duration of the track in seconds.
        """
        super().__init__(name)
        self._for_seconds = for_seconds

    def holds(self, person: Person, people: People) -> bool:
        """Return whether this person has been tracked for this time."""
        tracked = person.face.tracked_for
        return bool(tracked.sec + tracked.nanosec * 1e-9 >= self._for_seconds)


class ExpressionIs(Condition):
    """A person has had an expression for some time."""

    def __init__(self, label: str, *, for_seconds: float = 0.0, min_confidence: float = 0.0,
                 name: str = '') -> None:
        """
        Create the leaf.

        Args:
            label: Label of FaceAffect, or UNKNOWN.
            for_seconds: Minimum duration without a change, in seconds of the stamps of images.
            min_confidence: Minimum confidence in the newest message, 0 to 1.
            name: Name of the leaf, '' for that of the label.

        Raises:
            ValueError: The label is not one of FaceAffect.
        """
        if label not in (*EMOTIONS, UNKNOWN):
            raise ValueError(f"'{label}' is not one of {', '.join((*EMOTIONS, UNKNOWN))}")
        super().__init__(name or f'{label}?')
        self._label, self._for_seconds, self._min = label, for_seconds, min_confidence

    def holds(self, person: Person, people: People) -> bool:
        """Return whether this person has the expression, duration and confidence."""
        face: FaceAffect = person.face
        return bool(face.emotion == self._label and face.emotion_confidence >= self._min
                    and people.same_for(person) >= self._for_seconds)


class LookingAtRobot(Condition):
    """The head of a person has been turned to the camera for some time; eyes are not tracked."""

    def __init__(self, for_seconds: float = 0.0, *, name: str = 'looks at me?') -> None:
        """
        Create the leaf.

        Args:
            for_seconds: Minimum duration without turning away, in seconds of the stamps of images.
            name: Name of the leaf.
        """
        super().__init__(name)
        self._for_seconds = for_seconds

    def holds(self, person: Person, people: People) -> bool:
        """Return whether this person has faced the camera for this time."""
        looking = people.looking_for(person)
        return looking >= 0.0 and looking >= self._for_seconds


class NearestPersonWithin(Condition):
    """A person is near; needs positions, and therefore a calibrated camera."""

    def __init__(self, metres: float, *, name: str = '') -> None:
        """
        Create the leaf.

        Args:
            metres: Maximum distance from the camera in metres.
            name: Name of the leaf, '' for that of the distance.
        """
        super().__init__(name or f'within {metres:g} m?')
        self._metres = metres

    def holds(self, person: Person, people: People) -> bool:
        """Return whether this person is within the distance."""
        return person.distance <= self._metres
