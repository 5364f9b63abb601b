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

"""greeter.launch.py: a smiling person is greeted once."""

import unittest

import pytest

REASON = 'launch_testing is not installed: pip has none, it comes with a ROS distribution'
pytest.importorskip('launch_testing.actions', reason=REASON)

from face_affect_ros.behaviours.greeter import WORDS  # noqa: E402, I100
from launch import LaunchDescription  # noqa: E402
from launch_case import include, RosCase  # noqa: E402
from launch_ros.actions import Node  # noqa: E402
import launch_testing  # noqa: E402
import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402
from std_msgs.msg import String  # noqa: E402


@pytest.mark.launch_test
def generate_test_description():
    player = Node(package='face_affect_ros', executable='camera_player', namespace='robot')
    return LaunchDescription([
        include('greeter', namespace='robot', node_name='eyes'), player,
        launch_testing.actions.ReadyToTest()])


class TestGreeter(RosCase):

    def test_the_smiling_portrait_is_greeted(self):
        said = []
        self.node.create_subscription(String, '/robot/greeter/say',
                                      lambda text: said.append(text.data), 10)
        self.assertTrue(self.wait(lambda: said))
        self.assertEqual(said, [WORDS['greet']])


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):

    def test_all_processes_end_cleanly(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
