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

"""multi_camera.launch.py: two cameras and one list with each of their faces."""

from pathlib import Path
import tempfile
import unittest

import pytest

REASON = 'launch_testing is not installed: pip has none, it comes with a ROS distribution'
pytest.importorskip('launch_testing.actions', reason=REASON)
pytest.importorskip('hri_msgs', reason='hri_msgs is not installed')

from humans_listener import HumansListener  # noqa: E402, I100
from launch import LaunchDescription  # noqa: E402
from launch.actions import SetLaunchConfiguration  # noqa: E402
from launch_case import include, RosCase  # noqa: E402
from launch_ros.actions import Node  # noqa: E402
import launch_testing  # noqa: E402
import launch_testing.actions  # noqa: E402
import launch_testing.asserts  # noqa: E402


@pytest.mark.launch_test
def generate_test_description():
    # On a busy computer the nodes may see nothing for longer than tracks live by default.
    parameters = Path(tempfile.mkdtemp()) / 'parameters.yaml'
    parameters.write_text('/**: {ros__parameters: {track_timeout: 60}}')
    cameras = ('front', 'rear')
    players = [Node(package='face_affect_ros', executable='camera_player', namespace=camera,
                    parameters=[{'rate': 5.0, 'min_subscribers': 1}]) for camera in cameras]
    images = ','.join(f'/{camera}/image_raw' for camera in cameras)
    return LaunchDescription([
        # Five processes that end at once, on a busy computer.
        SetLaunchConfiguration('sigterm_timeout', '60'),
        include('multi_camera', images=images, namespace='robot', emotion_model='none',
                params_file=str(parameters)),
        *players, launch_testing.actions.ReadyToTest()])


class TestMultiCamera(RosCase):

    def test_each_face_is_listed_once(self):
        listener = HumansListener(self.node)
        self.assertTrue(self.wait(lambda: len(listener.faces) == 2))
        self.assertTrue(self.wait(lambda: min(listener.heard.get((name, 'roi'), 0)
                                              for name in listener.faces) >= 15))
        self.assertEqual((len(listener.came), listener.lost), (2, []))
        for camera, node in (('front', 'face_affect_1'), ('rear', 'face_affect_2')):
            infos = self.node.get_subscriptions_info_by_topic(f'/{camera}/camera_info')
            self.assertIn(node, [info.node_name for info in infos])


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):

    def test_all_processes_end_cleanly(self, proc_info):
        launch_testing.asserts.assertExitCodes(proc_info)
