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

"""demo.launch.py: player and node in two processes."""

import unittest

import pytest

REASON = 'launch_testing is not installed: pip has none, it comes with a ROS distribution'
pytest.importorskip('launch_testing.actions', reason=REASON)

from face_affect_msgs.msg import FaceAffectArray  # noqa: E402, I100
from launch import LaunchDescription  # noqa: E402
from launch_case import include, RosCase  # noqa: E402
import launch_testing  # noqa: E402
import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402


@pytest.mark.launch_test
def generate_test_description():
    return LaunchDescription([include('demo'), launch_testing.actions.ReadyToTest()])


class TestDemo(RosCase):

    def test_publishes_one_face_with_one_id(self):
        messages = []
        self.node.create_subscription(FaceAffectArray, '/face_affect/faces', messages.append, 10)
        self.assertTrue(self.wait(lambda: len(messages) >= 20))
        self.assertEqual({len(message.faces) for message in messages}, {1})
        self.assertEqual(len({message.faces[0].id for message in messages}), 1)


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):

    def test_both_processes_end_cleanly(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
