"""replay.launch.py: every image of a bag is processed, whatever the speed of the computer."""

import itertools
import shutil
import tempfile
import unittest
from pathlib import Path

import pytest

REASON = 'launch_testing is not installed: pip has none, it comes with a ROS distribution'
pytest.importorskip('launch_testing.actions', reason=REASON)

import launch_testing  # noqa: E402
import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402
from face_affect_msgs.msg import FaceAffectArray  # noqa: E402
from launch import LaunchDescription  # noqa: E402
from launch_case import PATIENCE, RosCase, include  # noqa: E402

from face_affect_ros.bags import write_bag  # noqa: E402
from face_affect_ros.media import open_media  # noqa: E402

FRAMES = 25
START = 1_700_000_000
FOLDER = tempfile.TemporaryDirectory()  # noqa: SIM115 - until the process ends


@pytest.mark.launch_test
def generate_test_description():
    bag = Path(FOLDER.name) / 'bag'
    shutil.rmtree(bag, ignore_errors=True)
    with open_media('', rate=30.0) as media:
        write_bag(bag, itertools.islice(media, FRAMES), start=START * 10**9)
    return LaunchDescription([
        include('replay', bag=str(bag)), launch_testing.actions.ReadyToTest()])


class TestReplay(RosCase):

    def test_publishes_a_message_for_each_image(self, proc_info):
        messages = []
        self.node.create_subscription(FaceAffectArray, '/face_affect/faces', messages.append,
                                      FRAMES)
        self.assertTrue(self.wait(lambda: len(messages) >= FRAMES))
        proc_info.assertWaitForShutdown('bag_player', timeout=PATIENCE)
        stamps = [message.header.stamp for message in messages]
        self.assertEqual([round(30 * (stamp.sec - START + stamp.nanosec * 1e-9))
                          for stamp in stamps], list(range(FRAMES)))
        self.assertEqual({len(message.faces) for message in messages}, {1})


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):

    def test_the_player_saw_all_results_and_ended_the_launch(self, proc_info, proc_output):
        launch_testing.asserts.assertInStderr(
            proc_output, f'{FRAMES} images of /image published, 0 without a result', 'bag_player')
        launch_testing.asserts.assertExitCodes(proc_info)
