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

"""Lifecycle: invalid requests and autostart."""

import threading
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from face_affect_ros.nodes.face_affect_node import FaceAffectNode  # noqa: E402, I100
from lifecycle_msgs.msg import State, Transition  # noqa: E402
from lifecycle_msgs.srv import ChangeState, GetState  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from support import running_node, spin_until  # noqa: E402


class Client:
    """Calls the services of the node."""

    def __init__(self, ros: Any) -> None:
        self._ros = ros
        self._clients = {kind: ros.node.create_client(kind, f'/face_affect/{name}')
                         for kind, name in ((ChangeState, 'change_state'),
                                            (GetState, 'get_state'))}

    def ask(self, kind: Any, **fields: Any) -> Any:
        """Return the answer of a service."""
        assert spin_until(self._ros.executor, self._clients[kind].service_is_ready)
        future = self._clients[kind].call_async(kind.Request(**fields))
        assert spin_until(self._ros.executor, future.done)
        return future.result()

    def change(self, transition: int, label: str = '') -> bool:
        """Request a transition; return whether it happened."""
        return bool(self.ask(ChangeState,
                             transition=Transition(id=transition, label=label)).success)

    def state(self) -> int:
        """Return the primary state of the node."""
        return int(self.ask(GetState).current_state.id)


def node(ros: Any, **parameters: Any) -> Any:
    """Return a spun node with these parameters."""
    return ros.add(FaceAffectNode(context=ros.context, parameter_overrides=[
        Parameter(name, value=value) for name, value in parameters.items()]))


def test_an_invalid_transition_is_refused(ros: Any,
                                          capfd: pytest.CaptureFixture[str]) -> None:
    """As from a restarted lifecycle manager; rclpy alone would end the process."""
    node(ros)
    client = Client(ros)
    assert not client.change(Transition.TRANSITION_ACTIVATE)
    assert client.state() == State.PRIMARY_STATE_UNCONFIGURED
    assert client.change(Transition.TRANSITION_CONFIGURE)
    assert not client.change(Transition.TRANSITION_CONFIGURE)
    assert not client.change(99)
    assert not client.change(0, 'fly')
    assert client.change(Transition.TRANSITION_ACTIVATE)
    assert not client.change(Transition.TRANSITION_ACTIVATE)
    assert client.state() == State.PRIMARY_STATE_ACTIVE
    said = capfd.readouterr().err
    # From Kilted on, rclpy logs it.
    assert ('transition 99 refused: it is invalid in the state of this node' in said
            or 'Unable to start transition 99 from current state' in said)


def test_autostart(ros: Any) -> None:
    node(ros, autostart=True)
    client = Client(ros)
    assert spin_until(ros.executor, lambda: client.state() == State.PRIMARY_STATE_ACTIVE)
    assert client.change(Transition.TRANSITION_DEACTIVATE)
    assert client.change(Transition.TRANSITION_ACTIVATE)


def test_autostart_after_the_request_of_another_node(
        ros: Any, capfd: pytest.CaptureFixture[str]) -> None:
    hurried = node(ros, autostart=True)
    hurried.trigger_configure()
    client = Client(ros)
    assert spin_until(ros.executor, lambda: client.state() == State.PRIMARY_STATE_INACTIVE)
    assert 'autostart: another node has already requested the transition' in capfd.readouterr().err


def test_a_node_that_ends_before_its_autostart_names_no_other_node(
        ros: Any, capfd: pytest.CaptureFixture[str]) -> None:
    node(ros, autostart=True).close()
    assert not spin_until(ros.executor, lambda: False, timeout=0.3)
    assert 'autostart' not in capfd.readouterr().err


@pytest.mark.parametrize(('parameters', 'cause', 'failed'), [
    ({'emotion_model': 'emotoin'}, "model 'emotoin' not found", 'configure'),
    ({'qos_overrides./image.subscription.history': 'all'}, "'/image' cannot be created",
     'activate')])
def test_autostart_that_fails_names_the_cause_and_the_commands_to_activate(
        parameters: dict[str, Any], cause: str, failed: str, ros: Any,
        capfd: pytest.CaptureFixture[str]) -> None:
    node(ros, autostart=True, **parameters)
    client = Client(ros)
    said = ''

    def complained(text: str) -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return text in said

    assert spin_until(ros.executor, lambda: complained(cause))
    assert client.state() == State.PRIMARY_STATE_UNCONFIGURED
    assert spin_until(ros.executor, lambda: complained(f'could not {failed}'))
    assert ('then: ros2 lifecycle set /face_affect configure && '
            'ros2 lifecycle set /face_affect activate') in said


def test_a_node_is_destroyed_while_ctrl_c_shuts_the_context_down(ros: Any) -> None:
    """As in a program of the user, where rclpy handles the signal in a thread."""
    active = node(ros, emotion_model='', gender_model='')
    active.trigger_configure()
    active.trigger_activate()
    shut_down = active.trigger_shutdown

    def late() -> None:
        ros.context.try_shutdown()
        shut_down()

    active.trigger_shutdown = late
    active.destroy_node()
    assert 'face_affect' not in {each.name for each in threading.enumerate()}


@pytest.mark.parametrize(('parameters', 'code'), [
    ({'emotion_model': 'emotoin'}, 1), ({'emotion_model': 'emotoin', 'executor': 'events'}, 1)])
def test_a_required_node_ends_its_process_if_autostart_fails(
        ros_domain: int, parameters: dict[str, Any], code: int) -> None:
    if 'executor' in parameters:
        pytest.importorskip('rclpy.experimental', reason='this rclpy has no events executor')
    with running_node('face_affect_ros.nodes.face_affect_node', autostart=True, required=True,
                      **parameters) as process:
        assert process.wait() == code
        assert 'autostart: /face_affect could not configure' in process.output()
        assert 'Traceback' not in process.output()
        assert 'Exception' not in process.output()   # as logged by the events executor
