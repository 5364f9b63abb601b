"""demo.launch.py: player and node as two processes, and faces come out."""

import unittest

import pytest

REASON = 'launch_testing is not installed: pip has none, it comes with a ROS distribution'
pytest.importorskip('launch_testing.actions', reason=REASON)

import launch_testing  # noqa: E402
import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402
from face_affect_msgs.msg import FaceAffectArray  # noqa: E402
from launch import LaunchDescription  # noqa: E402
from launch_case import RosCase, include  # noqa: E402


@pytest.mark.launch_test
def generate_test_description():
    return LaunchDescription([include('demo'), launch_testing.actions.ReadyToTest()])


class TestDemo(RosCase):

    def test_publishes_the_same_face_again_and_again(self):
        messages = []
        self.node.create_subscription(FaceAffectArray, '/face_affect/faces', messages.append, 10)
        self.assertTrue(self.wait(lambda: len(messages) >= 20))
        self.assertEqual({len(message.faces) for message in messages}, {1})
        self.assertEqual(len({message.faces[0].id for message in messages}), 1)


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):

    def test_both_processes_end_cleanly(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
