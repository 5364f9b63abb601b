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

"""Bringing a node up, with requests and answers lost on the way."""

from typing import Any

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from face_affect_ros.affect.types import AffectError  # noqa: E402, I100
from face_affect_ros.nodes import lifecycle_client  # noqa: E402
from lifecycle_msgs.msg import State, Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState, GetState  # noqa: E402
from support import running_node  # noqa: E402

AFTER = {Transition.TRANSITION_CONFIGURE: State.PRIMARY_STATE_INACTIVE,
         Transition.TRANSITION_ACTIVATE: State.PRIMARY_STATE_ACTIVE}
MODULE = 'face_affect_ros.nodes.face_affect_node'
#: Numbers of calls, 1 the first.
Calls = frozenset[int]


class Target:
    """
    A lifecycle node behind a network that loses the calls whose numbers are in `lost`.

    lost_answers: these calls arrive, only their answers are lost. refuses: transitions.
    """

    def __init__(self, *, lost: Calls = frozenset(), lost_answers: Calls = frozenset(),
                 refuses: frozenset[int] = frozenset()) -> None:
        self.state = State.PRIMARY_STATE_UNCONFIGURED
        self.transitions: list[int] = []
        self.calls = 0
        #: Seconds that the transitions were given, in their order.
        self.patience: list[float] = []
        self._lost, self._lost_answers, self._refuses = lost, lost_answers, refuses

    def create_client(self, service: Any, name: str) -> Any:
        return service

    def destroy_client(self, client: Any) -> None:
        pass

    def ask(self, client: Any, request: Any, patience: float) -> Any:
        self.calls += 1
        if client is ChangeState:
            self.patience.append(patience)
        if self.calls in self._lost:
            return None
        if client is GetState:
            answer = GetState.Response(current_state=State(id=self.state))
        else:
            answer = self._change(request.transition.id)
        return None if self.calls in self._lost_answers else answer

    def _change(self, transition: int) -> ChangeState.Response:
        self.transitions.append(transition)
        if transition in self._refuses:
            return ChangeState.Response(success=False)
        self.state = AFTER[transition]
        return ChangeState.Response(success=True)

    def failed(self) -> str | None:
        return lifecycle_client.failed_transition(self, 'target', self.ask,
                                                  lambda: self.calls < 20)


@pytest.mark.parametrize('losses', [
    {}, {'lost': frozenset({1})}, {'lost': frozenset({2})}, {'lost': frozenset({1, 2, 3, 4, 5})},
    {'lost_answers': frozenset({2})}, {'lost_answers': frozenset({1, 4})},
])
def test_every_transition_happens_once_whatever_is_lost(losses: dict[str, Calls]) -> None:
    target = Target(**losses)
    assert target.failed() == ''
    assert target.transitions == [Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE]


def test_a_slow_refusal_is_heard_in_the_end() -> None:
    """Each transition that is not answered is given twice the time when it is asked for again."""
    first = lifecycle_client.PATIENCE
    target = Target(lost_answers=frozenset({2, 4, 6}),
                    refuses=frozenset({Transition.TRANSITION_CONFIGURE}))
    assert target.failed() == 'configure'
    assert target.patience == [first, 2 * first, 4 * first, 8 * first]
    lucky = Target(lost=frozenset({2}))
    assert lucky.failed() == ''
    assert lucky.patience == [first, 2 * first, first]


@pytest.mark.parametrize(('transition', 'name'), [
    (Transition.TRANSITION_CONFIGURE, 'configure'), (Transition.TRANSITION_ACTIVATE, 'activate'),
])
def test_a_refusal_is_named(transition: int, name: str) -> None:
    assert Target(refuses=frozenset({transition})).failed() == name


def test_it_ends_where_nobody_answers() -> None:
    target = Target(lost=frozenset(range(100)))
    assert target.failed() is None
    assert target.calls == 20


def test_a_finalized_node_is_left_alone() -> None:
    target = Target()
    target.state = State.PRIMARY_STATE_FINALIZED
    assert target.failed() is None
    assert not target.transitions


def test_a_node_that_is_not_there_is_named(ros: Any) -> None:
    with pytest.raises(AffectError, match='/nobody did not come up within 1 s'):
        lifecycle_client.bring_up(ros.node, '/nobody', timeout=1.0)


def test_a_node_that_cannot_configure_is_named(ros: Any) -> None:
    with running_node(MODULE, emotion_model='/nowhere') as process:
        with pytest.raises(AffectError, match='/face_affect could not configure'):
            lifecycle_client.bring_up(ros.node, '/face_affect')
        assert process.running()
