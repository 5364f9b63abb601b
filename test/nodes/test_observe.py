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

"""The action ~/observe: durations, several goals, cancellation and shutdown."""

from collections.abc import Callable
import signal
import threading
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from action_msgs.msg import GoalStatus  # noqa: E402, I100
from bench import Bench, SUCCESS  # noqa: E402
from composition_interfaces.srv import LoadNode  # noqa: E402
from face_affect_msgs.action import Observe  # noqa: E402
from face_affect_ros.nodes.outputs.observe import Goal  # noqa: E402
from rclpy.action import ActionClient  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from support import running_node  # noqa: E402


class Client:
    """One client with one goal."""

    def __init__(self, bench: Bench, **wanted: Any) -> None:
        """Send the goal and wait for the response."""
        self._bench = bench
        self.feedback: list[Any] = []
        self._client = ActionClient(bench.ros.node, Observe, 'face_affect/observe')
        assert bench.until(self._client.server_is_ready)
        asked = self._client.send_goal_async(
            Observe.Goal(**wanted), lambda message: self.feedback.append(message.feedback))
        assert bench.until(asked.done)
        self.goal = asked.result()
        self.accepted = self.goal.accepted
        self._result = self.goal.get_result_async() if self.accepted else None

    def status(self) -> int:
        """Wait for the end; return the status."""
        assert self._bench.until(self._result.done)
        return int(self._result.result().status)

    @property
    def done(self) -> bool:
        """Return whether the goal has ended."""
        return bool(self._result.done())

    @property
    def result(self) -> Any:
        """Return the result of a goal that has ended."""
        return self._result.result().result


def test_a_goal_ends_after_a_number_of_images(bench: Bench) -> None:
    bench.start()
    client = Client(bench, images=3)
    for _ in range(5):
        bench.answered()
    assert client.status() == GoalStatus.STATUS_SUCCEEDED
    result = client.result
    assert result.images == 3
    [seen] = result.faces
    assert (seen.images, seen.emotion_images, seen.gender_images) == (3, 3, 3)
    assert seen.face.id == bench.faces[0].faces[0].id
    assert seen.face.emotion == 'happy'
    mean = sum(message.faces[0].emotion_probabilities[3] for message in bench.faces[:3]) / 3
    assert seen.face.emotion_probabilities[3] == pytest.approx(mean, abs=1e-5)
    assert bench.until(lambda: len(client.feedback) == 3)
    assert [each.images for each in client.feedback] == [1, 2, 3]
    assert client.feedback[1].faces[0].images == 2


def test_a_duration_ends_also_without_images(bench: Bench) -> None:
    bench.start()
    client = Client(bench, duration=0.3)
    assert client.status() == GoalStatus.STATUS_SUCCEEDED
    assert (client.result.images, client.result.faces) == (0, [])


def test_a_duration_begins_when_simulated_time_does() -> None:
    handle = SimpleNamespace(request=Observe.Goal(duration=1.0), is_cancel_requested=False)
    goal = Goal(handle, {}, 0.0)   # before the first message on /clock
    assert [goal.over(now) for now in (0.0, 1e9, 1e9 + 0.5, 1e9 + 1.0)] == [
        False, False, False, True]


def test_several_clients_at_once(bench: Bench) -> None:
    node = bench.start()
    first, second = Client(bench, images=2), Client(bench, images=3)
    bench.answered()
    third = Client(bench, images=1)
    bench.answered()
    assert third.status() == first.status() == GoalStatus.STATUS_SUCCEEDED
    assert not second.done
    bench.answered()
    assert second.status() == GoalStatus.STATUS_SUCCEEDED
    assert [each.result.images for each in (first, second, third)] == [2, 3, 1]
    output = next(each for each in node.outputs if 'observe goals' in each.counts())
    assert output.counts() == {'observe goals': 0}


def test_a_cancelled_goal_ends_with_its_results_so_far(bench: Bench) -> None:
    bench.start()
    client = Client(bench, images=1000)
    bench.answered()
    cancelled = client.goal.cancel_goal_async()
    assert bench.until(cancelled.done)
    assert client.status() == GoalStatus.STATUS_CANCELED
    assert client.result.images == 1 and len(client.result.faces) == 1


def test_a_goal_is_executing_until_its_end(bench: Bench) -> None:
    bench.start()
    client = Client(bench, images=2)
    bench.answered()
    assert bench.until(lambda: client.goal.status == GoalStatus.STATUS_EXECUTING)


def test_deactivation_aborts_goals(bench: Bench) -> None:
    node = bench.start()
    client = Client(bench, images=1000)
    bench.answered()
    assert node.trigger_deactivate() == SUCCESS
    assert client.status() == GoalStatus.STATUS_ABORTED
    assert client.result.images == 1
    assert not Client(bench, images=1).accepted
    assert node.trigger_activate() == SUCCESS
    again = Client(bench, images=1)
    bench.answered()
    assert again.status() == GoalStatus.STATUS_SUCCEEDED


@pytest.mark.parametrize('end', [
    lambda node: node.trigger_shutdown(),
    lambda node: node.trigger_deactivate() and node.trigger_cleanup()])
def test_the_client_of_a_node_that_ends_gets_a_result(
        bench: Bench, end: Callable[[Any], Any]) -> None:
    node = bench.start()
    client = Client(bench, images=1000)
    bench.answered()
    assert end(node) == SUCCESS
    assert client.status() == GoalStatus.STATUS_ABORTED
    bench.statuses.clear()
    assert bench.until(lambda: len(bench.statuses) > 3)   # the executor still runs


def test_the_server_is_kept_while_the_node_is_not_configured(bench: Bench) -> None:
    """The events executor crashes if a request comes while a server is destroyed."""
    node = bench.start()
    client = Client(bench, images=1)
    assert node.trigger_deactivate() == node.trigger_cleanup() == SUCCESS
    assert client.status() == GoalStatus.STATUS_ABORTED
    assert not Client(bench, images=1).accepted
    assert node.trigger_configure() == node.trigger_activate() == SUCCESS
    again = Client(bench, images=1)
    bench.answered()
    assert again.status() == GoalStatus.STATUS_SUCCEEDED


@pytest.mark.parametrize('module', ['face_affect_node', 'container'])
def test_the_client_of_a_process_that_ends_gets_a_result(module: str, bench: Bench) -> None:
    own = {'autostart': True} if module == 'face_affect_node' else {}
    with running_node(f'face_affect_ros.nodes.{module}', **own) as process:
        if module == 'container':
            loads = bench.ros.node.create_client(
                LoadNode, '/face_affect_container/_container/load_node')
            assert bench.until(loads.service_is_ready), process.output()
            loads.call_async(LoadNode.Request(
                package_name='face_affect_ros', plugin_name='face_affect_ros::FaceAffectNode',
                parameters=[Parameter('autostart', value=True).to_parameter_msg()]))
        assert bench.until(bench.images.get_subscription_count), process.output()
        client = Client(bench, images=1000)
        assert client.accepted
        process.popen.send_signal(signal.SIGINT)
        assert client.status() == GoalStatus.STATUS_ABORTED
        assert process.wait() == 0, process.output()
        assert 'Traceback' not in process.output()


@pytest.mark.parametrize('wanted', [{}, {'duration': -1.0}, {'duration': float('nan')}])
def test_a_goal_without_an_end_is_rejected(bench: Bench, wanted: dict[str, float],
                                           capfd: Any) -> None:
    bench.start()
    assert not Client(bench, **wanted).accepted
    assert 'neither a duration nor a number of images' in capfd.readouterr().err


def test_a_goal_of_a_paused_node_is_rejected(bench: Bench, capfd: Any) -> None:
    bench.start(paused=True)
    assert not Client(bench, images=1).accepted
    assert 'goal rejected: the node is paused or not active' in capfd.readouterr().err


def test_the_timer_runs_only_while_there_are_goals(bench: Bench) -> None:
    node = bench.start()
    output = next(each for each in node.outputs if 'observe goals' in each.counts())
    assert output.timer.is_canceled()
    client = Client(bench, images=1)
    assert not output.timer.is_canceled()
    bench.answered()
    assert client.status() == GoalStatus.STATUS_SUCCEEDED
    assert bench.until(output.timer.is_canceled)


def test_the_timer_is_not_cancelled_by_the_worker(bench: Bench) -> None:
    """Else the executor may call it after that, which ends the process."""
    node = bench.start()
    output = next(each for each in node.outputs if 'observe goals' in each.counts())
    cancel, threads = output.timer.cancel, set()
    output.timer.cancel = lambda: threads.add(threading.current_thread()) or cancel()
    client = Client(bench, images=1)
    bench.answered()
    assert client.status() == GoalStatus.STATUS_SUCCEEDED
    assert bench.until(output.timer.is_canceled)
    assert threads == {threading.current_thread()}
