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

"""A decorator for what should be done once to each person."""

from face_affect_msgs.msg import FaceAffect
from face_affect_ros.behaviours.conditions import Condition, FACE
from face_affect_ros.behaviours.listener import PEOPLE
from face_affect_ros.behaviours.people import People
import py_trees
from py_trees.common import Access, Status

#: Ids that are remembered; older ones have left long ago.
REMEMBERED = 1000


class OncePerFace(py_trees.decorators.Decorator):
    """
    Lets its child act on each face until it has succeeded on it.

    The face is under 'face_affect/face' while the child acts, however long that takes. FAILURE
    where there is none whose turn it is, so that a selector goes on.
    """

    def __init__(self, name: str, child: py_trees.behaviour.Behaviour, *,
                 who: Condition | None = None) -> None:
        """
        Wait for faces.

        child: what is to be done. who: to whom; each who fulfils it has a turn, the nearest first.
        Without it, the face that an earlier leaf has left under 'face_affect/face' is meant.
        """
        super().__init__(name=name, child=child)
        self._who = who
        self._face = FaceAffect()
        self._done: dict[str, None] = {}
        self._board = self.attach_blackboard_client(name=name)
        self._board.register_key(FACE, access=Access.WRITE)
        self._board.register_key(PEOPLE, access=Access.READ)

    def tick(self):   # type: ignore[no-untyped-def]  # a generator of py_trees
        """Tick the child if there is a face whose turn it is."""
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
        """Remember the face when the child has succeeded."""
        status: Status = self.decorated.status
        if status == Status.SUCCESS:
            self._done[self._face.id] = None
            while len(self._done) > REMEMBERED:
                del self._done[next(iter(self._done))]
        return status

    def _again(self) -> FaceAffect:
        """Return the face that the child acts on, as it was last seen."""
        people: People = self._board.get(PEOPLE)
        person = people.there.get(self._face.id)
        return self._face if person is None else person.face

    def _next(self) -> FaceAffect | None:
        """Return the face whose turn it is, None where there is none."""
        if self._who is None:
            found = [self._board.get(FACE)]
        else:
            found = [person.face for person in self._who.fulfilled(self._board.get(PEOPLE))]
        waiting = [face for face in found if face.id not in self._done]
        if not waiting:
            names = ', '.join(face.id for face in found)
            self.feedback_message = f'{names}: had a turn' if found else 'nobody'
            return None
        return waiting[0]
