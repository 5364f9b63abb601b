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

"""perception.launch.py: the node becomes active with its parameters, also after a crash."""

import importlib.util
import os
import signal

import pytest

REASON = 'launch_testing is not installed: pip has none, it comes with a ROS distribution'
pytest.importorskip('launch_testing.actions', reason=REASON)

from launch import LaunchDescription  # noqa: E402, I100
from launch.actions import RegisterEventHandler  # noqa: E402
from launch.event_handlers import OnProcessStart  # noqa: E402
from launch_case import include, RosCase  # noqa: E402
import launch_testing.actions  # noqa: E402
from lifecycle_msgs.msg import State  # noqa: E402
from lifecycle_msgs.srv import GetState  # noqa: E402
from rcl_interfaces.srv import GetParameters  # noqa: E402
from rclpy.parameter import parameter_value_to_python  # noqa: E402

NODE = '/robot/watcher'
#: Of the node's processes, in the order of their starts.
PIDS: list[int] = []


@pytest.mark.launch_test
def generate_test_description():
    PIDS.clear()
    return LaunchDescription([
        RegisterEventHandler(OnProcessStart(
            on_start=lambda event, _: PIDS.append(event.pid))),
        include('perception', namespace='robot', node_name='watcher', respawn='true',
                camera='realsense', transport='compressed', low_power='true'),
        launch_testing.actions.ReadyToTest()])


class TestPerception(RosCase):

    def state(self):
        return self.ask(GetState, f'{NODE}/get_state', GetState.Request()).current_state.id

    def test_becomes_active_also_after_a_crash(self):
        for process in (1, 2):
            self.assertTrue(self.wait(lambda: self.state() == State.PRIMARY_STATE_ACTIVE))
            self.assertEqual(len(PIDS), process)
            if process == 1:
                os.kill(PIDS[0], signal.SIGKILL)
                self.assertTrue(self.wait(lambda: len(PIDS) == 2))

    def test_parameters_of_the_file_and_of_the_arguments(self):
        events = importlib.util.find_spec('rclpy.experimental') is not None
        wanted = {'stale_timeout': 5.0, 'image_transport': 'compressed', 'emotion_interval': 0.3,
                  'detector_size': 480,
                  'emotion_model': 'affect_small_resnet_fast',
                  'executor': 'events' if events else 'single_threaded'}
        request = GetParameters.Request(names=list(wanted))
        values = self.ask(GetParameters, f'{NODE}/get_parameters', request).values
        self.assertEqual(dict(zip(wanted, map(parameter_value_to_python, values))), wanted)

    def test_subscribes_to_the_topic_of_the_camera(self):
        topic = '/camera/camera/color/image_raw/compressed'
        self.assertTrue(self.wait(lambda: self.node.count_subscribers(topic) == 1))
