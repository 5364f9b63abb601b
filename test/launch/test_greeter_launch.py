"""greeter.launch.py: a smile before the camera is greeted, once."""

import unittest

import pytest

REASON = 'launch_testing is not installed: pip has none, it comes with a ROS distribution'
pytest.importorskip('launch_testing.actions', reason=REASON)

import launch_testing  # noqa: E402
import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402
from launch import LaunchDescription  # noqa: E402
from launch_case import RosCase, include  # noqa: E402
from launch_ros.actions import Node  # noqa: E402
from std_msgs.msg import String  # noqa: E402

from face_affect_ros.behaviours.greeter import WORDS  # noqa: E402


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
