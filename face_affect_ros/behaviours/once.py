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

"""A decorator that runs its child once for each person."""

from face_affect_msgs.msg import FaceAffect
from face_affect_ros.behaviours.conditions import Condition, FACE
from face_affect_ros.behaviours.listener import PEOPLE
from face_affect_ros.behaviours.people import People
import py_trees
from py_trees.common import Access, Status

#: Number of ids that are stored; the people of older ones have left.
REMEMBERED = 1000


class OncePerFace(py_trees.decorators.Decorator):
    """
    Runs its child for each face until the child has succeeded for it.

    The face is at 'face_affect/face' while the child runs. FAILURE if no face is left, so that a
    selector continues.
    """

    def __init__(self, name: str, child: py_trees.behaviour.Behaviour, *,
                 who: Condition | None = None) -> None:
        """
        Create the decorator.

        Args:
            name: Name of the decorator.
            child: The behaviour to run.
            who: Condition on the faces, the nearest first. None: the face that an earlier leaf has
                written to 'face_affect/face'.
        """
        super().__init__(name=name, child=child)
        self._who = who
        self._face = FaceAffect()
        self._done: dict[str, None] = {}
        self._board = self.attach_blackboard_client(name=name)
        self._board.register_key(FACE, access=Access.WRITE)
        self._board.register_key(PEOPLE, access=Access.READ)

    def tick(self):   # type: ignore[no-untyped-def]  # a generator of py_trees
        """Tick the child if there is a face for which it has not succeeded."""
        running = self.decorated.status == Status.RUNNING
        face = self._again() if running else self._next()
        if face is None:
            self.status = Status.FAILURE
            yield self
            return
        self._face = face
        self._board.set(FACE, face)
        yield from super().tick()

    def update(self) -> Status:
        """Store the face if the child has succeeded."""
        status: Status = self.decorated.status
        if status == Status.SUCCESS:
            self._done[self._face.id] = None
            while len(self._done) > REMEMBERED:
                del self._done[next(iter(self._done))]
        return status

    def _again(self) -> FaceAffect:
        """Return the newest message about the face of the running child."""
        people: People = self._board.get(PEOPLE)
        person = people.there.get(self._face.id)
        return self._face if person is None else person.face

    def _next(self) -> 'FaceAffect | None':
        """Return the first face for which the child has not succeeded, None if there is none."""
        if self._who is None:
            found = [self._board.get(FACE)] if self._board.exists(FACE) else []
        else:
            found = [person.face for person in self._who.fulfilled(self._board.get(PEOPLE))]
        waiting = [face for face in found if face.id not in self._done]
        if not waiting:
            names = ', '.join(face.id for face in found)
            self.feedback_message = f'{names}: done' if found else 'nobody'
            return None
        return waiting[0]
