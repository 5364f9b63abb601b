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

"""The action ~/observe: the mean estimates of each face over some time."""

from collections.abc import Mapping
import threading
import time
from typing import Any

from face_affect_msgs.action import Observe
from face_affect_msgs.msg import FaceObservation
from face_affect_ros.affect.model_store import Head
from face_affect_ros.affect.observation import Observation
from face_affect_ros.nodes.main import steady_timer
from face_affect_ros.nodes.messages import to_face_message
from face_affect_ros.nodes.outputs import Output, Result
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.lifecycle import LifecycleNode

#: Seconds between two checks of the duration of goals, which end without images too.
PERIOD = 0.1
#: Seconds between the last results and the end of the server: a client discards a result that it
#: receives after the end of the server.
LINGER = 0.1


class DeferredServer(ActionServer):
    """
    An action server whose goals execute until `finish`.

    A coroutine would use a whole core, because executors of rclpy up to Jazzy poll it; a callback
    that waits would block a single-threaded executor.
    """

    def notify_execute(self, goal_handle: ServerGoalHandle, execute_callback: Any) -> None:
        """Do nothing: the goal is executing until `finish`."""

    def finish(self, goal_handle: ServerGoalHandle, result: Any) -> None:
        """Send the result from the executor; may be called in any thread."""
        super().notify_execute(goal_handle, lambda handle: result)


class Goal:
    """A goal of a client and its observation since a time in seconds."""

    def __init__(self, handle: ServerGoalHandle, heads: Mapping[str, Head], now: float) -> None:
        self.handle = handle
        self.observation = Observation(heads)
        self._started = now

    def over(self, now: float) -> bool:
        """Return whether the goal has ended or has been cancelled."""
        # Simulated time may jump back, and is 0 before the first message on /clock.
        self._started = min(self._started, now) or now
        wanted = self.handle.request
        return bool(self.handle.is_cancel_requested
                    or (wanted.images and self.observation.images >= wanted.images)
                    or (wanted.duration > 0.0 and now - self._started >= wanted.duration))

    def faces(self) -> list[FaceObservation]:
        """Return the observation so far."""
        return [FaceObservation(face=to_face_message(each.face), images=each.images,
                                emotion_images=each.classified['emotion'],
                                gender_images=each.classified['gender'])
                for each in self.observation.faces()]


class ObserveOutput(Output):
    """
    Serves the action as long as the node exists; goals are accepted only while it is active.

    The events executor (rclpy 7.1.6) crashes if a request comes while a server is destroyed.

    Attributes:
        heads: Those of the pipeline, by task.
    """

    def __init__(self, node: LifecycleNode) -> None:
        super().__init__(node)
        self.heads: Mapping[str, Head] = {}
        self._goals: list[Goal] = []
        self._lock = threading.Lock()
        self._active = False
        self._results_due = False
        self._server = DeferredServer(
            node, Observe, '~/observe', execute_callback=lambda handle: Observe.Result(),
            goal_callback=self._decide, handle_accepted_callback=self._accept,
            cancel_callback=lambda handle: CancelResponse.ACCEPT)
        self.timer = steady_timer(node, PERIOD, self._check_goals)
        self.timer.cancel()

    def start(self) -> None:
        """Accept goals."""
        self._active, self._results_due = True, False

    def put(self, result: Result) -> None:
        """Add the faces of one image to all goals."""
        with self._lock:
            for goal in self._goals:
                goal.observation.add(result.faces)
                goal.handle.publish_feedback(Observe.Feedback(
                    images=goal.observation.images, faces=goal.faces()))
        self._end_goals()

    def stop(self) -> None:
        """Abort the goals with the results so far."""
        self._active = False
        self.timer.cancel()
        with self._lock:
            goals, self._goals = self._goals, []
        self._results_due = self._results_due or bool(goals)
        for goal in goals:
            goal.handle.abort()
            self._finish(goal)

    def destroy(self) -> None:
        """Destroy the action server, after the delivery of results of aborted goals."""
        if self._results_due:
            time.sleep(LINGER)
        if self._server in self.node.waitables:   # else the node was destroyed twice
            self._server.destroy()

    def counts(self) -> dict[str, int]:
        """Return the number of active goals."""
        return {'observe goals': len(self._goals)}

    def _decide(self, wanted: Observe.Goal) -> GoalResponse:
        why = ''
        if not self._active:
            why = 'the node is paused or not active'
        elif not (wanted.duration > 0.0 or wanted.images):
            why = 'neither a duration nor a number of images is given'
        if why:
            self.node.get_logger().warning(f'~/observe: goal rejected: {why}')
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _accept(self, handle: ServerGoalHandle) -> None:
        handle.execute()
        with self._lock:
            self._goals.append(Goal(handle, self.heads, self._now()))
        self.timer.reset()

    def _check_goals(self) -> None:
        self._end_goals()
        # Not in the worker: the executor ends with an error if its due timer is cancelled there.
        if not self._goals:
            self.timer.cancel()

    def _end_goals(self) -> None:
        now = self._now()
        with self._lock:
            over = [goal for goal in self._goals if goal.over(now)]
            self._goals = [goal for goal in self._goals if goal not in over]
        for goal in over:
            if goal.handle.is_cancel_requested:
                goal.handle.canceled()
            else:
                goal.handle.succeed()
            self._finish(goal)

    def _finish(self, goal: Goal) -> None:
        self._server.finish(goal.handle, Observe.Result(images=goal.observation.images,
                                                        faces=goal.faces()))

    def _now(self) -> float:
        return float(self.node.get_clock().now().nanoseconds) * 1e-9
