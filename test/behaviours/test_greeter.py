"""The example as a process, with the real node beside it."""

from typing import Any

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')
pytest.importorskip('py_trees', reason='py_trees is not installed')

from std_msgs.msg import String  # noqa: E402
from support import running_node, spin_until  # noqa: E402

from face_affect_ros.behaviours.greeter import WORDS  # noqa: E402
from face_affect_ros.nodes import qos  # noqa: E402
from face_affect_ros.nodes.lifecycle_client import bring_up  # noqa: E402


def test_the_smiling_portrait_is_greeted_once(ros: Any) -> None:
    said: list[str] = []
    ros.node.create_subscription(String, 'greeter/say', lambda text: said.append(text.data),
                                 qos.results())
    with running_node('face_affect_ros.behaviours.greeter', hold=0.3) as greeter, \
            running_node('face_affect_ros.nodes.face_affect_node', '-r', 'image:=image_raw'), \
            running_node('face_affect_ros.nodes.camera_player'):
        bring_up(ros.node, '/face_affect')
        assert spin_until(ros.executor, lambda: bool(said), timeout=60.0), greeter.output()
        assert greeter.stop() == 0
        assert 'Traceback' not in greeter.output()
    assert said == [WORDS['greet']]
