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

"""Parameters in files and by the services that `ros2 param` calls."""

import os
from pathlib import Path
import sys
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from bench import Bench  # noqa: E402, I100
from face_affect_ros.nodes.declaration import (  # noqa: E402
    ignored_arguments,
    unmatched_file,
    unmatched_files,
)
from face_affect_ros.nodes.parameters import PARAMETERS  # noqa: E402
from rcl_interfaces.msg import Parameter as ParameterMessage  # noqa: E402
from rcl_interfaces.msg import ParameterValue  # noqa: E402
from rcl_interfaces.srv import (  # noqa: E402
    GetParameters,
    ListParameters,
    SetParameters,
    SetParametersAtomically,
)
from rclpy.parameter import Parameter, parameter_value_to_python  # noqa: E402
from support import running_node, wait_until  # noqa: E402
import yaml  # noqa: E402


class Client:
    """Calls the parameter services of face_affect."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def ask(self, kind: Any, name: str, **fields: Any) -> Any:
        """Return the answer of a service."""
        client = self._bench.ros.node.create_client(kind, f'/face_affect/{name}')
        assert self._bench.until(client.service_is_ready)
        future = client.call_async(kind.Request(**fields))
        assert self._bench.until(future.done)
        return future.result()

    def set(self, name: str, value: Any) -> tuple[bool, str]:
        """Return whether a parameter could be set, and why not."""
        message = Parameter(name, value=value).to_parameter_msg()
        [result] = self.ask(SetParameters, 'set_parameters', parameters=[message]).results
        return result.successful, result.reason


def test_a_node_accepts_its_own_values_while_it_is_active(bench: Bench) -> None:
    """As with `ros2 param dump` and `ros2 param load`, including parameters of rclpy."""
    bench.start()
    client = Client(bench)
    names = [*client.ask(ListParameters, 'list_parameters').result.names,
             'qos_overrides./face_affect/faces.publisher.depth']
    assert set(PARAMETERS) <= set(names)
    values = client.ask(GetParameters, 'get_parameters', names=names).values
    for name, value in zip(names, values):
        assert client.set(name, parameter_value_to_python(value)) == (True, ''), name


@pytest.mark.parametrize('kind', [SetParameters, SetParametersAtomically])
@pytest.mark.parametrize('number', [0, 10, 255])
def test_a_value_of_an_unknown_type_is_refused(kind: Any, number: int, bench: Bench) -> None:
    """Rclpy raises ValueError in the executor, which would end the process."""
    node = bench.start(activate=False)
    parameters = [ParameterMessage(name='event_hold', value=ParameterValue(type=number)),
                  Parameter('track_timeout', value=7.0).to_parameter_msg()]
    service = 'set_parameters' + ('' if kind is SetParameters else '_atomically')
    answer = Client(bench).ask(kind, service, parameters=parameters)
    results = answer.results if kind is SetParameters else [answer.result]
    assert results[0].reason == ("parameter 'event_hold' has no value of a type in "
                                 'rcl_interfaces/msg/ParameterType')
    assert [each.successful for each in results] == (
        [False, True] if kind is SetParameters else [False])
    assert node.get_parameter('event_hold').value == 0.5
    assert node.get_parameter('track_timeout').value == (7.0 if kind is SetParameters else 1.5)


def test_an_unknown_parameter_is_refused_with_a_suggestion(bench: Bench) -> None:
    bench.start(activate=False)
    assert Client(bench).set('event_hol', 1.0) == (
        False, "unknown parameter 'event_hol'; did you mean 'event_hold'?")


def test_an_integer_is_accepted_for_a_float(bench: Bench) -> None:
    node = bench.start(event_hold=1, track_timeout=3, activate=False)
    assert node.get_parameter('event_hold').value == 1.0
    client = Client(bench)
    assert client.set('event_hold', 2) == (True, '')
    assert repr(node.get_parameter('event_hold').value) == '2.0'
    assert client.set('event_hold', 100)[0] is False
    assert client.set('num_threads', 2.0)[0] is False
    assert node.get_parameter('event_hold').value == 2.0


@pytest.mark.parametrize('active', [True, False])
def test_parameters_that_are_read_once_have_this_constraint(active: bool, bench: Bench) -> None:
    bench.start(activate=active)
    for name, value in (('executor', 'events'), ('autostart', True), ('required', True)):
        successful, reason = Client(bench).set(name, value)
        assert not successful
        assert f"parameter '{name}' is read once, when the node starts" in reason
    successful, reason = Client(bench).set('num_threads', 2)
    assert successful is not active
    assert reason == ('' if successful else "parameter 'num_threads' takes effect when the node "
                      'is configured; deactivate and clean it up first')


def test_a_file_with_integers_starts_the_node(ros_domain: int, tmp_path: Path) -> None:
    file = tmp_path / 'parameters.yaml'
    file.write_text('/**: {ros__parameters: {event_hold: 1, autostart: true, required: true, '
                    "emotion_model: '', gender_model: ''}}")
    with running_node('face_affect_ros.nodes.face_affect_node', '--params-file',
                      str(file)) as process:
        assert wait_until(lambda: 'waiting for images' in process.output()), process.output()
        assert process.stop() == 0


@pytest.mark.parametrize(('content', 'node', 'complaint'), [
    ('face_affect: {ros__parameters: {}}', '/face_affect', ''),
    ('face_affect: {ros__parameters: {}}', '/robot/face_affect',
     'has no section for /robot/face_affect, only for /face_affect, and is ignored: begin it '
     "with '/**:' or '/robot/face_affect:'"),
    ('/face_affect: {ros__parameters: {}}', '/robot/face_affect', 'only for /face_affect'),
    ('/robot/face_affect: {ros__parameters: {}}', '/robot/face_affect', ''),
    ('/robot: {face_affect: {ros__parameters: {}}}', '/robot/face_affect', ''),
    ('/**: {ros__parameters: {}}', '/robot/face_affect', ''),
    ('/*/face_affect: {ros__parameters: {}}', '/robot/face_affect', ''),
    ('/**/face_affect: {ros__parameters: {}}', '/face_affect', ''),
    ('/*: {ros__parameters: {}}', '/robot/face_affect', 'only for /*'),
    ('other: {ros__parameters: {}}\nface_affect_2: {ros__parameters: {}}', '/face_affect',
     'only for /other, /face_affect_2'),
    ('event_hold: 1.0', '/face_affect', 'for none'),
    ('', '/face_affect', 'for none'),
    ('[', '/face_affect', ''),
])
def test_a_file_without_a_section_for_the_node_is_reported(
        content: str, node: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / 'my.yaml'
    file.write_text(content)
    found = unmatched_file(file, node)
    assert complaint in found and bool(found) is bool(complaint)
    arguments = ['--ros-args', '-r', '__ns:=/robot', '--params-file', str(file)]
    assert unmatched_files(arguments, node) == ([found] if found else [])


@pytest.mark.parametrize(('prefix', 'section', 'name', 'complaint'), [
    ('robot', '/**', 'robot_name', ''), ('robot', '/*', 'robot_name', ''),
    ('robot', '/**', 'plugins.a.b', ''), ('robot', '/**', 'publish_frequency', ''),
    ('robot', '/**', 'detecter', "unknown parameter 'detecter'; did you mean 'detector'?"),
    ('robot', '/face_affect', 'robot_name', "unknown parameter 'robot_name'"),
    ('robot', '/**/face_affect', 'robot_name', "unknown parameter 'robot_name'"),
    # as of launch_ros for Node(package=..., executable=..., parameters=[{'confidence': 0.5}])
    ('launch_params_', '/**', 'confidence', "unknown parameter 'confidence'"),
])
def test_parameters_for_all_nodes_may_be_those_of_others(
        prefix: str, section: str, name: str, complaint: str, bench: Bench, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / f'{prefix}a1b2'
    entries: Any = 'r1'
    for part in reversed(name.split('.')):
        entries = {part: entries}
    file.write_text(yaml.safe_dump({section: {'ros__parameters': entries}}))
    monkeypatch.setattr(sys, 'argv', ['node', '--ros-args', '--params-file', str(file)])
    node = bench.start(activate=False, **{name: 'r1'})
    assert node.unknown_parameters == complaint
    text = f"unknown parameter '{name}' is ignored; it may be for another node"
    assert (text in capfd.readouterr().err) is not bool(complaint)


@pytest.mark.parametrize('by', ['file', 'option'])
def test_a_parameter_of_the_robot_does_not_end_the_camera_player(
        by: str, ros_domain: int, tmp_path: Path) -> None:
    """An option as of SetParameter of a launch file, which is for all nodes of the launch."""
    file = tmp_path / 'robot.yaml'
    file.write_text('/**: {ros__parameters: {robot_name: r1}}\n'
                    'controller: {ros__parameters: {robot_name: r1}}')
    arguments = {'file': ['--params-file', str(file)], 'option': ['-p', 'robot_name:=r1']}
    with running_node('face_affect_ros.nodes.camera_player', *arguments[by]) as process:
        assert wait_until(lambda: 'published on' in process.output()), process.output()
        assert process.stop() == 0


@pytest.mark.parametrize(('arguments', 'ignored'), [
    ([], ''),
    (['--ros-args', '-r', 'image:=/a', '-p', 'autostart:=true', '--log-level', 'info'], ''),
    (['image:=/a', '--ros-args', '-p', 'autostart:=true'], ''),
    (['--help'], '--help'),
    (['--params-file', 'my.yaml'], '--params-file my.yaml'),
    (['-p', 'autostart:=true', '--ros-args', '-r', 'image:=/a'], '-p autostart:=true'),
])
def test_arguments_without_effect_are_reported(arguments: list[str], ignored: str) -> None:
    assert ignored_arguments(arguments) == (
        [f"arguments '{ignored}' are not after --ros-args and have no effect, except for "
         'remappings: put --ros-args before parameters, parameter files and log levels']
        if ignored else [])


def test_a_pipe_is_not_read_again(tmp_path: Path) -> None:
    """As of --params-file <(...) in a shell, which rcl has read."""
    os.mkfifo(tmp_path / 'pipe')
    for file in (tmp_path / 'pipe', tmp_path / 'nowhere.yaml', tmp_path):
        assert unmatched_file(file, '/face_affect') == ''


def test_a_process_warns_of_a_file_that_is_ignored(bench: Bench, tmp_path: Path) -> None:
    from diagnostic_msgs.msg import DiagnosticStatus
    file = tmp_path / 'my.yaml'
    file.write_text('face_affect: {ros__parameters: {min_score: 0.3}}')
    with running_node('face_affect_ros.nodes.face_affect_node', '-r', '__ns:=/robot',
                      '--params-file', str(file)) as process:
        assert bench.status(DiagnosticStatus.WARN,
                            f'parameter file {file} has no section for /robot/face_affect')
        assert process.stop() == 0
        assert f'parameter file {file} has no section' in process.output()
