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

"""The leaf that subscribes to faces and writes them to the blackboard."""

from typing import Any

from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.behaviours.people import People
from face_affect_ros.nodes import qos
import py_trees
from py_trees.common import Access, Status

#: Key of the people on the blackboard.
PEOPLE = 'face_affect/people'


class FacesToBlackboard(py_trees.behaviour.Behaviour):
    """
    Writes the People of the newest message to the blackboard, to 'face_affect/people'.

    RUNNING until the first message, then SUCCESS while messages arrive and FAILURE otherwise, with
    nobody present. Written at each tick, because another tree of the process may have its own
    people; trees of several threads must not be ticked at the same time.
    """

    def __init__(self, name: str = 'faces', *, topic: str = 'face_affect/faces',
                 timeout: float = 2.0) -> None:
        """
        Create the leaf.

        Args:
            name: Name of the leaf.
            topic: Topic of the faces.
            timeout: Seconds without a message after which nobody is present.
        """
        super().__init__(name)
        self._topic, self._timeout = topic, timeout
        self._people = People()
        self._node: Any = None
        self._heard: float | None = None
        self._board = self.attach_blackboard_client(name=name)
        self._board.register_key(PEOPLE, access=Access.WRITE)
        self._board.set(PEOPLE, self._people)

    def setup(self, **kwargs: Any) -> None:
        """Subscribe with the node in the arguments; KeyError if there is none."""
        try:
            self._node = kwargs['node']
        except KeyError as error:
            raise KeyError(f"'{self.name}' needs setup(node=...), as in py_trees_ros, with the "
                           'node that subscribes') from error
        self._subscription = self._node.create_subscription(
            FaceAffectArray, self._topic, self.take, qos.results())

    def take(self, message: FaceAffectArray) -> None:
        """Process a message; called by the subscription."""
        self._people.see(message)
        self._heard = self._now()

    def update(self) -> Status:
        """Return whether messages arrive."""
        self._board.set(PEOPLE, self._people)
        if self._heard is None:
            self.feedback_message = f"no message on '{self._topic}' yet"
            return Status.RUNNING
        now = self._now()
        # Simulated time may jump back, and is 0 before the first message on /clock.
        self._heard = min(self._heard, now) or now
        silent = now - self._heard
        if silent > self._timeout:
            self._people.forget()
            self.feedback_message = f"no message on '{self._topic}' for {silent:.0f} s"
            return Status.FAILURE
        self.feedback_message = f'{len(self._people.there)} faces'
        return Status.SUCCESS

    def shutdown(self) -> None:
        """Unsubscribe."""
        if self._node is not None:
            self._node.destroy_subscription(self._subscription)

    def _now(self) -> float:
        return float(self._node.get_clock().now().nanoseconds) * 1e-9
