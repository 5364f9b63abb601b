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

"""Bring another node to the state active, whatever is lost on the way."""

from collections.abc import Callable, Iterator
import contextlib
import time
from typing import Any

from face_affect_ros.affect.types import AffectError
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node

#: Seconds after which a request is taken for lost and the state is asked for again. A transition
#: gets twice the time whenever it is asked for again, so that a slow refusal is heard in the end.
PATIENCE = 0.5
#: Starting the process and loading the models may take this long on a slow computer, seconds.
TIMEOUT = 60.0
#: What leads towards the state active.
STEPS = {State.PRIMARY_STATE_UNCONFIGURED: (Transition.TRANSITION_CONFIGURE, 'configure'),
         State.PRIMARY_STATE_INACTIVE: (Transition.TRANSITION_ACTIVATE, 'activate')}

#: Calls a service and returns its answer, None where it did not come within so many seconds.
Ask = Callable[[Any, Any, float], Any]


def bring_up(node: Node, target: str, *, timeout: float = TIMEOUT) -> None:
    """
    Configure and activate a lifecycle node, and wait for it.

    node: spun by this function, by its own executor if it has one; must not spin elsewhere
    meanwhile. target: the fully qualified name of the lifecycle node. timeout: seconds for all of
    it. Raises AffectError where the node does not come up or refuses.
    """
    deadline = time.monotonic() + timeout
    with _executor_of(node) as executor:

        def ask(client: Any, request: Any, patience: float) -> Any:
            if not client.wait_for_service(patience):
                return None
            future = client.call_async(request)
            executor.spin_until_future_complete(future, patience)
            if future.done():
                return future.result()
            client.remove_pending_request(future)
            return None

        failed = failed_transition(node, target, ask, lambda: time.monotonic() < deadline)
    if failed is None:
        raise AffectError(f'{target} did not come up within {timeout:.0f} s; its log may say why')
    if failed:
        raise AffectError(f'{target} could not {failed}; its log says why')


def failed_transition(node: Node, target: str, ask: Ask, go_on: Callable[[], bool]) -> str | None:
    """
    Return the name of the transition that a node refused, '' where it is active.

    None where `go_on` ended it or the node is finalized. A request that gets no answer may have
    been lost on the way there or back (two processes find each other topic by topic, and the
    services of a dead process stay known for up to 20 s), so the node's state decides what is
    asked for next, until the state is active or the node refuses.
    """
    states = node.create_client(GetState, f'{target}/get_state')
    changes = node.create_client(ChangeState, f'{target}/change_state')
    try:
        refused: int | None = None
        patience = PATIENCE
        while go_on():
            answer = ask(states, GetState.Request(), PATIENCE)
            if answer is None:
                continue
            state = answer.current_state.id
            if state == State.PRIMARY_STATE_ACTIVE:
                return ''
            if state == State.PRIMARY_STATE_FINALIZED:
                break
            if state not in STEPS:
                time.sleep(0.1)  # in the middle of a transition
                continue
            transition, name = STEPS[state]
            if state == refused:
                return name
            answer = ask(changes, ChangeState.Request(transition=Transition(id=transition)),
                         patience)
            patience = PATIENCE if answer is not None else 2.0 * patience
            # The state decides: a refusal may answer our second request for the same transition.
            refused = state if answer is not None and not answer.success else None
        return None
    finally:
        node.destroy_client(states)
        node.destroy_client(changes)


@contextlib.contextmanager
def _executor_of(node: Node) -> Iterator[Executor]:
    if node.executor is not None:
        yield node.executor
        return
    executor = SingleThreadedExecutor(context=node.context)
    executor.add_node(node)
    try:
        yield executor
    finally:
        executor.remove_node(node)
        executor.shutdown()
