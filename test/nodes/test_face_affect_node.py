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

"""The node face_affect: images, parameters, lifecycle and diagnostics."""

import time
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from bench import Bench, stamped, SUCCESS  # noqa: E402, I100
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from face_affect_msgs.msg import FaceAffect  # noqa: E402
from face_affect_ros.affect.position import camera_of  # noqa: E402
from face_affect_ros.affect.types import AffectError  # noqa: E402
from face_affect_ros.nodes import parameters, qos  # noqa: E402
from face_affect_ros.nodes.camera_player import camera_info  # noqa: E402
from face_affect_ros.nodes.image_conversion import (  # noqa: E402
    decode_compressed,
    to_array,
    to_compressed,
    to_message,
)
from face_affect_ros.nodes.messages import from_message, to_face_message  # noqa: E402
from lifecycle_msgs.srv import GetState  # noqa: E402
import rclpy  # noqa: E402
from rclpy.lifecycle import TransitionCallbackReturn  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from support import running_node  # noqa: E402


def test_an_image_becomes_a_message_with_its_own_header(bench: Bench,
                                                        portrait: np.ndarray) -> None:
    bench.start()
    header = bench.send(portrait, 100)
    assert bench.until(lambda: bench.faces)
    message = bench.faces[0]
    assert message.header == header
    assert (message.image_width, message.image_height) == (640, 480)
    assert len(message.faces) == 1
    face = message.faces[0]
    assert face.id[0].isalpha()
    assert face.roi.width > 80
    assert face.score > 0.5
    assert face.emotion == FaceAffect.HAPPY
    assert face.gender in (FaceAffect.WOMAN, FaceAffect.MAN, FaceAffect.UNKNOWN)
    assert face.gender_confidence == max(face.gender_probabilities)
    assert sum(face.emotion_probabilities) == pytest.approx(1.0, abs=1e-4)
    eyes = face.landmarks[FaceAffect.RIGHT_EYE], face.landmarks[FaceAffect.LEFT_EYE]
    assert eyes[0].x < eyes[1].x
    assert not face.position_known


def test_with_a_calibrated_camera_faces_have_a_position(bench: Bench,
                                                        portrait: np.ndarray) -> None:
    node = bench.start()
    infos = bench.ros.node.create_publisher(CameraInfo, 'camera_info', qos.results())
    assert bench.until(infos.get_subscription_count)
    infos.publish(camera_info(640, 480, 60.0, stamped(1)))
    assert bench.until(lambda: node.image_input.camera is not None)
    bench.send(portrait, 1)
    assert bench.until(lambda: bench.faces)
    face = bench.faces[0].faces[0]
    assert face.position_known
    assert 0.2 < face.position.z < 1.5
    assert face.position_covariance[8] > 0.0
    position = from_message(bench.faces[0])[0].position
    assert position.point[2] == face.position.z
    assert position.covariance.shape == (3, 3)


def test_an_unusable_calibration_affects_only_the_position(bench: Bench) -> None:
    node = bench.start(stale_timeout=3600.0)
    info = camera_info(640, 480, 60.0, stamped(1))
    info.d, info.distortion_model = [0.1] * 6, 'plumb_bob'
    assert bench.until(bench.infos.get_subscription_count)
    bench.infos.publish(info)
    assert bench.until(lambda: node.image_input.camera is not None)
    bench.answered(sec=int(time.time()))
    assert not bench.faces[0].faces[0].position_known
    assert bench.status(DiagnosticStatus.WARN, "'/camera_info' cannot be used, faces have no "
                        'position: D has 6 coefficients')
    bench.infos.publish(camera_info(640, 480, 60.0, stamped(1)))
    assert bench.until(lambda: not node.image_input.camera.problem(640, 480))
    bench.answered(sec=int(time.time()) + 1)
    assert bench.faces[1].faces[0].position_known
    bench.statuses.clear()
    assert bench.status(DiagnosticStatus.OK, 'active')


@pytest.mark.parametrize('rectified', [False, True])
def test_a_region_of_interest_uses_the_calibration_of_the_sensor(rectified: bool) -> None:
    """An image of the lower right quarter of the sensor."""
    info = camera_info(1280, 960, 60.0, stamped(1))
    info.p[0], info.p[5] = 2 * info.p[0], 2 * info.p[5]
    info.d, info.distortion_model = [0.1, 0.0, 0.0, 0.0, 0.0], 'plumb_bob'
    whole = camera_of(info, rectified=rectified)
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 640, 480, 640, 480
    part = camera_of(info, rectified=rectified)
    assert (part.width, part.height) == (640, 480)
    pixel = np.float32([[100, 200]])
    np.testing.assert_allclose(part.rays(pixel, 640, 480),
                               whole.rays(pixel + [640, 480], 1280, 960))
    np.testing.assert_allclose(part.rays(pixel / 2, 320, 240), part.rays(pixel, 640, 480))
    if rectified:
        np.testing.assert_allclose(whole.rays(pixel, 1280, 960),
                                   (pixel - [[info.p[2], info.p[6]]]) / info.p[0])


@pytest.mark.parametrize('model', ['plumb_bob', 'equidistant', 'omni'])
def test_rectified_images_are_those_of_a_pinhole_camera(model: str) -> None:
    info = camera_info(640, 480, 60.0, stamped(1))
    info.d, info.distortion_model = [0.05, 0.01, 0.0, 0.0], model
    pixel = np.float32([[100, 200]])
    np.testing.assert_allclose(camera_of(info, rectified=True).rays(pixel, 640, 480),
                               (pixel - [[info.p[2], info.p[6]]]) / [[info.p[0], info.p[5]]])


def test_a_region_of_interest_without_calibration_and_k_for_a_zero_p() -> None:
    info = camera_info(1280, 960, 0.0, stamped(1))
    info.roi.x_offset, info.roi.y_offset, info.roi.width, info.roi.height = 640, 480, 640, 480
    assert not camera_of(info).calibrated and not camera_of(info, rectified=True).calibrated
    info = camera_info(640, 480, 60.0, stamped(1))
    info.p = [0.0] * 12
    assert camera_of(info, rectified=True).matrix[0, 0] == info.k[0] > 0.0


def test_a_warning_about_the_calibration_ends_with_the_images(bench: Bench) -> None:
    node = bench.start(stale_timeout=3600.0)
    info = camera_info(640, 360, 60.0, stamped(1))
    assert bench.until(bench.infos.get_subscription_count)
    bench.infos.publish(info)
    assert bench.until(lambda: node.image_input.camera is not None)
    bench.answered(sec=int(time.time()))
    assert bench.status(DiagnosticStatus.WARN, 'it is for images of 640x360')
    assert node.trigger_deactivate() == SUCCESS
    bench.statuses.clear()
    assert bench.status(DiagnosticStatus.OK, 'inactive')


def test_rectified_images_use_the_projection_matrix(bench: Bench) -> None:
    node = bench.start(image_rectified=True)
    info = camera_info(640, 480, 60.0, stamped(1))
    info.p[0], info.p[5] = 2 * info.p[0], 2 * info.p[5]
    assert bench.until(bench.infos.get_subscription_count)
    bench.infos.publish(info)
    assert bench.until(lambda: node.image_input.camera is not None)
    assert node.image_input.camera.matrix[0, 0] == info.p[0] == 2 * info.k[0]


def test_faces_are_converted_to_a_message_and_back(bench: Bench, portrait: np.ndarray) -> None:
    node = bench.start(gender_model='')
    bench.send(portrait, 100)
    assert bench.until(lambda: bench.faces)
    face = from_message(bench.faces[0])[0]
    assert set(face.estimates) == {'emotion'}
    assert bench.faces[0].faces[0].gender == FaceAffect.UNKNOWN
    assert not np.any(bench.faces[0].faces[0].gender_probabilities)
    assert face.landmarks.shape == (4, 2)
    assert node.health.counts['published'] == 1


def test_an_image_without_faces_gives_an_empty_message(bench: Bench) -> None:
    bench.start()
    bench.send(np.zeros((48, 64, 3), np.uint8), 1)
    assert bench.until(lambda: bench.faces)
    assert bench.faces[0].faces == []


@pytest.mark.parametrize('encoding', ['bgr8', 'rgb8', 'mono8'])
def test_the_result_does_not_depend_on_the_encoding(encoding: str, bench: Bench,
                                                    portrait: np.ndarray) -> None:
    bench.start()
    bench.send(portrait.mean(axis=2).astype(np.uint8) if encoding == 'mono8' else portrait, 1,
               sent_as=encoding)
    assert bench.until(lambda: bench.faces)
    assert len(bench.faces[0].faces) == 1


def test_compressed_images_are_taken_from_their_topic(bench: Bench,
                                                      portrait: np.ndarray) -> None:
    bench.start(image_transport='compressed')
    assert bench.until(bench.compressed.get_subscription_count)
    bench.compressed.publish(to_compressed(portrait, stamped(7)))
    assert bench.until(lambda: bench.faces)
    assert bench.faces[0].header.stamp.sec == 7
    assert len(bench.faces[0].faces) == 1


def test_an_invalid_image_is_counted_and_the_next_one_processed(bench: Bench,
                                                                portrait: np.ndarray) -> None:
    node = bench.start(stale_timeout=60.0)
    bench.send(portrait, 1)
    assert bench.until(lambda: bench.faces)
    for sec, changes in enumerate([{'encoding': 'rgb9'}, {'step': 3}, {'height': 0, 'width': 0},
                                   {'height': 4000}], start=2):
        bench.send(portrait, sec, **changes)
        assert bench.until(lambda: node.health.counts['refused'] == sec - 1)
        if 'encoding' in changes:
            assert bench.status(DiagnosticStatus.ERROR, 'rgb9')
    bench.send(portrait, int(time.time()))
    assert bench.until(lambda: len(bench.faces) == 2)
    bench.statuses.clear()
    assert bench.status(DiagnosticStatus.OK, 'active')
    said = {each.key: each.value for each in bench.statuses[-1].values}
    assert said['refused: unknown encoding'] == '1'
    assert said['refused: inconsistent sizes'] == '3'
    counts = node.health.counts
    assert counts['received'] == 6
    assert counts['received'] == counts['published'] + counts['refused'] + counts['dropped']


def test_an_exception_of_the_pipeline_affects_one_image(bench: Bench,
                                                        portrait: np.ndarray) -> None:
    node = bench.start()
    locate, node.pipeline.locate = node.pipeline.locate, None
    bench.send(portrait, 1)
    assert bench.until(lambda: node.health.counts['refused'] == 1)
    node.pipeline.locate = locate
    bench.send(portrait, 2)
    assert bench.until(lambda: bench.faces)
    assert bench.faces[0].header.stamp.sec == 2


def test_the_newest_image_is_processed_and_dropped_ones_are_counted(bench: Bench,
                                                                    portrait: np.ndarray) -> None:
    node = bench.start()
    for sec in range(1, 21):
        node.take(to_message(portrait, 'bgr8', stamped(sec)))
    assert bench.until(lambda: bench.faces and bench.faces[-1].header.stamp.sec == 20)
    counts = node.health.counts
    assert counts['dropped'] > 0
    assert counts['published'] + counts['dropped'] == 20


def test_an_image_after_the_end_of_the_subscription_is_not_counted(bench: Bench) -> None:
    """The events executor calls back for images that were queued before."""
    node = bench.start()
    bench.answered()
    assert node.trigger_deactivate() == SUCCESS
    node.take(to_message(bench.portrait, 'bgr8', stamped(2)))
    counts = node.health.counts
    assert counts['received'] == counts['published'] == 1


def test_every_image_gets_a_result_in_order_with_processing_every(
        bench: Bench, portrait: np.ndarray) -> None:
    node = bench.start(processing='every', queue_depth=50)
    for sec in range(1, 21):
        bench.send(portrait, sec)
    assert bench.until(lambda: len(bench.faces) == 20)
    assert [message.header.stamp.sec for message in bench.faces] == list(range(1, 21))
    assert len({message.faces[0].id for message in bench.faces}) == 1
    assert node.health.counts['dropped'] == 0


def test_the_annotated_image_is_drawn_only_with_a_subscriber(
        bench: Bench, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    import face_affect_ros.nodes.outputs.annotated as module
    drawn: list[int] = []
    real = module.annotate
    monkeypatch.setattr(module, 'annotate',
                        lambda image, faces: drawn.append(len(faces)) or real(image, faces))
    node = bench.start()
    bench.send(portrait, 1)
    assert bench.until(lambda: bench.faces)
    assert drawn == []
    pictures = bench.watch('image_annotated', profile=qos.image_output())
    header = bench.send(portrait, 2)
    assert bench.until(lambda: pictures)
    assert drawn == [1]
    assert pictures[0].header == header
    assert (pictures[0].encoding, pictures[0].width) == ('bgr8', 640)
    node.set_parameters([Parameter('annotate', value=False)])
    bench.send(portrait, 3)
    assert bench.until(lambda: len(bench.faces) == 3)
    assert drawn == [1]


def test_the_message_has_the_orientation_of_the_head(bench: Bench, portrait: np.ndarray) -> None:
    bench.start()
    bench.answered(portrait, 1)
    assumed = bench.faces[0].faces[0]
    assert assumed.orientation_known and not assumed.position_known
    bench.infos.publish(camera_info(640, 480, 60.0, stamped(1)))
    assert bench.until(lambda: bench.nodes[-1].image_input.camera is not None)
    bench.answered(portrait, 2)
    seen = bench.faces[1].faces[0]
    assert seen.orientation_known and seen.position_known
    # A frontal portrait has about the quaternion given in the message.
    turn = np.array([getattr(seen.orientation, axis) for axis in 'xyzw'])
    assert abs(turn @ [0.5, 0.5, -0.5, 0.5]) > np.cos(np.radians(30.0 / 2))
    assert 0.0 <= seen.facing_angle < np.radians(30.0)
    spread = np.degrees(np.sqrt(seen.orientation_covariance[[0, 4, 8]]))
    assert (spread > 1.0).all() and (spread < 30.0).all()
    [face] = from_message(bench.faces[1])
    again = to_face_message(face)
    assert again.facing_angle == seen.facing_angle
    np.testing.assert_allclose(again.orientation_covariance, seen.orientation_covariance)
    same = np.array([getattr(again.orientation, axis) for axis in 'xyzw'])
    assert abs(same @ turn) == pytest.approx(1.0)


def test_an_unknown_orientation_is_unknown_in_the_message() -> None:
    from face_affect_msgs.msg import FaceAffectArray
    from faces import face as made
    message = to_face_message(made())
    assert not message.orientation_known and message.orientation.w == 1.0
    assert from_message(FaceAffectArray(faces=[message]))[0].orientation is None


def test_the_annotated_image_is_published_as_jpeg(
        bench: Bench, portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    import face_affect_ros.nodes.outputs.annotated as module
    encoded: list[int] = []
    real = module.to_compressed
    monkeypatch.setattr(module, 'to_compressed', lambda *arguments, **keywords: encoded.append(
        keywords['quality']) or real(*arguments, **keywords))
    node = bench.start(jpeg_quality=90)
    pictures = bench.watch('image_annotated', profile=qos.image_output())
    bench.send(portrait, 1)
    assert bench.until(lambda: pictures)
    assert encoded == []
    small = bench.watch('image_annotated/compressed', CompressedImage, qos.image_output())
    header = bench.send(portrait, 2)
    assert bench.until(lambda: small and len(pictures) == 2)
    assert encoded == [90]
    assert small[0].header == header and bytes(small[0].data[:3]) == b'\xff\xd8\xff'
    shown = decode_compressed(small[0])
    assert np.abs(shown.astype(int) - to_array(pictures[1])).mean() < 4.0
    assert np.abs(shown.astype(int) - portrait).mean() > 0.2   # the face is drawn in
    node.set_parameters([Parameter('jpeg_quality', value=5)])
    bench.send(portrait, 3)
    assert bench.until(lambda: len(small) == 2)
    assert encoded == [90, 5] and len(small[1].data) < len(small[0].data) / 2


def test_a_paused_node_stays_active_and_keeps_its_tracks(
        bench: Bench, portrait: np.ndarray) -> None:
    node = bench.start(track_timeout=10.0)
    bench.answered(portrait, 1)
    assert node.set_parameters([Parameter('paused', value=True)])[0].successful
    assert bench.until(lambda: not bench.images.get_subscription_count())
    assert bench.status(DiagnosticStatus.OK, 'paused')
    client = bench.ros.node.create_client(GetState, '/face_affect/get_state')
    answer = client.call_async(GetState.Request())
    assert bench.until(answer.done)
    assert answer.result().current_state.label == 'active'
    assert node.set_parameters([Parameter('paused', value=True)])[0].successful   # once more
    received = node.health.counts['received']
    assert node.set_parameters([Parameter('paused', value=False)])[0].successful
    bench.answered(portrait, 3)
    assert node.health.counts['received'] == received + 1
    assert [each.faces[0].id for each in bench.faces] == [bench.faces[0].faces[0].id] * 2
    bench.statuses.clear()
    assert bench.until(lambda: any((each.key, each.value) == ('state', 'active')
                                   for status in bench.statuses for each in status.values))


def test_paused_takes_effect_at_activation(
        bench: Bench, portrait: np.ndarray) -> None:
    node = bench.start(paused=True)
    assert bench.status(DiagnosticStatus.OK, 'paused')
    assert not node.get_subscriptions_info_by_topic('/image')
    # A value that is set while the node is inactive takes effect at its activation.
    assert node.trigger_deactivate() == SUCCESS
    assert node.set_parameters([Parameter('paused', value=False)])[0].successful
    assert not node.get_subscriptions_info_by_topic('/image')
    assert node.trigger_activate() == SUCCESS
    bench.answered(portrait, 1)
    assert node.set_parameters([Parameter('paused', value=True)])[0].successful
    assert node.trigger_deactivate() == SUCCESS
    assert node.trigger_cleanup() == SUCCESS


def test_the_node_works_after_twenty_cycles_of_its_lifecycle(bench: Bench,
                                                             portrait: np.ndarray) -> None:
    node, kept = bench.start(activate=False), set()
    for round_ in range(1, 21):
        assert node.trigger_configure() == SUCCESS
        assert node.trigger_activate() == SUCCESS
        bench.send(portrait, round_)
        assert bench.until(lambda: len(bench.faces) == round_)
        assert node.trigger_deactivate() == SUCCESS
        assert node.trigger_cleanup() == SUCCESS
        assert bench.until(lambda: not bench.images.get_subscription_count())
        kept.add(len(node.default_callback_group.entities))
    assert max(kept) <= min(kept) + 10   # one cycle creates twenty or more
    ids = {message.faces[0].id for message in bench.faces}
    assert len(ids) == 20


def test_tracks_survive_a_pause(bench: Bench, portrait: np.ndarray) -> None:
    node = bench.start()
    bench.send(portrait, 1)
    assert bench.until(lambda: bench.faces)
    assert node.trigger_deactivate() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    bench.send(portrait, 2)
    assert bench.until(lambda: len(bench.faces) == 2)
    assert bench.faces[0].faces[0].id == bench.faces[1].faces[0].id


def test_a_paused_node_keeps_no_pixels_of_faces(bench: Bench) -> None:
    node = bench.start()
    bench.answered()
    assert node.pipeline.locate.templates is not None
    assert node.trigger_deactivate() == SUCCESS
    assert node.pipeline.locate.templates is None


def test_an_inactive_node_has_no_image_subscription(bench: Bench) -> None:
    node = bench.start(activate=False)
    assert node.trigger_configure() == SUCCESS
    assert bench.status(DiagnosticStatus.OK, 'inactive')
    assert not bench.images.get_subscription_count()


def test_a_missing_model_is_an_error_and_the_node_stays_unconfigured(
        bench: Bench, portrait: np.ndarray) -> None:
    node = bench.start(activate=False, emotion_model='emotion_mini_xeption', stale_timeout=60.0)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert bench.status(DiagnosticStatus.ERROR, "model 'emotion_mini_xeption' not found")
    node.set_parameters([Parameter('emotion_model', value='emotion_mini_xception')])
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    bench.send(portrait, int(time.time()))
    assert bench.until(lambda: bench.faces)
    bench.statuses.clear()
    assert bench.status(DiagnosticStatus.OK, 'active')


def test_a_failed_configuration_leaves_no_topics(
        bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from face_affect_ros.nodes import face_affect_node
    node = bench.start(activate=False)
    before = list(node.publishers)

    def damaged(*arguments: Any) -> None:
        raise AffectError('the file of the gradients is damaged')

    with monkeypatch.context() as patch:
        patch.setattr(face_affect_node, 'load_saliency', damaged)
        for _ in range(3):
            assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
            assert list(node.publishers) == before
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_cleanup() == SUCCESS
    assert list(node.publishers) == before


def test_an_internal_error_makes_the_node_unconfigured(
        bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    import face_affect_ros.nodes.face_affect_node as module
    node = bench.start(activate=False)
    with monkeypatch.context() as patch:
        patch.setattr(module, 'make_pipeline', lambda settings: 1 / 0)
        assert node.trigger_configure() == TransitionCallbackReturn.ERROR
    assert bench.status(DiagnosticStatus.ERROR, 'ZeroDivisionError')
    assert node.trigger_configure() == SUCCESS


def test_a_silent_camera_is_reported_by_its_topic(bench: Bench, portrait: np.ndarray) -> None:
    bench.start(stale_timeout=0.3)
    assert bench.status(DiagnosticStatus.WARN, "no image on '/image'")
    assert bench.status(DiagnosticStatus.WARN, '1 publishers; if they send images on this '
                        'computer, start them as the user of this node, and containers with '
                        '--ipc=host')
    bench.send(portrait, 1)
    assert bench.until(lambda: bench.faces)
    bench.statuses.clear()
    assert bench.status(DiagnosticStatus.WARN, "no image on '/image'")
    text = bench.statuses[-1].message
    assert ' s: 1 publishers' in text and 'if they send' not in text   # the first image arrived


def test_images_of_another_type_or_transport_are_named(bench: Bench) -> None:
    bench.ros.node.destroy_publisher(bench.images)
    node = bench.start(stale_timeout=0.1)
    assert bench.status(DiagnosticStatus.WARN, 'it has no publisher; images are on '
                        "'/image/compressed': set image_transport to compressed")
    context = rclpy.Context()   # one participant has one type per topic
    rclpy.init(context=context, args=[])
    try:
        other = rclpy.create_node('other', context=context)
        other.create_publisher(CompressedImage, 'image', qos.results())
        assert bench.status(DiagnosticStatus.WARN, 'its publishers send '
                            'sensor_msgs/msg/CompressedImage, not sensor_msgs/msg/Image')
        assert node.health.counts['received'] == 0
        other.destroy_node()
    finally:
        rclpy.shutdown(context=context, uninstall_handlers=False)


def test_an_incompatible_policy_is_reported_with_its_parameter(bench: Bench) -> None:
    bench.start(**{'qos_overrides./image.subscription.durability': 'transient_local'})
    assert bench.status(DiagnosticStatus.WARN, '(DURABILITY); see '
                        'qos_overrides./image.subscription.durability')


def test_the_remedy_for_a_best_effort_camera_works_with_every_image(bench: Bench) -> None:
    camera = bench.ros.node.create_publisher(Image, 'image', qos.newest_image())
    bench.ros.node.destroy_publisher(bench.images)
    bench.images = camera
    node = bench.start(processing='every')
    remedy = 'qos_overrides./image.subscription.reliability'
    assert bench.status(DiagnosticStatus.WARN, f'(RELIABILITY); see {remedy}')
    bench.ros.executor.remove_node(node)
    node.destroy_node()
    bench.start(processing='every', **{remedy: 'best_effort'})
    bench.answered()


def test_an_incompatible_reliability_is_reported_while_it_exists(bench: Bench) -> None:
    other = bench.ros.node.create_publisher(Image, 'image', qos.newest_image())
    bench.start(image_reliability='reliable')
    text = 'set image_reliability to best_effort'
    assert bench.status(DiagnosticStatus.WARN, text)
    bench.statuses.clear()
    assert bench.until(lambda: len(bench.statuses) > 3)
    assert all(text in status.message for status in bench.statuses)
    bench.ros.node.destroy_publisher(other)
    assert bench.until(lambda: text not in bench.statuses[-1].message)
    bench.ros.node.create_publisher(Image, 'image', qos.newest_image())
    bench.statuses.clear()
    assert bench.status(DiagnosticStatus.WARN, text)


def test_an_unknown_parameter_is_reported_with_the_most_similar_one(bench: Bench) -> None:
    bench.start(activate=False, detecter='yunet')
    assert bench.status(DiagnosticStatus.ERROR,
                        "unknown parameter 'detecter'; did you mean 'detector'?")


@pytest.mark.parametrize(('name', 'value', 'complaint'), [
    ('processing', 'evry', "did you mean 'every'"),
    ('track_id_prefix', '7', 'is not a letter followed by letters'),
    ('image_transport', 'theora', 'not one of raw, compressed'),
])
def test_an_invalid_initial_value_is_an_error(name: str, value: str, complaint: str,
                                              bench: Bench) -> None:
    with pytest.raises(AffectError, match=f"parameter '{name}'.*{complaint}"):
        bench.start(activate=False, **{name: value})


@pytest.mark.parametrize(('name', 'value', 'accepted'), [
    ('smoothing_time_constant', 2.0, True),
    ('smoothing_time_constant', -1.0, False),
    ('track_timeout', 3.0, True),
    ('start_score', 0.7, True),
    ('detector', 'blazeface_back', False),
    ('num_threads', 2, False),
])
def test_live_parameters_change_and_others_are_refused_with_a_reason(
        name: str, value: Any, accepted: bool, bench: Bench) -> None:
    node = bench.start()
    before = node.get_parameter(name).value
    result = node.set_parameters([Parameter(name, value=value)])[0]
    assert result.successful is accepted
    assert node.get_parameter(name).value == (value if accepted else before)
    if not accepted:
        assert name in result.reason or 'range' in result.reason
    elif name == 'smoothing_time_constant':
        assert node.pipeline.settings.smoothing_time_constant == value


def test_a_new_diagnostics_period_takes_effect_at_once(bench: Bench) -> None:
    node = bench.start(activate=False, diagnostics_period=60.0)
    [result] = node.set_parameters([Parameter('diagnostics_period', value=0.1)])
    assert result.successful
    assert bench.until(lambda: len(bench.statuses) > 3)


def test_parameters_change_atomically_and_tracks_continue(bench: Bench) -> None:
    node = bench.start()
    bench.answered()
    before = node.pipeline.settings.smoothing_time_constant
    for wrong in (Parameter('start_score', value=7.0), Parameter('start_score', value='high'),
                  Parameter('detector', value='blazeface_back'),
                  Parameter('saliency_mode', value='magic')):
        result = node.set_parameters_atomically(
            [Parameter('smoothing_time_constant', value=9.0), wrong])
        assert not result.successful and result.reason, wrong.name
        assert node.get_parameter('smoothing_time_constant').value == before
        assert node.pipeline.settings.smoothing_time_constant == before
    assert node.set_parameters_atomically(
        [Parameter('smoothing_time_constant', value=9.0),
         Parameter('track_timeout', value=5.0)]).successful
    bench.answered()
    assert len({message.faces[0].id for message in bench.faces}) == 1
    assert bench.faces[-1].faces[0].tracked_for.sec == 1


def test_every_parameter_has_a_description_and_every_number_a_range(bench: Bench) -> None:
    node = bench.start(activate=False)
    for name, spec in parameters.PARAMETERS.items():
        descriptor = node.describe_parameter(name)
        assert descriptor.description, name
        if type(spec.default) in (int, float):
            assert descriptor.floating_point_range or descriptor.integer_range, name


@pytest.mark.parametrize('executor', ['single_threaded', 'events'])
def test_two_processes_communicate(executor: str, ros: Any, portrait: np.ndarray) -> None:
    if executor == 'events':
        pytest.importorskip('rclpy.experimental', reason='this rclpy has no events executor')
    # All images: with best effort, one may be lost during discovery.
    bench = Bench(ros, portrait)
    with running_node('face_affect_ros.nodes.face_affect_node', processing='every',
                      executor=executor, autostart=True) as process:
        assert bench.until(bench.images.get_subscription_count), process.output()
        for sec in range(1, 6):
            header = bench.send(portrait, sec)
            assert bench.until(lambda: len(bench.faces) == sec), process.output()
            assert bench.faces[-1].header == header
        bench.statuses.clear()   # the timers run too
        assert bench.until(lambda: bench.statuses), process.output()
        assert process.stop() == 0
        assert 'Traceback' not in process.output()


@pytest.mark.parametrize(('arguments', 'complaint'), [
    ({'min_score': 7.0}, 'min_score'),
    ({'detector': 3}, 'detector'),
    ({'processing': 'some'}, "parameter 'processing': 'some' is not one of newest, every"),
])
def test_a_process_with_an_invalid_parameter_ends_with_one_line(
        arguments: dict[str, Any], complaint: str, ros_domain: int) -> None:
    with running_node('face_affect_ros.nodes.face_affect_node', **arguments) as process:
        assert process.wait() == 1
        errors = [line for line in process.output().splitlines() if 'error' in line.lower()]
        assert len(errors) == 1
        assert complaint in errors[0]
        assert 'Traceback' not in process.output()


@pytest.mark.parametrize(('ahead', 'complaint'), [
    (-60, ' s old according to their stamps'), (60, ' s in the future according to their stamps'),
    (None, 'no stamp'),
    (0, '')])
def test_implausible_stamps_are_diagnosed(bench: Bench, ahead: int | None,
                                          complaint: str) -> None:
    node = bench.start(stale_timeout=30.0)
    header = stamped(0)
    header.stamp = node.get_clock().now().to_msg()
    if ahead is None:
        header.stamp.sec = header.stamp.nanosec = 0
    else:
        header.stamp.sec += ahead
    bench.send(header=header)
    assert bench.until(lambda: node.health.counts['published'] == 1)
    status = bench.fresh_status()
    if complaint:
        assert status.level == DiagnosticStatus.WARN and '/image' in status.message
        assert complaint in status.message
    else:
        assert status.level == DiagnosticStatus.OK


@pytest.mark.parametrize(('age', 'complaint'), [
    (1.0, " s late: images on '/image' arrive faster than they are processed, and wait; see the "
          'parameter processing'),
    (29.0, "images on '/image' are 29.0 s old according to their stamps: the clocks differ")])
def test_the_larger_part_of_a_delay_is_diagnosed(bench: Bench, age: float, complaint: str) -> None:
    """That before an image arrives, or that before it is processed."""
    node = bench.start(stale_timeout=30.0)
    sent = int(time.time()) - 40
    node.process((to_message(bench.portrait, 'bgr8', stamped(sent)), sent + age))
    assert bench.status(DiagnosticStatus.WARN, complaint)
    assert any('clocks' in each.message for each in bench.statuses) is ('clocks' in complaint)


def test_blur_faces_hides_the_faces_in_images(bench: Bench, portrait: np.ndarray) -> None:
    """By the scores of the detector; heat on a hidden face may resemble a face."""
    from face_affect_ros.nodes.image_conversion import to_array
    node = bench.start()
    annotated = bench.watch('image_annotated', profile=qos.image_output())
    saliency = bench.watch('saliency', profile=qos.image_output())

    def faces_shown(sec: int) -> list[float]:
        annotated.clear(), saliency.clear()
        bench.answered(portrait, sec)
        assert bench.until(lambda: annotated and saliency)
        found = [node.pipeline.detector(to_array(each[0])) for each in (annotated, saliency)]
        return [float(each.scores.max(initial=0.0)) for each in found]

    assert min(faces_shown(1)) > 0.7
    for heat in (False, True):
        node.set_parameters([Parameter('blur_faces', value=True),
                             Parameter('annotate_saliency', value=heat)])
        assert max(faces_shown(2 + heat)) < 0.6
    assert len(bench.faces[-1].faces) == 1


def test_invalid_images_are_counted_by_few_kinds_and_logged_in_few_lines(bench: Bench,
                                                                         capfd: Any) -> None:
    node = bench.start(processing='every', queue_depth=1000)
    sent = 120
    for number in range(sent):
        changes = [{'encoding': f'{number}\n' * 100_000}, {'width': 60_000 + number},
                   {'height': 0}, {'step': number}][number % 4]
        node.take(Image(**{'encoding': 'bgr8', 'height': 4, 'width': 4, 'step': 12,
                            'data': bytes(48), **changes}))
    assert bench.until(lambda: node.health.counts['refused'] == sent)
    status = bench.fresh_status()
    said = {each.key: each.value for each in status.values}
    kinds = {key: int(value) for key, value in said.items() if key.startswith('refused: ')}
    assert kinds == {'refused: unknown encoding': sent // 4,
                     'refused: inconsistent sizes': sent - sent // 4}
    assert len(status.message) < 1000
    lines = capfd.readouterr().err.splitlines()
    assert 1 <= sum('image refused' in line for line in lines) <= 5
    assert max(map(len, lines)) < 1000
