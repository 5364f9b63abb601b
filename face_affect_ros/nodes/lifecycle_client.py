"""Drive another node through its lifecycle."""

import contextlib
import time
from collections.abc import Iterator

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node

from face_affect_ros.affect.types import AffectError

#: Loading the models may take this long on a slow computer, seconds.
TIMEOUT = 30.0


def change_state(node: Node, target: str, *transitions: int, timeout: float = TIMEOUT) -> None:
    """Ask a lifecycle node for transitions, one after the other, and wait for each.

    node: spun by this function, by its own executor if it has one; must not spin elsewhere
    meanwhile. target: the fully qualified name of the lifecycle node. transitions: constants of
    lifecycle_msgs/Transition. Raises AffectError where the node does not answer or refuses.
    """
    with _executor_of(node) as executor:
        for transition in transitions:
            _change(executor, node, target, transition, timeout)


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


def _change(executor: Executor, node: Node, target: str, transition: int,
            timeout: float) -> None:
    deadline = time.monotonic() + timeout
    client = node.create_client(ChangeState, f'{target}/change_state')
    try:
        if not client.wait_for_service(timeout):
            raise AffectError(f'{target} did not come up within {timeout:.0f} s')
        future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
        executor.spin_until_future_complete(future, deadline - time.monotonic())
        if not future.done():
            raise AffectError(f'{target} did not answer within {timeout:.0f} s')
        result = future.result()
        if result is None or not result.success:
            raise AffectError(f'{target} refused transition {transition}; its log says why')
    finally:
        node.destroy_client(client)
