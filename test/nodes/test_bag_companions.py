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

"""Topics that bag_player plays with the images: calibration, depth images and transforms."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')
pytest.importorskip('rosbags', reason='rosbags is not installed')

from bench import Bench, stamped  # noqa: E402, I100
from face_affect_ros.nodes.camera_player import camera_info  # noqa: E402
from face_affect_ros.nodes.image_conversion import to_message  # noqa: E402
from geometry_msgs.msg import TransformStamped  # noqa: E402
from rclpy.serialization import serialize_message  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from support import running_node, spin_until  # noqa: E402

START = 1_700_000_000
IMAGES = 6
DISTANCE = 1.5


@pytest.fixture
def bag(tmp_path: Path, portrait: np.ndarray) -> Path:
    """Return a bag in which each image is followed by its calibration and depth, 5 ms later."""
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import get_typestore, Stores
    tf2_msgs = pytest.importorskip('tf2_msgs.msg', reason='tf2_msgs is not installed')
    types = get_typestore(Stores.ROS2_JAZZY)
    height, width = portrait.shape[:2]
    depth = np.full((height, width), DISTANCE, np.float32)
    kinds = {'/camera/color/image_raw': 'sensor_msgs/msg/Image',
             '/camera/color/camera_info': 'sensor_msgs/msg/CameraInfo',
             '/other/camera_info': 'sensor_msgs/msg/CameraInfo',
             '/camera/depth': 'sensor_msgs/msg/Image', '/tf_static': 'tf2_msgs/msg/TFMessage'}
    with Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        connections = {topic: writer.add_connection(topic, kind, typestore=types)
                       for topic, kind in kinds.items()}
        for child in ('camera_optical', 'lidar'):   # of two nodes
            frame = TransformStamped(child_frame_id=child)
            frame.header.frame_id = 'base_link'
            writer.write(connections['/tf_static'], START * 10**9,
                         serialize_message(tf2_msgs.TFMessage(transforms=[frame])))
        for number in range(IMAGES):
            header = stamped(START + number)
            when = (START + number) * 10**9
            far = Image(header=header, height=height, width=width, encoding='32FC1',
                        step=4 * width)
            far.data.frombytes(depth.tobytes())
            for topic, message, late in (
                    ('/camera/color/image_raw', to_message(portrait, 'bgr8', header), 0),
                    ('/camera/color/camera_info', camera_info(width, height, 60.0, header), 5),
                    ('/other/camera_info', camera_info(width, height, 90.0, header), 5),
                    ('/camera/depth', far, 5)):
                writer.write(connections[topic], when + late * 10**6, serialize_message(message))
    return tmp_path / 'bag'


def test_every_face_has_the_position_of_the_bags_calibration(bench: Bench, bag: Path) -> None:
    bench.ros.node.destroy_publisher(bench.infos)
    bench.start(use_depth=True, processing='every', stale_timeout=3600.0)
    clocks: list[int] = []
    bench.ros.node.create_subscription(Clock, '/clock', lambda message: clocks.append(
        message.clock.sec), 100)
    with running_node('face_affect_ros.nodes.bag_player', '-r', 'faces:=face_affect/faces',
                      bag=str(bag), max_in_flight=1, depth='/camera/depth',
                      clock=True) as process:
        assert spin_until(bench.ros.executor, lambda: not process.running(), timeout=60.0)
        assert process.wait() == 0, process.output()
        assert 'topics played with /camera/color/image_raw: ' in process.output()
        assert '/other/camera_info' not in process.output()
    assert bench.until(lambda: len(bench.faces) == IMAGES)
    distances = [face.position.z for message in bench.faces for face in message.faces
                 if face.position_known]
    np.testing.assert_allclose(distances, [DISTANCE] * IMAGES, atol=0.02)
    assert clocks == sorted(clocks)
    assert {START, START + IMAGES - 1} <= set(clocks)


def test_a_missing_depth_topic_is_an_error(ros_domain: int, bag: Path) -> None:
    with running_node('face_affect_ros.nodes.bag_player', bag=str(bag),
                      depth='/camera/color/camera_info') as process:
        assert process.wait() == 1
        assert "has no depth images on '/camera/color/camera_info'; its image topics: " in (
            process.output())


def test_static_transforms_reach_late_subscribers(ros: Any, bag: Path) -> None:
    tf2_msgs = pytest.importorskip('tf2_msgs.msg', reason='tf2_msgs is not installed')
    from face_affect_ros.nodes import qos
    heard: list[Any] = []
    images: list[Image] = []
    ros.node.create_subscription(Image, 'image', images.append, 10)
    with running_node('face_affect_ros.nodes.bag_player', bag=str(bag), rate=1.0) as process:
        assert spin_until(ros.executor, lambda: bool(images)), process.output()
        ros.node.create_subscription(tf2_msgs.TFMessage, '/tf_static', heard.append,
                                     qos.latched(100))
        assert spin_until(ros.executor, lambda: len(heard) == 2), process.output()
    assert [each.transforms[0].child_frame_id for each in heard] == ['camera_optical', 'lidar']
