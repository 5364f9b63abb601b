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

"""The process of a node: spinning and shutdown."""

from collections.abc import Iterator
import threading
from typing import Any

from face_affect_ros.nodes.main import spin
import pytest
import rclpy
from rclpy.executors import Executor, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.task import Future

CALLBACKS = 300


class Watched(Future):
    """A future that counts its callbacks."""

    def __init__(self) -> None:
        super().__init__()
        self.hung = 0

    def add_done_callback(self, callback: Any) -> None:
        """Count it."""
        self.hung += 1
        super().add_done_callback(callback)


@pytest.fixture
def node(ros_domain: int) -> Iterator[Node]:
    """Return a node in the default context, as in its own process."""
    rclpy.init(args=[])
    node = rclpy.create_node('spinning')
    yield node
    node.destroy_node()
    rclpy.shutdown()


def executor_of(kind: str) -> Executor:
    """Return an executor by the name that the container gives it."""
    if kind == 'single_threaded':
        return SingleThreadedExecutor()
    experimental = pytest.importorskip(
        'rclpy.experimental', reason='the rclpy of this distribution has no events executor')
    return experimental.EventsExecutor()


@pytest.mark.parametrize('kind', ['single_threaded', 'events'])
def test_spinning_does_not_grow(node: Node, kind: str) -> None:
    """The future has no more callbacks after many callbacks of the node."""
    executor, stop, calls = executor_of(kind), Watched(), []

    def call() -> None:
        calls.append(stop.hung)
        if len(calls) == CALLBACKS:
            stop.set_result(None)

    node.create_timer(0.001, call)
    executor.add_node(node)
    spin(executor, stop)
    assert len(calls) >= CALLBACKS
    assert set(calls) == {calls[0]}


@pytest.mark.parametrize('kind', ['single_threaded', 'events'])
def test_the_stop_future_ends_the_wait(node: Node, kind: str,
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """A node without work ends at once when another thread sets the future."""
    monkeypatch.setattr('face_affect_ros.nodes.main.SPIN_PERIOD', 60.0)
    executor, stop = executor_of(kind), Future()
    executor.add_node(node)
    threading.Timer(0.3, stop.set_result, (None,)).start()
    thread = threading.Thread(target=spin, args=(executor, stop), daemon=True)
    thread.start()
    thread.join(30.0)
    assert not thread.is_alive()
