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

"""The example as a process, together with the node."""

from typing import Any

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')
pytest.importorskip('py_trees', reason='py_trees is not installed')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus  # noqa: E402, I100
from face_affect_msgs.msg import FaceAffect, FaceAffectArray  # noqa: E402
from face_affect_ros.behaviours.greeter import Greeter, WORDS  # noqa: E402
from face_affect_ros.nodes import qos  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from std_msgs.msg import String  # noqa: E402
from support import running_node, spin_until  # noqa: E402


def test_the_smiling_portrait_is_greeted_once(ros: Any) -> None:
    said: list[str] = []
    ros.node.create_subscription(String, 'greeter/say', lambda text: said.append(text.data),
                                 qos.results())
    with running_node('face_affect_ros.behaviours.greeter', hold=0.3) as greeter, \
            running_node('face_affect_ros.nodes.face_affect_node', '-r', 'image:=image_raw',
                         autostart=True), \
            running_node('face_affect_ros.nodes.camera_player'):
        assert spin_until(ros.executor, lambda: bool(said), timeout=60.0), greeter.output()
        assert greeter.stop() == 0
        assert 'Traceback' not in greeter.output()
    assert said == [WORDS['greet']]


@pytest.mark.parametrize(('max_distance', 'known', 'warns'), [
    (1.0, False, True), (1.0, True, False), (0.0, False, False)])
def test_missing_positions_are_a_warning_on_diagnostics(max_distance: float, known: bool,
                                                        warns: bool, ros: Any) -> None:
    node = ros.add(Greeter(context=ros.context, parameter_overrides=[
        Parameter('max_distance', value=max_distance)]))
    statuses: list[DiagnosticStatus] = []
    ros.node.create_subscription(DiagnosticArray, '/diagnostics',
                                 lambda message: statuses.extend(message.status), qos.results())
    faces = ros.node.create_publisher(FaceAffectArray, 'face_affect/faces', qos.results())
    assert spin_until(ros.executor, lambda: faces.get_subscription_count() > 0)
    message = FaceAffectArray(faces=[FaceAffect(id='a', position_known=known)])
    message.header.stamp = node.get_clock().now().to_msg()
    message.faces[0].position.z = 0.5

    def told() -> bool:
        faces.publish(message)
        ros.executor.spin_once(timeout_sec=0.2)
        return len(statuses) > 2

    assert spin_until(ros.executor, told)
    assert (statuses[-1].level == DiagnosticStatus.WARN) is warns
    assert ('the faces have no position' in statuses[-1].message) is warns


@pytest.mark.parametrize(('simulated', 'complaint'), [
    (False, "no message on 'face_affect/faces' yet"), (True, '/clock has no publisher')])
def test_missing_faces_are_a_warning_on_diagnostics(simulated: bool, complaint: str,
                                                    ros: Any) -> None:
    ros.add(Greeter(context=ros.context, parameter_overrides=[
        Parameter('use_sim_time', value=simulated)]))
    statuses: list[DiagnosticStatus] = []
    ros.node.create_subscription(DiagnosticArray, '/diagnostics',
                                 lambda message: statuses.extend(message.status), qos.results())
    assert spin_until(ros.executor, lambda: bool(statuses))
    assert statuses[-1].level == DiagnosticStatus.WARN
    assert complaint in statuses[-1].message


@pytest.mark.parametrize('seen', ['front', 'rear'])
def test_two_greeters_in_one_process_see_their_own_people(seen: str, ros: Any) -> None:
    """The blackboard of py_trees is one for the process."""
    said: dict[str, list[str]] = {'front': [], 'rear': []}
    statuses: dict[str, DiagnosticStatus] = {}
    ros.node.create_subscription(
        DiagnosticArray, '/diagnostics', lambda message: statuses.update(
            {each.name.split('/')[0]: each for each in message.status}), qos.results())
    faces = {}
    for name in said:
        ros.add(Greeter(context=ros.context, namespace=name, parameter_overrides=[
            Parameter('max_distance', value=1.0), Parameter('hold', value=0.0)]))
        ros.node.create_subscription(
            String, f'{name}/greeter/say',
            lambda text, name=name: said[name].append(text.data), qos.results())
        faces[name] = ros.node.create_publisher(FaceAffectArray, f'{name}/face_affect/faces',
                                                qos.results())
    assert spin_until(ros.executor, lambda: all(
        each.get_subscription_count() for each in faces.values()))
    message = FaceAffectArray(faces=[FaceAffect(id='a', emotion='happy', position_known=True)])

    def publish(until: Any) -> bool:
        def done() -> bool:
            faces[seen].publish(message)
            ros.executor.spin_once(timeout_sec=0.05)
            return bool(until())
        return spin_until(ros.executor, done)

    message.faces[0].position.z = 0.5
    assert publish(lambda: said[seen])
    message.faces[0].position_known = False
    assert publish(lambda: seen in statuses and 'no position' in statuses[seen].message)
    statuses.clear()
    assert publish(lambda: len(statuses) == 2)
    assert {name for name, each in statuses.items() if 'no position' in each.message} == {seen}
    assert said == {'front': [], 'rear': [], seen: [WORDS['greet']]}
