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

"""A worker thread, a thread that spins a node, and the end of nodes."""

import atexit
from collections import deque
from collections.abc import Callable
import os
import sys
import threading
from typing import Generic, TypeVar

from rclpy.context import Context
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node

#: Tasks that the executor runs one after the other for a goal that has ended, plus one.
STEPS = 3
#: Seconds after which `drain` checks again whether it is done.
DRAIN_PERIOD = 0.1

Item = TypeVar('Item')


class Worker(Generic[Item]):
    """
    Calls a function with items, one at a time, in a thread of its own.

    At most `depth` items wait; one more replaces the oldest.

    Args:
        work: Must not raise: that would end the thread.
        depth: Number of items that wait, >= 1.
        name: Name of the thread.
        niceness: Added to that of the process, on Linux.
    """

    def __init__(self, work: Callable[[Item], None], *, depth: int, name: str,
                 niceness: int = 0) -> None:
        self._niceness = niceness
        self._work = work
        self._waiting: deque[Item] = deque(maxlen=depth)
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        # A program may end without stop. Python would end the thread in a network, and abort.
        atexit.register(self.stop)

    def put(self, item: Item) -> int:
        """Queue an item; return the number of items dropped for it, 0 or 1."""
        with self._changed:
            dropped = int(len(self._waiting) == self._waiting.maxlen)
            self._waiting.append(item)
            self._changed.notify()
        return dropped

    @property
    def waiting(self) -> bool:
        """Whether an item waits for the current one."""
        return bool(self._waiting)

    def stop(self) -> int:
        """Finish the current item and end the thread; return the number of dropped items."""
        atexit.unregister(self.stop)
        with self._changed:
            self._stopping = True
            left = len(self._waiting)
            self._waiting.clear()
            self._changed.notify()
        self._thread.join()
        return left

    def _run(self) -> None:
        if self._niceness and sys.platform == 'linux':   # elsewhere, it is one for the process
            os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + self._niceness)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return
                item = self._waiting.popleft()
            self._work(item)


class NodeThread:
    """
    Spins one node, so that callbacks of other nodes do not delay it.

    The node may be destroyed after `stop`. failed: called in this thread with what a callback of
    the node raises.
    """

    def __init__(self, node: Node, *, failed: Callable[[BaseException], object]) -> None:
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


def end_process(node: Node, code: int) -> None:
    """End the process by a task: the events executor logs what other callbacks raise."""
    if node.executor is not None:
        node.executor.create_task(throw, SystemExit(code))


def throw(error: BaseException) -> None:
    """Raise an exception, as a task."""
    raise error


def later(executor: Executor, act: Callable[[], object], after: int = STEPS) -> None:
    """Call a function in an executor after the tasks for goals that have ended."""
    if after:
        executor.create_task(later, executor, act, after - 1)
    else:
        act()


def drain(executor: Executor, context: Context) -> None:
    """
    Run the callbacks that follow from the end of nodes, such as results of their goals.

    The executor must not be spinning; the shutdown of the context ends this.
    """
    drained = threading.Event()
    later(executor, drained.set, STEPS + 1)   # a container destroys its nodes after STEPS
    while context.ok() and not drained.is_set():
        executor.spin_once(DRAIN_PERIOD)


class ClosingNode(Node):
    """A node that is closed when it is destroyed: only this package's container calls `close`."""

    def close(self) -> None:
        """Stop working. Called at the end, while ROS still works, and again by destroy_node."""
        raise NotImplementedError

    def destroy_node(self) -> None:
        """Close the node and destroy it."""
        try:
            self.close()
        except RuntimeError:   # rclpy's RCLError, which has no public name
            if self.context.ok():   # else it was shut down meanwhile, as by Ctrl-C
                raise
        super().destroy_node()


def close(node: Node) -> None:
    """Call the method `close` of a node, if it has one."""
    getattr(node, 'close', lambda: None)()
