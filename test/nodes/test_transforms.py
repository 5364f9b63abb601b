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

"""The frames of REP-155, and positions from depth images."""

import sys
import threading

from face_affect_ros.affect.orientation import FACING
from face_affect_ros.affect.types import Orientation
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')
pytest.importorskip('tf2_msgs', reason='tf2_msgs is not installed')

from bench import Bench, stamped  # noqa: E402, I100
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from face_affect_ros.nodes import qos  # noqa: E402
from face_affect_ros.nodes.camera_player import camera_info  # noqa: E402
from face_affect_ros.nodes.image_conversion import ImageConversionError, to_depth  # noqa: E402
from face_affect_ros.nodes.outputs.transforms import to_transforms  # noqa: E402
from faces import face  # noqa: E402
from scipy.spatial.transform import Rotation  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402


def axes_of(transform: TFMessage) -> np.ndarray:
    """Return the child's axes in the parent, as columns."""
    turn = transform.transform.rotation
    return Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix()


def test_the_frames_of_a_face_that_looks_at_the_camera() -> None:
    frame, gaze = to_transforms(face('fa', z=2.0), stamped(3))
    assert (frame.header.frame_id, frame.child_frame_id) == ('camera_optical', 'face_fa')
    assert frame.header.stamp == stamped(3).stamp
    assert frame.transform.translation.z == 2.0
    # Optical frame: x right, y down, z forward. The face: x to the camera, z up.
    np.testing.assert_allclose(axes_of(frame).T, [[0, 0, -1], [1, 0, 0], [0, -1, 0]], atol=1e-6)
    assert (gaze.header.frame_id, gaze.child_frame_id) == ('face_fa', 'gaze_fa')
    # The gaze: z along the face's x, y down, x to the right of the person.
    np.testing.assert_allclose(axes_of(gaze).T, [[0, -1, 0], [0, 0, -1], [1, 0, 0]], atol=1e-6)


def test_a_tilted_head_tilts_the_frame() -> None:
    eyes = np.float32([[100, 100], [130, 130], [110, 125], [100, 140]])
    [frame, _] = to_transforms(face('fa', z=2.0, landmarks=eyes), stamped(3))
    axes = axes_of(frame)
    np.testing.assert_allclose(axes[:, 1], np.array([1, 1, 0]) / np.sqrt(2), atol=1e-6)
    np.testing.assert_allclose(np.linalg.det(axes), 1.0)


def test_a_head_that_is_turned_away_turns_the_frame() -> None:
    aside = Rotation.from_euler('Y', -50, degrees=True).as_matrix() @ FACING
    assert aside[0, 0] > 0.7   # the face looks to the image's right
    frame, gaze = to_transforms(face('fa', z=2.0, orientation=Orientation(
        aside, np.eye(3) * 0.01, np.radians(50))), stamped(3))
    np.testing.assert_allclose(axes_of(frame), aside, atol=1e-9)
    assert frame.transform.translation.z == 2.0
    np.testing.assert_allclose((axes_of(frame) @ axes_of(gaze))[:, 2], aside[:, 0], atol=1e-9)


def test_a_face_without_a_position_has_no_frame_and_one_without_eyes_has() -> None:
    assert to_transforms(face(), stamped(3)) == []
    blind = face(z=1.0, landmarks=np.full((4, 2), np.nan, np.float32))
    assert len(to_transforms(blind, stamped(3))) == 2


def test_frames_are_published_with_publish_tf(bench: Bench) -> None:
    node = bench.start(publish_tf=True)
    bench.infos.publish(camera_info(640, 480, 60.0, stamped(1)))
    assert bench.until(lambda: node.image_input.camera is not None)
    messages = bench.watch('/tf', TFMessage, qos.transforms())
    header = bench.answered()
    assert bench.until(lambda: messages)
    frame, gaze = messages[0].transforms
    [seen] = bench.faces[-1].faces
    assert (frame.child_frame_id, gaze.child_frame_id) == (f'face_{seen.id}', f'gaze_{seen.id}')
    assert frame.header == header
    assert frame.transform.translation.z == seen.position.z


def test_frames_are_not_published_without_publish_tf(bench: Bench) -> None:
    node = bench.start()
    assert not node.get_publishers_info_by_topic('/tf')


def depth_image(metres: float, sec: int, *, encoding: str = '16UC1', big: bool = False,
                pad: int = 0, size: tuple[int, int] = (640, 480)) -> Image:
    """Return a flat depth image; size: width and height, pixels."""
    width, height = size
    kind = np.dtype(np.uint16 if encoding == '16UC1' else np.float32)
    values = np.full((height, width), metres * 1000 if encoding == '16UC1' else metres, kind)
    if big:
        values = values.astype(kind.newbyteorder('>'))
    rows = np.pad(values.view(np.uint8).reshape(height, -1), [(0, 0), (0, pad)])
    return Image(header=stamped(sec), width=width, height=height, encoding=encoding,
                 is_bigendian=big, step=rows.shape[1], data=rows.tobytes())


@pytest.mark.parametrize('pad', [0, 7])
@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('encoding', ['16UC1', '32FC1'])
def test_depth_images_become_metres(encoding: str, big: bool, pad: int) -> None:
    assert sys.byteorder == 'little'
    depth = to_depth(depth_image(1.25, 1, encoding=encoding, big=big, pad=pad))
    assert depth.shape == (480, 640) and depth.dtype == np.float32
    np.testing.assert_allclose(depth, 1.25)


@pytest.mark.parametrize('changes', [{'encoding': 'bgr8'}, {'step': 3}, {'height': 481}])
def test_other_images_are_refused_as_depth(changes: dict[str, object]) -> None:
    message = depth_image(1.0, 1)
    for name, value in changes.items():
        setattr(message, name, value)
    with pytest.raises(ImageConversionError, match='16UC1|step|bytes'):
        to_depth(message)


def test_distances_are_those_of_the_depth_image_of_the_same_time(bench: Bench) -> None:
    node = bench.start(use_depth=True, depth_tolerance=0.5, diagnostics_period=0.1)
    depths = bench.ros.node.create_publisher(Image, 'depth', qos.results())
    bench.infos.publish(camera_info(640, 480, 60.0, stamped(1)))
    assert bench.until(lambda: node.image_input.camera is not None)
    assert bench.until(depths.get_subscription_count)
    for sec, metres in ((10, 1.0), (11, 3.5), (12, 2.0)):
        depths.publish(depth_image(metres, sec))
    assert bench.until(lambda: len(node.depth_input.images) == 3)
    bench.answered(sec=11)
    assert bench.faces[-1].faces[0].position.z == pytest.approx(3.5)
    bench.answered(sec=20)   # there is no depth image of that time
    assert bench.faces[-1].faces[0].position.z < 1.0
    assert bench.status(DiagnosticStatus.WARN, "no depth image on '/depth' within 0.5 s")
    bad = depth_image(1.0, 21)
    bad.encoding = 'rgb8'
    depths.publish(bad)
    assert bench.until(lambda: len(node.depth_input.images) == 4)
    bench.answered(sec=21)
    assert bench.status(DiagnosticStatus.WARN, "'rgb8' cannot be read")
    depths.publish(depth_image(0.0, 22))   # as with a covered projector
    assert bench.until(lambda: len(node.depth_input.images) == 5)
    bench.answered(sec=22)
    assert bench.status(DiagnosticStatus.WARN, "'/depth': no pixel has a depth; check the depth "
                        'camera and its range; positions are computed from the distance '
                        'between the eyes')


@pytest.mark.parametrize(('size', 'used'), [
    ((640, 480), True), ((320, 240), True), ((213, 160), True), ((1280, 960), True),
    ((848, 480), False), ((640, 400), False), ((480, 640), False), ((1, 1), False)])
def test_depth_images_of_another_aspect_ratio_are_not_used(size: tuple[int, int], used: bool,
                                                           bench: Bench) -> None:
    """They are not registered to the image: the depth at a face is that of something else."""
    node = bench.start(use_depth=True)
    depths = bench.ros.node.create_publisher(Image, 'depth', qos.results())
    bench.infos.publish(camera_info(640, 480, 60.0, stamped(1)))
    assert bench.until(lambda: node.image_input.camera is not None)
    assert bench.until(depths.get_subscription_count)
    depths.publish(depth_image(3.5, 5, size=size))
    assert bench.until(lambda: node.depth_input.images)
    bench.answered(sec=5)
    assert (bench.faces[-1].faces[0].position.z == pytest.approx(3.5)) is used
    text = (f"'/depth': images of {size[0]}x{size[1]} are not registered to images of 640x480, "
            'which have another aspect ratio; let the driver align them')
    assert (text in bench.fresh_status().message) is not used


@pytest.mark.parametrize(('frame', 'used'), [
    ('camera_optical', True), ('', True), ('depth_optical', False)])
def test_depth_images_of_another_frame_are_not_used(frame: str, used: bool, bench: Bench) -> None:
    """They are those of the depth sensor beside the camera."""
    node = bench.start(use_depth=True)
    depths = bench.ros.node.create_publisher(Image, 'depth', qos.results())
    bench.infos.publish(camera_info(640, 480, 60.0, stamped(1)))
    assert bench.until(lambda: node.image_input.camera is not None)
    assert bench.until(depths.get_subscription_count)
    image = depth_image(3.5, 5)
    image.header.frame_id = frame
    depths.publish(image)
    assert bench.until(lambda: node.depth_input.images)
    bench.answered(sec=5)
    assert (bench.faces[-1].faces[0].position.z == pytest.approx(3.5)) is used
    text = ("'/depth': images in the frame 'depth_optical' are not registered to images in "
            "'camera_optical'; let the driver align them or, if they are aligned, set one "
            'frame_id for both; positions are computed from the distance between the eyes')
    assert (text in bench.fresh_status().message) is not used


def test_depth_images_are_kept_as_long_as_images_wait(bench: Bench) -> None:
    """Else a slow computer would use them for the last images of a bag only."""
    node = bench.start(use_depth=True, processing='every', detection_interval=0.0)
    depths = bench.ros.node.create_publisher(Image, 'depth', qos.results())
    bench.infos.publish(camera_info(640, 480, 60.0, stamped(1)))
    assert bench.until(lambda: node.image_input.camera is not None)
    assert bench.until(depths.get_subscription_count)
    locate, ready = node.pipeline.process, threading.Event()
    node.pipeline.process = lambda *arguments: ready.wait(30.0) and locate(*arguments)
    for sec in range(1, 21):
        depths.publish(depth_image(1.0 + 0.1 * sec, sec, size=(160, 120)))
        bench.send(sec=sec)
        assert bench.until(lambda: node.health.counts['received'] == sec
                           and len(node.depth_input.images) == sec)
    ready.set()
    assert bench.until(lambda: len(bench.faces) == 20)
    np.testing.assert_allclose([message.faces[0].position.z for message in bench.faces],
                               1.0 + 0.1 * np.arange(1, 21), atol=0.01)
    assert len(node.depth_input.images) <= 10


def test_depth_images_before_an_image_without_depth_are_not_kept(bench: Bench) -> None:
    node = bench.start(use_depth=True, processing='every')
    node.depth_input.images.extend(depth_image(1.0, sec, size=(16, 12)) for sec in range(1, 51))
    bench.answered(sec=60)
    assert [image.header.stamp.sec for image in node.depth_input.images] == list(range(41, 51))
