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

"""demo.launch.py container:=true low_power:=true: player and node in one process."""

import importlib.util
import unittest

import pytest

REASON = 'launch_testing is not installed: pip has none, it comes with a ROS distribution'
pytest.importorskip('launch_testing.actions', reason=REASON)

from composition_interfaces.srv import ListNodes  # noqa: E402, I100
from face_affect_msgs.msg import FaceAffectArray  # noqa: E402
from launch import LaunchDescription  # noqa: E402
from launch_case import include, RosCase  # noqa: E402
import launch_testing  # noqa: E402
import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402
from rcl_interfaces.srv import GetParameters  # noqa: E402


@pytest.mark.launch_test
def generate_test_description():
    return LaunchDescription([include('demo', container='true', low_power='true',
                                      namespace='robot'),
                              launch_testing.actions.ReadyToTest()])


class TestContainer(RosCase):

    def test_publishes_faces_from_one_process(self):
        messages = []
        self.node.create_subscription(FaceAffectArray, '/robot/face_affect/faces',
                                      messages.append, 10)
        self.assertTrue(self.wait(lambda: len(messages) >= 10))
        self.assertEqual({len(message.faces) for message in messages}, {1})
        answer = self.ask(ListNodes, '/robot/face_affect_container/_container/list_nodes',
                          ListNodes.Request())
        # They are requested at once, in an order that is not defined.
        self.assertCountEqual(answer.full_node_names,
                              ['/robot/face_affect', '/robot/camera_player'])

    def test_it_uses_the_events_executor_where_available(self):
        events = importlib.util.find_spec('rclpy.experimental') is not None
        answer = self.ask(GetParameters, '/robot/face_affect_container/get_parameters',
                          GetParameters.Request(names=['executor']))
        self.assertEqual(answer.values[0].string_value,
                         'events' if events else 'single_threaded')


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):

    def test_there_was_one_process_and_it_ended_cleanly(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
        self.assertEqual(len(list(proc_info.processes())), 1)
