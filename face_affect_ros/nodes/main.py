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

"""Run one node as a process: clean ends, clear complaints."""

from collections.abc import Callable, Sequence
import contextlib
import os
import sys
import time
from typing import TypeVar

from face_affect_ros.affect.types import AffectError
from face_affect_ros.nodes import large_images
from face_affect_ros.nodes.node_thread import close, drain
from face_affect_ros.nodes.parameter_files import unmatched_files
from face_affect_ros.nodes.signals import on_stop_signal
from face_affect_ros.paths import shown
import rclpy
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.task import Future

NodeT = TypeVar('NodeT', bound=Node)
#: Seconds after which an executor looks whether the process has been told to end, at the latest.
#: The events executor of rclpy 7.1.6 (Jazzy) hears nothing where it spins without a limit.
SPIN_PERIOD = 0.5
#: Seconds for which a process still lives after its last message: what Fast DDS hands over in
#: shared memory ends with it, read or not.
LINGER = 0.1


def run(make_node: Callable[[], NodeT], argv: Sequence[str] | None = None, *,
        make_executor: Callable[[NodeT], Executor] | None = None,
        sends_images: bool = True) -> int:
    """
    Spin a node until it is told to stop; return the exit code of the process.

    make_node: returns the node; what it raises about parameters or as AffectError is printed in
    one line and ends the process with 1. A node may have a method `close`, called at the end,
    and raise SystemExit with an exit code from a callback. At SIGINT and SIGTERM ROS still works
    when `close` is called, so that a node can end in order. make_executor: of the node; a
    single-threaded one by default. sends_images: whether the process needs Fast DDS's profile for
    large images, which it takes unless the user has one.
    """
    if sends_images and (file := large_images.profile()):
        os.environ.update(large_images.variables(os.environ, str(file)))
    stop = Future()
    with on_stop_signal(lambda: stop.done() or stop.set_result(None)):
        return _run(make_node, argv, make_executor, stop)


def _run(make_node: Callable[[], NodeT], argv: Sequence[str] | None,
         make_executor: Callable[[NodeT], Executor] | None, stop: Future) -> int:
    try:
        rclpy.init(args=None if argv is None else [sys.argv[0], *argv],
                   signal_handler_options=SignalHandlerOptions.NO)
    except Exception as error:  # rcl's own complaint about an argument, of no public type
        return _complain(error)
    node = executor = None
    try:
        node = make_node()
        _warn_of_files(node, sys.argv[1:] if argv is None else argv)
        executor = make_executor(node) if make_executor else SingleThreadedExecutor()
        executor.add_node(node)
        spin(executor, stop)
    except ExternalShutdownException:
        pass
    except SystemExit as code:
        return int(code.code or 0)
    except (AffectError, ParameterException) as error:
        return _complain(error)
    finally:
        if node is not None:
            close(node)
            if executor is not None:
                # what says SystemExit now has said so before
                with contextlib.suppress(ExternalShutdownException, SystemExit):
                    drain(executor, node.context)
                time.sleep(LINGER)
            node.destroy_node()
        if executor is not None:
            # one that is collected after the context complains on stderr
            executor.shutdown()
        rclpy.try_shutdown()
    return 0


def _warn_of_files(node: Node, arguments: Sequence[str]) -> None:
    """Say which parameter files are ignored, on /diagnostics too where the node has some."""
    complaints = unmatched_files(arguments, node.get_fully_qualified_name())
    for complaint in complaints:
        node.get_logger().warning(complaint)
    health = getattr(node, 'health', None)
    if health is not None:
        health.warn('parameter files', '; '.join(complaints))


def spin(executor: Executor, stop: Future) -> None:
    """
    Run callbacks until stop is done.

    rclpy's own spin_until_future_complete hangs another callback on the future whenever it has
    run one, and so grows for as long as a robot is on (rclpy 7.1.6).
    """
    # a task ends the wait for the next callback
    stop.add_done_callback(lambda _: executor.create_task(lambda: None))
    while rclpy.ok() and not stop.done():
        executor.spin_once(SPIN_PERIOD)


def _complain(error: Exception) -> int:
    print(f'error: {shown(" ".join(str(error).split()))}', file=sys.stderr, flush=True)
    return 1
