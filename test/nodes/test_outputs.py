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

"""~/detections, ~/markers and ~/events."""

import threading
from typing import Any

from face_affect_ros.affect.orientation import FACING
from face_affect_ros.affect.types import Orientation
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from bench import Bench, stamped, SUCCESS  # noqa: E402, I100
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from face_affect_msgs.msg import FaceAffectArray, FaceEvent  # noqa: E402
from face_affect_ros.nodes import face_affect_node, qos  # noqa: E402
from face_affect_ros.nodes.camera_player import camera_info  # noqa: E402
from face_affect_ros.nodes.messages import from_message, to_face_message  # noqa: E402
from face_affect_ros.nodes.outputs import Result  # noqa: E402
from face_affect_ros.nodes.outputs.markers import to_markers  # noqa: E402
from faces import face  # noqa: E402
from geometry_msgs.msg import Quaternion  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from scipy.spatial.transform import Rotation  # noqa: E402
from visualization_msgs.msg import Marker, MarkerArray  # noqa: E402


def calibrate(bench: Bench) -> None:
    """Publish a calibration."""
    node = bench.nodes[-1]
    bench.infos.publish(camera_info(640, 480, 60.0, stamped(1)))
    assert bench.until(lambda: node.image_input.camera is not None)


def test_detections_have_the_labels_of_the_faces(bench: Bench) -> None:
    vision_msgs = pytest.importorskip('vision_msgs.msg', reason='vision_msgs is not installed')
    bench.start(gender_model='')
    calibrate(bench)
    detections = bench.watch('detections', vision_msgs.Detection2DArray)
    infos = bench.watch('label_info', vision_msgs.LabelInfo, qos.latched())
    methods = bench.watch('vision_info', vision_msgs.VisionInfo, qos.latched())
    header = bench.answered()
    assert bench.until(lambda: detections and infos and methods)
    names = {str(each.class_id): each.class_name for each in infos[0].class_map}
    assert len(names) == 10 and names['0'] == 'face'
    assert methods[0].method == 'face_residual_fpn, emotion_small_resnet'
    assert methods[0].database_location == '/face_affect/label_info'
    [message], [seen] = detections[0].detections, bench.faces[-1].faces
    assert detections[0].header == header and message.header == header
    assert message.id == seen.id
    said = [(names[each.hypothesis.class_id], each.hypothesis.score) for each in message.results]
    assert said == [('face', pytest.approx(seen.score)),
                    (seen.emotion, pytest.approx(seen.emotion_confidence))]
    assert message.bbox.size_x == seen.roi.width
    assert message.bbox.center.position.y == seen.roi.y_offset + seen.roi.height / 2
    pose = message.results[0].pose
    assert pose.pose.position == seen.position and seen.position.z > 0.2
    np.testing.assert_allclose(pose.covariance.reshape(6, 6)[:3, :3].reshape(-1),
                               seen.position_covariance)


def test_3d_detections_are_those_of_faces_with_a_position(bench: Bench) -> None:
    vision_msgs = pytest.importorskip('vision_msgs.msg', reason='vision_msgs is not installed')
    bench.start(gender_model='')
    heads = bench.watch('detections_3d', vision_msgs.Detection3DArray)
    bench.answered()
    assert bench.until(lambda: heads)
    assert len(bench.faces[-1].faces) == 1 and not heads[0].detections   # no camera_info
    calibrate(bench)
    header = bench.answered()
    assert bench.until(lambda: len(heads) == 2)
    [message], [seen] = heads[1].detections, bench.faces[-1].faces
    assert heads[1].header == header and message.header == header and message.id == seen.id
    pose = message.results[0].pose
    assert pose.pose.position == seen.position
    assert seen.orientation_known and pose.pose.orientation == seen.orientation
    np.testing.assert_allclose(pose.covariance.reshape(6, 6)[3:, 3:].reshape(-1),
                               seen.orientation_covariance)
    assert message.results[1].hypothesis.score == pytest.approx(seen.emotion_confidence)


def test_a_head_is_a_box_behind_the_eyes_with_the_axes_of_the_face() -> None:
    pytest.importorskip('vision_msgs', reason='vision_msgs is not installed')
    from face_affect_ros.nodes.outputs.detections import to_detections_3d
    image = np.zeros((240, 320, 3), np.uint8)
    aside = Rotation.from_euler('Y', 90, degrees=True).as_matrix() @ FACING
    assert aside[:, 0] == pytest.approx([-1, 0, 0])   # the face looks to the image's left
    faces = [face('a'), face('b', z=2.0), face(
        'c', z=2.0, orientation=Orientation(aside, np.eye(3) * 0.01, np.pi / 2))]
    straight, turned = to_detections_3d(Result(image, faces, stamped(3), 3.0)).detections
    assert (straight.id, turned.id) == ('b', 'c')
    size = straight.bbox.size
    assert size.z > size.x > size.y > 0.1   # high, deep, wide
    centre = straight.bbox.center.position
    assert centre.x == pytest.approx(0.0) and 2.0 < centre.z < 2.0 + size.x / 2
    assert turned.bbox.center.position.z == pytest.approx(2.0)
    assert 0.0 < turned.bbox.center.position.x < size.x / 2
    turn = turned.bbox.center.orientation
    np.testing.assert_allclose(
        Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix(), aside, atol=1e-6)
    # An unknown orientation has a large variance, and the box points to the camera.
    assert straight.results[0].pose.covariance[35] == pytest.approx(np.pi**2)


@pytest.mark.parametrize('vector', [(0.0, 0.0, 0.0), (0.3, -0.2, 1e-9), (0.0, 2.5, 0.5),
                                    (np.pi, 0.0, 0.0), (0.0, -np.pi, 0.0)])
def test_an_orientation_is_the_same_in_a_message(vector: tuple[float, ...]) -> None:
    rotation = Rotation.from_rotvec(vector)
    message = to_face_message(face('a', orientation=Orientation(
        rotation.as_matrix(), np.eye(3), 0.0)))
    quaternion = [getattr(message.orientation, axis) for axis in 'xyzw']
    assert abs(np.dot(quaternion, rotation.as_quat())) == pytest.approx(1.0)
    for sign in (1, -1):   # both are the same rotation
        message.orientation = Quaternion(**dict(zip('xyzw', np.multiply(sign, quaternion))))
        [again] = from_message(FaceAffectArray(faces=[message]))
        np.testing.assert_allclose(again.orientation.rotation, rotation.as_matrix(), atol=1e-7)


def test_an_unknown_label_is_no_hypothesis() -> None:
    pytest.importorskip('vision_msgs', reason='vision_msgs is not installed')
    from face_affect_ros.nodes.outputs.detections import to_detections
    image = np.zeros((240, 320, 3), np.uint8)
    message = to_detections(Result(image, [face(emotion='unknown')], stamped(3), 3.0))
    [detection] = message.detections
    assert [each.hypothesis.class_id for each in detection.results] == ['0']
    assert not np.any(detection.results[0].pose.covariance)


def test_without_vision_msgs_the_node_works_and_logs_what_is_missing(
        bench: Bench, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    def lacking(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'vision_msgs'", name='vision_msgs')
    monkeypatch.setattr(face_affect_node, 'import_module', lacking)
    node = bench.start()
    assert not node.get_publishers_info_by_topic('/face_affect/detections')
    bench.answered()
    assert 'no ~/detections: the package vision_msgs is not installed' in capfd.readouterr().err


def test_markers_show_the_faces_and_are_deleted_with_them(bench: Bench) -> None:
    bench.start(track_timeout=1.0)
    calibrate(bench)
    arrays = bench.watch('markers', MarkerArray)
    header = bench.answered()
    assert bench.until(lambda: len(arrays) == 1)
    head, line, text = arrays[0].markers
    [seen] = bench.faces[-1].faces
    assert (head.type, line.type, text.type) == (
        Marker.SPHERE, Marker.LINE_LIST, Marker.TEXT_VIEW_FACING)
    assert head.header == header and head.pose.position == seen.position
    assert head.lifetime.sec > 0
    name, distance = text.text.split('\n')[-2:]
    assert name == seen.id
    place = np.array([seen.position.x, seen.position.y, seen.position.z])
    assert distance == f'{np.linalg.norm(place):.1f} m'
    assert text.pose.position.y < head.pose.position.y   # above: y is down
    near, far = sorted(point.z for point in line.points)
    assert near < seen.position.z < far
    assert far - near == pytest.approx(2 * seen.position_covariance[8] ** 0.5, rel=0.05)
    bench.answered(np.zeros((480, 640, 3), np.uint8))
    assert bench.until(lambda: len(arrays) == 2)
    assert [(each.action, each.ns, each.id) for each in arrays[1].markers] == [
        (Marker.DELETE, each.ns, each.id) for each in (head, line, text)]
    bench.answered(np.zeros((480, 640, 3), np.uint8))
    assert bench.until(lambda: len(arrays) == 3)
    assert not arrays[2].markers


def test_a_face_without_a_position_has_no_markers() -> None:
    markers = to_markers([face('a'), face('b', z=2.0)], stamped(1), {'a': 0, 'b': 1})
    assert {marker.id for marker in markers} == {1}


def test_events_are_published_once_and_faces_leave_with_the_node(bench: Bench) -> None:
    node = bench.start(track_timeout=1.0, event_hold=0.5)
    events = bench.watch('events', FaceEvent)
    bench.answered(sec=10)
    assert not events
    header = bench.answered(sec=11)
    assert bench.until(lambda: len(events) == 1)
    assert (events[0].type, events[0].header) == (FaceEvent.APPEARED, header)
    assert events[0].face.emotion == 'happy'
    bench.answered(sec=12)
    assert node.trigger_deactivate() == SUCCESS
    assert bench.until(lambda: len(events) == 2)
    assert (events[1].type, events[1].face.id) == (FaceEvent.LEFT, events[0].face.id)


def test_the_hold_of_events_changes_live(bench: Bench) -> None:
    node = bench.start(event_hold=50.0)
    events = bench.watch('events', FaceEvent)
    bench.answered(sec=10)
    node.set_parameters([Parameter('event_hold', value=0.0)])
    bench.answered(sec=11)
    assert bench.until(lambda: len(events) == 1)


def test_an_output_that_fails_affects_nothing_else(bench: Bench,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    node = bench.start(event_hold=0.0)
    events = bench.watch('events', FaceEvent)
    arrays = bench.watch('markers', MarkerArray)
    output = next(each for each in node.outputs if type(each).__name__ == 'EventsOutput')

    def broken(result: Result) -> None:
        raise ValueError('injected')
    monkeypatch.setattr(output, 'put', broken)
    bench.answered()
    assert bench.until(lambda: arrays)
    monkeypatch.undo()
    bench.answered()
    assert bench.until(lambda: events)
    assert node.health.counts['refused'] == 0


def test_qualities_of_service_are_overridden_by_parameters(bench: Bench) -> None:
    node = bench.start(**{
        'qos_overrides./face_affect/events.publisher.depth': 77,
        'qos_overrides./face_affect/events.publisher.reliability': 'best_effort',
        'qos_overrides./face_affect/faces.publisher.durability': 'transient_local',
        'qos_overrides./image.subscription.reliability': 'reliable'})
    [events] = node.get_publishers_info_by_topic('/face_affect/events')
    assert events.qos_profile.reliability.name == 'BEST_EFFORT'
    [faces] = node.get_publishers_info_by_topic('/face_affect/faces')
    assert faces.qos_profile.durability.name == 'TRANSIENT_LOCAL'
    [image] = node.get_subscriptions_info_by_topic('/image')
    assert image.qos_profile.reliability.name == 'RELIABLE'
    assert node.get_parameter('qos_overrides./face_affect/events.publisher.depth').value == 77
    assert 'unknown' not in node.unknown_parameters
    # also after the node is configured again
    for transition in ('deactivate', 'cleanup', 'configure', 'activate'):
        assert getattr(node, f'trigger_{transition}')() == SUCCESS
    [faces] = node.get_publishers_info_by_topic('/face_affect/faces')
    assert faces.qos_profile.durability.name == 'TRANSIENT_LOCAL'


def test_the_quality_of_service_of_images_follows_the_parameters(bench: Bench) -> None:
    """Rclpy would keep the first one in the parameters qos_overrides."""
    node = bench.start(**{'qos_overrides./image.subscription.durability': 'volatile'})
    for transition in ('deactivate', 'cleanup'):
        assert getattr(node, f'trigger_{transition}')() == SUCCESS
    node.set_parameters([Parameter('processing', value='every'),
                         Parameter('queue_depth', value=7)])
    for transition in ('configure', 'activate'):
        assert getattr(node, f'trigger_{transition}')() == SUCCESS
    used = node.image_input._subscription.qos_profile
    assert used.reliability.name == 'RELIABLE' and used.depth == 7


@pytest.mark.parametrize('endpoint', ['/face_affect/faces.publisher',
                                      '/face_affect/image_annotated.publisher',
                                      '/image.subscription', '/depth.subscription'])
@pytest.mark.parametrize(('policy', 'value'), [('reliability', 'wrong'), ('depth', -3)])
def test_an_invalid_quality_of_service_is_named_by_its_parameters(
        endpoint: str, policy: str, value: str | int, bench: Bench) -> None:
    name = f'qos_overrides.{endpoint}'
    node = bench.start(activate=False, use_depth=True, **{f'{name}.{policy}': value})
    configured = node.trigger_configure() == SUCCESS
    assert configured is endpoint.endswith('subscription')
    assert not configured or node.trigger_activate() != SUCCESS
    assert node.lifecycle_state == 'unconfigured'
    assert bench.status(DiagnosticStatus.ERROR, f'; check the parameters {name}')


@pytest.mark.parametrize(('policy', 'value'), [('reliability', 'wrong'), ('depth', -3)])
def test_a_node_that_cannot_subscribe_after_a_pause_keeps_running(
        policy: str, value: str | int, bench: Bench) -> None:
    name = 'qos_overrides./image.subscription'
    node = bench.start(paused=True, **{f'{name}.{policy}': value})
    threads = threading.active_count()
    changes = [Parameter('paused', value=False), Parameter('track_timeout', value=7.0)]
    result = node.set_parameters_atomically(changes)
    assert not result.successful and result.reason.startswith("parameter 'paused': '/image' ")
    assert name in result.reason
    assert node.get_parameter('paused').value is True and node.lifecycle_state == 'paused'
    assert node.pipeline.settings.track_timeout == 1.5
    assert node.image_input is None and threading.active_count() == threads


def test_cycles_of_the_lifecycle_leave_no_topics(bench: Bench) -> None:
    node = bench.start()
    before = [len(list(node.publishers)), len(list(node.timers)), len(list(node.waitables)),
              len(node._managed_entities)]
    for _ in range(3):
        for transition in ('deactivate', 'cleanup', 'configure', 'activate'):
            assert getattr(node, f'trigger_{transition}')() == SUCCESS
    assert before == [len(list(node.publishers)), len(list(node.timers)),
                      len(list(node.waitables)), len(node._managed_entities)]
