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

"""Run a node as a process, with its shutdown and its error messages."""

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
from face_affect_ros.nodes.threads import close, drain
from face_affect_ros.paths import shown
import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Largest time between two checks whether the process is to end, seconds: the events executor of
#: rclpy 7.1.6 (Jazzy) does not wake up if it spins without a timeout.
SPIN_PERIOD = 0.5
#: Seconds between the last message and the end of the process, which removes the shared memory of
#: Fast DDS and the unread messages in it.
LINGER = 0.1


@contextlib.contextmanager
def on_stop_signal(stop: Callable[[], None]) -> Iterator[None]:
    """
    Call a function at each SIGINT and SIGTERM, from a thread of its own, in a with block.

    rclpy's own handlers shut the context down at once, after which a node cannot publish or log.
    Python runs handlers only in the main thread, which may be waiting for messages; so the number
    of the signal is read from a pipe. To be called in the main thread.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    handlers = {number: signal.signal(number, lambda *_: None) for number in STOP_SIGNALS}
    former = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def listen() -> None:
        while data := os.read(reader, 1):
            if data[0] in STOP_SIGNALS:
                stop()

    thread = threading.Thread(target=listen, name='signals', daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(former)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(writer)
        thread.join()
        os.close(reader)


def run(make_node: Callable[[], Node], argv: Sequence[str] | None = None, *,
        sends_images: bool = True) -> int:
    """
    Spin a node until SIGINT, SIGTERM or SystemExit; return the exit code of the process.

    At the end the node's method `close` is called, if it has one, while ROS still works. See
    threads.end_process.

    Args:
        make_node: Returns the node. An AffectError or an error about parameters is printed in
            one line, and the exit code is 1.
        argv: Arguments of the process, sys.argv by default.
        sends_images: Whether to use the Fast DDS profile for large images, unless the user's
            environment names one.
    """
    if sends_images and (file := large_images.profile()):
        os.environ.update(large_images.variables(os.environ, str(file)))
    stop = Future()
    with on_stop_signal(lambda: stop.done() or stop.set_result(None)):
        return _run(make_node, argv, stop)


def _run(make_node: Callable[[], Node], argv: Sequence[str] | None, stop: Future) -> int:
    node = executor = None
    try:
        initialize(None if argv is None else [sys.argv[0], *argv])
        node = make_node()
        _warn_of_arguments(node, sys.argv[1:] if argv is None else argv)
        executor = make_executor(node)
        executor.add_node(node)
        spin(executor, stop)
    except ExternalShutdownException:
        pass
    except SystemExit as code:
        return int(code.code or 0)
    except (AffectError, ParameterException) as error:
        return _print_error(error)
    finally:
        if node is not None:
            close(node)
            if executor is not None:
                # a SystemExit of a callback was handled before
                with contextlib.suppress(ExternalShutdownException, SystemExit):
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
        remedy = ('; set ROS_LOG_DIR to a folder that can be written'
                  if re.search(r'log(ging)? directory|\.log for writing', str(error)) else '')
        raise AffectError(f'ROS cannot be started: {error}{remedy}') from error


def _warn_of_arguments(node: Node, arguments: Sequence[str]) -> None:
    """Warn of arguments that have no effect, on /diagnostics too."""
    warnings = [*unmatched_files(arguments, node.get_fully_qualified_name()),
                *ignored_arguments(arguments)]
    for warning in warnings:
        node.get_logger().warning(warning)
    health = getattr(node, 'health', None)
    if health is not None:
        health.warn('arguments', '; '.join(warnings))


def spin(executor: Executor, stop: Future) -> None:
    """
    Run callbacks until stop is done.

    rclpy's spin_until_future_complete adds a callback to the future each time it has run one, so
    that its memory grows (7.1.6).
    """
    # a task ends the wait for the next callback
    stop.add_done_callback(lambda _: executor.create_task(lambda: None))
    while rclpy.ok() and not stop.done():
        executor.spin_once(SPIN_PERIOD)


def _print_error(error: Exception) -> int:
    print(f'error: {shown(" ".join(str(error).split()))}', file=sys.stderr, flush=True)
    return 1


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
