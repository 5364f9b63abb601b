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

"""Start a node's process again each time it ends, less and less often where it ends at once."""

from collections.abc import Callable
import time
from typing import Any

from launch import LaunchContext
from launch.actions import GroupAction, OpaqueFunction, RegisterEventHandler, TimerAction
from launch.event_handlers import OnProcessExit
from launch.logging import get_logger
from launch_ros.actions import Node

#: Seconds between the end of a process and its next start: the first time, and at most.
FIRST_DELAY, LAST_DELAY = 0.1, 30.0
#: A process that has run for so many seconds is started again after the first delay.
GOOD_RUN = 30.0


class Respawning:
    """
    Runs a process again and again; each time after twice the delay, until it runs for a while.

    launch's own `respawn` has one delay for all times. A process that ends at once, as over a
    wrong parameter, would take a core of the robot for ever.
    """

    def __init__(self, make: Callable[[], Node], context: LaunchContext) -> None:
        """make: returns the node, a new one each time. context: where it is started."""
        self._make = make
        # Namespace and global parameters of the groups around, which end before the process does.
        self._configurations = dict(context.launch_configurations)
        self._delay = FIRST_DELAY
        self._started = 0.0

    def start(self) -> list[Any]:
        """Return the actions that start the process."""
        self._started = time.monotonic()
        node = self._make()
        handler = OnProcessExit(target_action=node, on_exit=self._again, handle_once=True)
        return [RegisterEventHandler(handler), node]

    def _again(self, event: Any, context: LaunchContext) -> Any:
        if context.is_shutdown:
            return None
        if time.monotonic() - self._started > GOOD_RUN:
            self._delay = FIRST_DELAY
        delay, self._delay = self._delay, min(2 * self._delay, LAST_DELAY)
        get_logger('face_affect').warning(
            f'process {event.pid} ended with exit code {event.returncode}; its next start is in '
            f'{delay:g} s')
        return TimerAction(period=delay, actions=[OpaqueFunction(function=self._restart)])

    def _restart(self, context: LaunchContext) -> list[Any]:
        def restore(context: LaunchContext) -> None:
            context.launch_configurations.update(self._configurations)

        return [GroupAction([OpaqueFunction(function=restore), *self.start()])]
