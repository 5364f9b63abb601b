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

"""
Example tree: greet people who smile, comfort sad ones, ask if the expression is unknown.

It publishes sentences on ~/say (std_msgs/String), for a text-to-speech node.
"""

from collections.abc import Sequence
import threading
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from face_affect_ros.behaviours import (
    Condition,
    ExpressionIs,
    FacePresent,
    FacesToBlackboard,
    NearestPersonWithin,
    OncePerFace,
    Somebody,
)
from face_affect_ros.behaviours.listener import PEOPLE
from face_affect_ros.behaviours.people import Person
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.declaration import declare
from face_affect_ros.nodes.health import why_no_time
from face_affect_ros.nodes.main import run, steady_timer
from face_affect_ros.nodes.parameters import Spec
import py_trees
from py_trees.common import Access, ParallelPolicy, Status
from py_trees.composites import Parallel, Selector
from rclpy.node import Node
from std_msgs.msg import String

PARAMETERS = {
    'tick_rate': Spec(10.0, 'Ticks of the tree per second.', bounds=(0.1, 100.0)),
    'hold': Spec(1.0, 'Seconds that an expression must last before the robot responds.',
                 bounds=(0.0, 60.0)),
    'patience': Spec(5.0, 'Seconds that a person with an unknown expression is present before the '
                     'robot asks.', bounds=(0.0, 600.0)),
    'max_distance': Spec(0.0, 'Maximum distance in metres of people to speak to. 0: no limit, no '
                         'calibrated camera needed.', bounds=(0.0, 100.0)),
}
#: Seconds between two log lines of the same kind.
LOG_PERIOD = 10.0
#: Held during a tick: the blackboard is one for the trees of all threads of the process.
TICK = threading.Lock()
WORDS = {'greet': 'Hello! Nice to see you smile.',
         'comfort': 'You look sad. Can I do something for you?',
         'ask': 'Hello. How are you today?'}


class Say(py_trees.behaviour.Behaviour):
    """Publishes a sentence and succeeds; fails while the topic has no subscriber."""

    def __init__(self, name: str, text: str) -> None:
        """
        Create the leaf.

        Args:
            name: Name of the leaf.
            text: The sentence.
        """
        super().__init__(name)
        self._text = text

    def setup(self, **kwargs: Any) -> None:
        """Create the publisher of the node in the arguments."""
        self._publisher = kwargs['node'].create_publisher(String, '~/say', qos.results())

    def update(self) -> Status:
        """Publish the sentence if there is a subscriber."""
        if not self._publisher.get_subscription_count():
            self.feedback_message = 'no subscriber'
            return Status.FAILURE
        self._publisher.publish(String(data=self._text))
        return Status.SUCCESS


def make_tree(*, hold: float, patience: float, max_distance: float = 0.0,
              topic: str = 'face_affect/faces') -> py_trees.behaviour.Behaviour:
    """Return the root of the tree; times in seconds, max_distance in metres, 0 for no limit."""
    def answer(name: str, *conditions: Condition) -> OncePerFace:
        near = [NearestPersonWithin(max_distance)] if max_distance else []
        return OncePerFace(f'{name} once', Say(name, WORDS[name]),
                           who=Somebody(*near, *conditions))

    answers = Selector(name='answers', memory=False, children=[
        answer('greet', ExpressionIs('happy', for_seconds=hold)),
        answer('comfort', ExpressionIs('sad', for_seconds=hold)),
        answer('ask', FacePresent(for_seconds=patience),
               ExpressionIs('unknown', for_seconds=hold)),
        py_trees.behaviours.Success(name='wait')])
    return Parallel(name='greeter', policy=ParallelPolicy.SuccessOnAll(synchronise=False),
                    children=[FacesToBlackboard(topic=topic), answers])


class Greeter(Node):
    """Ticks the tree, and reports on /diagnostics if faces or their positions are missing."""

    def __init__(self, node_name: str = 'greeter', **kwargs: Any) -> None:
        """Set up the tree; kwargs are those of rclpy's Node."""
        super().__init__(node_name, **kwargs)
        declare(self, PARAMETERS, fixed=True)
        values = {name: self.get_parameter(name).value for name in PARAMETERS}
        self.tree = py_trees.trees.BehaviourTree(make_tree(
            hold=values['hold'], patience=values['patience'],
            max_distance=values['max_distance']))
        self.tree.setup(timeout=15.0, node=self)
        self._there: dict[str, Person] = {}
        self.create_timer(1.0 / values['tick_rate'], self._tick)
        self._max_distance = values['max_distance']
        self._people = py_trees.blackboard.Client(name='diagnostics')
        self._people.register_key(PEOPLE, access=Access.READ)
        self._diagnostics = self.create_publisher(DiagnosticArray, '/diagnostics', qos.results())
        steady_timer(self, 1.0, self._publish_diagnostics)

    def _tick(self) -> None:
        with TICK:
            self.tree.tick()
            self._there = self._people.get(PEOPLE).there

    def _publish_diagnostics(self) -> None:
        there = self._there.values()
        lost = self._max_distance and there and not any(
            person.face.position_known for person in there)
        faces = self.tree.root.children[0]
        text = why_no_time(self) or (
            faces.feedback_message if faces.status != Status.SUCCESS else
            'max_distance is set, but the faces have no position, so nobody is near: see '
            '/diagnostics of the node face_affect' if lost else '')
        status = DiagnosticStatus(
            level=DiagnosticStatus.WARN if text else DiagnosticStatus.OK, message=text or 'active',
            name=f'{self.get_fully_qualified_name()[1:]}: people')
        if text:
            self.get_logger().warning(text, throttle_duration_sec=LOG_PERIOD, skip_first=True)
        message = DiagnosticArray(status=[status])
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def close(self) -> None:
        """Interrupt the tree."""
        self.tree.interrupt()


def main(argv: Sequence[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; return the exit code."""
    return run(Greeter, argv, sends_images=False)


if __name__ == '__main__':
    raise SystemExit(main())
