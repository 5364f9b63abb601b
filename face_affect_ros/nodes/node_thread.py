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

"""A node that is spun in a thread of its own, and the orderly end of nodes."""

from collections.abc import Callable
import threading

from rclpy.context import Context
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

#: Consecutive tasks of the executor after the end of an action's goal, and one to spare.
STEPS = 3
#: Seconds after which `drain` checks again whether it is done.
DRAIN_PERIOD = 0.1


class NodeThread:
    """
    Spins one node, so that callbacks of other nodes do not delay it.

    The node may be destroyed after `stop`.
    """

    def __init__(self, node: Node, *, failed: Callable[[BaseException], object]) -> None:
        """Start; failed: called in this thread with what a callback of the node raises."""
        self._executor = SingleThreadedExecutor(context=node.context)
        self._executor.add_node(node)
        self._context = node.context
        self._node = node
        self._failed = failed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=node.get_name(), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the node in its thread, run the callbacks that follow, end the thread."""
        self._executor.create_task(self._close)
        self._thread.join()
        self._executor.remove_node(self._node)
        self._executor.shutdown()

    def _close(self) -> None:
        close(self._node)
        later(self._executor, self._stopping.set)

    def _run(self) -> None:
        try:
            while self._context.ok() and not self._stopping.is_set():
                self._executor.spin_once()
        except ExternalShutdownException:
            pass
        except BaseException as error:   # SystemExit too: a node may end the process
            self._failed(error)


def later(executor: Executor, act: Callable[[], None], after: int = STEPS) -> None:
    """Call a function in an executor after the tasks that follow from goals that have ended."""
    if after:
        executor.create_task(later, executor, act, after - 1)
    else:
        act()


def drain(executor: Executor, context: Context) -> None:
    """
    Run the callbacks that follow from the end of nodes, such as results of their goals.

    Args:
        executor: Does not spin now.
        context: Of the nodes; its shutdown ends this.
    """
    drained = threading.Event()
    later(executor, drained.set, STEPS + 1)   # a container destroys its nodes after STEPS
    while context.ok() and not drained.is_set():
        executor.spin_once(DRAIN_PERIOD)


def close(node: Node) -> None:
    """Call the method `close` of a node, if it has one."""
    getattr(node, 'close', lambda: None)()
