"""A decorator for what should be done once to each person."""

import py_trees
from py_trees.common import Access, Status

from face_affect_ros.behaviours.conditions import FACE
from face_affect_ros.behaviours.listener import PEOPLE

#: Ids that are remembered; older ones have left long ago.
REMEMBERED = 1000


class OncePerFace(py_trees.decorators.Decorator):
    """Lets its child act on the face under 'face_affect/face', if it has not succeeded on it yet.

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
