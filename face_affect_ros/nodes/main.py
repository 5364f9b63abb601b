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

"""Run a node as a process, with its error messages, and end nodes."""

from collections.abc import Callable, Iterator, Sequence
import contextlib
import os
import re
import signal
import sys
import threading
import time

from face_affect_ros.affect.types import AffectError
from face_affect_ros.nodes import large_images
from face_affect_ros.nodes.declaration import ignored_arguments, unmatched_files
from face_affect_ros.paths import shown
import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.context import Context
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.timer import Timer

#: Largest time between two checks whether a signal was received, seconds.
SPIN_PERIOD = 0.5
#: Seconds between the last message and the end of the process, which removes the shared memory of
#: Fast DDS and the unread messages in it.
LINGER = 0.1
#: Tasks that the executor runs one after the other for a goal that has ended, plus one.
STEPS = 3
#: Seconds after which `drain` checks again whether it is done.
DRAIN_PERIOD = 0.1
#: Remedies for errors of rcl, by a part of their text.
REMEDIES = {
    r'log(ging)? directory|\.log for writing': 'set ROS_LOG_DIR to a folder that can be written',
    'remap rule|invalid node name': (
        'names consist of letters, digits and single underscores, and do not begin with a digit; '
        'a namespace begins with / and does not end with it'),
    'override rule': 'write -p NAME:=VALUE; VALUE is YAML, with special characters between '
                     "quotes: -p \"NAME:='VALUE'\"",
    'params file': 'it must exist and have the form of config/default.yaml',
    r'^\[': 'these are not arguments of ROS; parameters are given by -p NAME:=VALUE',
}


@contextlib.contextmanager
def received_signals(*numbers: signal.Signals) -> Iterator[list[int]]:
    """
    Yield the list of those of these signals that were received so far, in a with block.

    rclpy's own handlers shut the context down at once, after which a node cannot publish or log,
    and an exception of a handler is lost in rclpy's conversion of a message. Python runs handlers
    only in the main thread, so the list must be checked between waits for messages.
    """
    received: list[int] = []
    handlers = {number: signal.signal(number, lambda number, _: received.append(number))
                for number in numbers}
    try:
        yield received
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def run(make_node: Callable[[], Node], argv: Sequence[str] | None = None, *,
        sends_images: bool = True) -> int:
    """
    Spin a node until SIGINT, SIGTERM or SystemExit; return the exit code of the process.

    At the end the node's method `close` is called, if it has one, while ROS still works.

    Args:
        make_node: Returns the node. An AffectError or an error about parameters is printed in
            one line, and the exit code is 1.
        argv: Arguments of the process, sys.argv by default.
        sends_images: Whether to use the Fast DDS profile for large images, unless the user's
            environment names one.
    """
    if sends_images and (file := large_images.profile()):
        os.environ.update(large_images.variables(os.environ, str(file)))
    with received_signals(signal.SIGINT, signal.SIGTERM) as received:
        return _run(make_node, argv, received)


def _run(make_node: Callable[[], Node], argv: Sequence[str] | None, received: list[int]) -> int:
    node = executor = None
    try:
        initialize(None if argv is None else [sys.argv[0], *argv])
        node = _made(make_node)
        _warn_of_arguments(node, sys.argv[1:] if argv is None else argv)
        executor = make_executor(node)
        executor.add_node(node)
        while rclpy.ok() and not received:
            executor.spin_once(SPIN_PERIOD)
    except ExternalShutdownException:
        pass
    except SystemExit as code:
        return int(code.code or 0)
    except (AffectError, ParameterException) as error:
        print(f'error: {shown(" ".join(str(error).split()))}', file=sys.stderr, flush=True)
        return 1
    finally:
        if node is not None:
            close(node)
            if executor is not None:
                drain(executor, node.context)
                time.sleep(LINGER)
            node.destroy_node()
        if executor is not None:
            # or it prints an error when it is collected after the context
            executor.shutdown()
        rclpy.try_shutdown()
    return 0


def initialize(arguments: list[str] | None) -> None:
    """Start ROS without its signal handlers; AffectError if that fails."""
    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:  # rcl's errors have no public type
        raise _explained('ROS cannot be started', error) from error


def _made(make_node: Callable[[], Node]) -> Node:
    """Return the node; AffectError if rcl does not create it, as for some invalid names."""
    try:
        return make_node()
    except RuntimeError as error:   # rclpy's RCLError, which has no public name
        if 'creating node' not in str(error):
            raise
        raise _explained('the node cannot be created', error) from error


def _explained(problem: str, error: Exception) -> AffectError:
    """Return an error of rcl with its remedy."""
    remedy = next((f'; {each}' for part, each in REMEDIES.items() if re.search(part, str(error))),
                  '')
    return AffectError(f'{problem}: {error}{remedy}')


def _warn_of_arguments(node: Node, arguments: Sequence[str]) -> None:
    """Warn of arguments that have no effect, on /diagnostics too."""
    warnings = [*unmatched_files(arguments, node.get_fully_qualified_name()),
                *ignored_arguments(arguments)]
    for warning in warnings:
        node.get_logger().warning(warning)
    health = getattr(node, 'health', None)
    if health is not None:
        health.warn('arguments', '; '.join(warnings))


def make_executor(node: Node) -> Executor:
    """
    Return the executor that a node's parameter `executor` names, or a single-threaded one.

    Raises:
        AffectError: It is 'events', and this distribution's rclpy has no events executor.
    """
    if (not node.has_parameter('executor')
            or node.get_parameter('executor').value != 'events'):
        return SingleThreadedExecutor(context=node.context)
    try:
        from rclpy.experimental import EventsExecutor
    except ImportError as error:
        raise AffectError("parameter 'executor': the rclpy of this distribution has no events "
                          'executor; set it to single_threaded') from error
    executor: Executor = EventsExecutor(context=node.context)
    return executor


def steady_timer(node: Node, seconds: float, callback: Callable[[], None]) -> Timer:
    """Return a timer by the steady clock: simulated time may stand still."""
    return node.create_timer(seconds, callback, clock=Clock(clock_type=ClockType.STEADY_TIME))


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

    The executor must not be spinning. The shutdown of the context or a SystemExit ends this.
    """
    drained = threading.Event()
    later(executor, drained.set, STEPS + 1)   # a container destroys its nodes after STEPS
    with contextlib.suppress(ExternalShutdownException, SystemExit):
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
