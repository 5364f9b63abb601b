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

"""Bring a lifecycle node up, again after a crash; end the launch with a process."""

from collections.abc import Callable
import threading
import time
from typing import Any

from face_affect_ros.nodes.lifecycle_client import failed_transition
from launch import Event, EventHandler, LaunchContext
from launch.actions import EmitEvent, RegisterEventHandler
from launch.event_handlers import OnProcessExit, OnProcessStart
from launch.events import Shutdown
from launch.logging import get_logger
from launch_ros.actions import Node
from launch_ros.ros_adapters import get_ros_node


class NodeActive(Event):  # type: ignore[misc]  # launch comes without types
    """A launch event: a BringUp has brought its node to the state active."""

    name = 'face_affect_ros.launch_support.NodeActive'


class BringUp:
    """
    Configures and activates a lifecycle node each time its process starts.

    launch_ros can do this by events: ProcessStarted leads to ChangeState(configure), whose
    StateTransition leads to ChangeState(activate). That works once. After a crash the services of
    the dead process stay known for up to 20 s; the request goes to them, is lost, and the new
    process waits unconfigured for ever. So here the state is asked for until the living answers.
    """

    def __init__(self, process: Node, name: str, *, autostart: bool = True,
                 required: bool = False, respawn: bool = False) -> None:
        """
        Prepare the actions.

        process: the lifecycle node, or the container that it is loaded into. name: the node's
        fully qualified one. autostart: whether to change states at all. required: whether the
        launch fails when the node cannot be brought up and, unless `respawn` starts it again, ends
        with its process.
        """
        self._name = name
        self._required = required
        self._respawn = respawn
        self._gone = threading.Event()
        handlers = [OnProcessExit(target_action=process, on_exit=self._exited)]
        if autostart:
            handlers.append(OnProcessStart(target_action=process, on_start=self._started))
        #: To be executed before the node.
        self.actions: list[Any] = [RegisterEventHandler(each) for each in handlers]

    def _started(self, event: Any, context: LaunchContext) -> None:
        self._gone = threading.Event()
        context.add_completion_future(context.asyncio_loop.run_in_executor(
            None, self._bring_up, context, self._gone))

    def _exited(self, event: Any, context: LaunchContext) -> Any:
        self._gone.set()
        if not self._required or self._respawn:
            return None
        return _end(self._name, event, context)

    def _bring_up(self, context: LaunchContext, gone: threading.Event) -> None:
        """Lead the node to the state active; runs in a thread of its own."""
        try:
            failed = failed_transition(
                get_ros_node(context), self._name,
                lambda client, request, patience: _ask(client, request, patience, gone, context),
                lambda: not (gone.is_set() or context.is_shutdown))
        except Exception:
            if context.is_shutdown or gone.is_set():
                return  # launch took its ROS node away while we were asking
            raise
        if failed is None:
            return
        if not failed:
            context.asyncio_loop.call_soon_threadsafe(context.emit_event_sync, NodeActive())
        else:
            text = f'{self._name} could not {failed}; its own message above says why'
            if self._required:
                raise RuntimeError(text)
            get_logger('face_affect').error(
                f'{text}. Mend that, then: ros2 lifecycle set {self._name} {failed}')


def _ask(client: Any, request: Any, patience: float, gone: threading.Event,
         context: LaunchContext) -> Any:
    """Return the answer of a service, None where it did not come in time."""

    def wait_until(done: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + patience
        while not done():
            if time.monotonic() > deadline or gone.wait(0.05) or context.is_shutdown:
                return False
        return True

    if not wait_until(client.service_is_ready):
        return None
    future = client.call_async(request)
    if wait_until(future.done):
        return future.result()
    client.remove_pending_request(future)
    return None


def once_active(*actions: Any) -> RegisterEventHandler:
    """
    Return the action that executes others when a BringUp has done its work.

    To be executed before the BringUp's node.
    """
    return RegisterEventHandler(EventHandler(
        matcher=lambda event: isinstance(event, NodeActive), entities=list(actions),
        handle_once=True))


def ending_with(node: Node) -> RegisterEventHandler:
    """
    Return the action that ends the launch when this node's process ends.

    The launch fails where the process does. To be executed before the node.
    """
    return RegisterEventHandler(OnProcessExit(
        target_action=node, on_exit=lambda event, context: _end(node.node_name, event, context)))


def _end(name: str, event: Any, context: LaunchContext) -> Any:
    """Return the action that ends the launch with a process; raise where the process failed."""
    if context.is_shutdown:
        return None
    if event.returncode:
        # launch ends with exit code 1 and this text
        raise RuntimeError(f'{name} ended with exit code {event.returncode}')
    return EmitEvent(event=Shutdown(reason=f'{name} is done'))
