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

from face_affect_ros.behaviours.conditions import FACE
from face_affect_ros.behaviours.listener import PEOPLE
import py_trees
from py_trees.common import Access, Status

#: Ids that are remembered; older ones have left long ago.
REMEMBERED = 1000


class OncePerFace(py_trees.decorators.Decorator):
    """
    Lets its child act on the face under 'face_affect/face', if it has not succeeded on it yet.

    FAILURE for a face that has had its turn, so that a selector goes on.
    """

    def __init__(self, name: str, child: py_trees.behaviour.Behaviour) -> None:
        """child: what is to be done."""
        super().__init__(name=name, child=child)
        self._done: dict[str, None] = {}
        self._board = self.attach_blackboard_client(name=name)
        self._board.register_key(FACE, access=Access.READ)
        self._board.register_key(PEOPLE, access=Access.READ)

    def tick(self):   # type: ignore[no-untyped-def]  # a generator of py_trees
        """Tick the child unless the face has had its turn."""
        if self.decorated.status != Status.RUNNING and self._board.get(FACE).id in self._done:
            self.status = Status.FAILURE
            self.feedback_message = f'{self._board.get(FACE).id} has had its turn'
            yield self
            return
        yield from super().tick()

    def update(self) -> Status:
        """Remember the face when the child has succeeded."""
        status: Status = self.decorated.status
        if status == Status.SUCCESS:
            self._done[self._board.get(FACE).id] = None
            while len(self._done) > REMEMBERED:
                del self._done[next(iter(self._done))]
        return status
