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

"""Warnings on /diagnostics about camera, clock, lost images and parameters."""

from collections.abc import Iterator
from pathlib import Path
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from bench import Bench, stamped, SUCCESS  # noqa: E402, I100
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from face_affect_msgs.msg import FaceAffectArray  # noqa: E402
from face_affect_ros.nodes import qos  # noqa: E402
from face_affect_ros.nodes.camera_player import camera_info  # noqa: E402
from face_affect_ros.nodes.face_affect_node import FaceAffectNode  # noqa: E402
from face_affect_ros.nodes.health import Health, why_no_time  # noqa: E402
from face_affect_ros.nodes.image_conversion import to_compressed, to_message  # noqa: E402
from face_affect_ros.nodes.large_images import profile, variable, variables, why_lost  # noqa: E402
import rclpy  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import QoSReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from support import spin_until  # noqa: E402
from visualization_msgs.msg import MarkerArray  # noqa: E402

WARN = DiagnosticStatus.WARN
EMPTY = np.zeros((48, 64, 3), np.uint8)


def remapped(bench: Bench, *rules: str, **values: Any) -> FaceAffectNode:
    """Add an active node with these remappings and parameters."""
    words = [word for rule in rules for word in ('-r', rule)]
    node = FaceAffectNode(context=bench.ros.context, cli_args=['--ros-args', *words],
                          parameter_overrides=[Parameter(name, value=value) for name, value in {
                              'diagnostics_period': 0.1, 'stale_timeout': 0.2, **values}.items()])
    bench.nodes.append(node)
    bench.ros.add(node)
    assert node.trigger_configure() == SUCCESS
    assert node.trigger_activate() == SUCCESS
    return node


@pytest.mark.parametrize(('rules', 'topic'), [
    (['image:=/camera/image_raw'], '/camera/camera_info'),
    (['image:=/camera/color/image_raw/compressed'], '/camera/color/camera_info'),
    (['image:=image_raw'], '/camera_info'),
    (['image:=/camera/image_raw', 'camera_info:=/other/info'], '/other/info'),
    (['image:=/camera/image_raw', 'camera_info:=/camera_info',
      '/camera/camera_info:=/camera_info'], '/camera_info'),   # as perception.launch.py remaps it
    (['image/compressed:=/camera/image_raw/compressed'], '/camera/camera_info'),
])
def test_the_calibration_is_subscribed_beside_the_image(
        rules: list[str], topic: str, bench: Bench) -> None:
    transport = 'compressed' if rules[0].startswith('image/compressed') else 'raw'
    node = remapped(bench, *rules, image_transport=transport)
    assert [info.node_name for info in node.get_subscriptions_info_by_topic(topic)] == [
        'face_affect']


@pytest.fixture
def elsewhere(ros: Any) -> Iterator[Any]:
    """Return a node of another participant: one participant has one type per topic."""
    context = rclpy.Context()
    rclpy.init(context=context, args=[])
    node = rclpy.create_node('camera', context=context)
    yield node
    node.destroy_node()
    context.try_shutdown()


@pytest.mark.parametrize(('published', 'image', 'transport', 'advice'), [
    ('/c', '/c', 'compressed', "on '/c': set image_transport to raw"),
    ('/c/compressed', '/c', 'raw', "on '/c/compressed': set image_transport to compressed"),
    ('/c/compressed', '/c/compressed', 'compressed',
     "on '/c/compressed': remap image to '/c', without /compressed, which is appended"),
    ('/c/compressed', '/c/compressed', 'raw', 'its publishers send sensor_msgs/msg/CompressedImage'
     ", not sensor_msgs/msg/Image: set image_transport to compressed and remap image to '/c', "
     'without /compressed'),
])
def test_the_advice_about_a_silent_topic_leads_to_images(
        published: str, image: str, transport: str, advice: str, bench: Bench,
        elsewhere: Any) -> None:
    kind = CompressedImage if published.endswith('compressed') else Image
    publisher = elsewhere.create_publisher(kind, published, qos.results())
    remapped(bench, f'image:={image}', image_transport=transport)
    assert bench.status(WARN, advice), bench.statuses[-1].message
    bench.nodes[-1].trigger_deactivate()
    # with the suggested settings, an image arrives
    words = dict(part.split(' to ') for part in advice.replace("'", '').split(': ')[-1].split(
        ', ')[0].replace('set ', '').replace('remap ', '').split(' and '))
    node = remapped(bench, f"image:={words.get('image', image)}",
                    image_transport=words.get('image_transport', transport), stale_timeout=60.0)
    assert bench.until(publisher.get_subscription_count)
    message = (to_compressed(EMPTY, stamped(1)) if kind is CompressedImage
               else to_message(EMPTY, 'bgr8', stamped(1)))
    publisher.publish(message)
    assert bench.until(lambda: node.health.counts['published'] == 1)


@pytest.mark.parametrize(('image', 'published', 'text'), [
    ('/c', '/c/zstd', "images are on '/c/zstd': convert them to raw with ros2 run image_"),
    ('/c/zstd', '/c/zstd', 'its publishers send sensor_msgs/msg/CompressedImage, not '
     'sensor_msgs/msg/Image: convert them to raw with ros2 run image_transport republish'),
    ('/c', '/c/compressedDepth', ' s: 0 publishers'),
    ('/c', '/d/zstd', ' s: 0 publishers'),
])
def test_images_of_other_transports_are_named(image: str, published: str, text: str,
                                              bench: Bench, elsewhere: Any) -> None:
    elsewhere.create_publisher(CompressedImage, published, qos.results())
    assert bench.until(lambda: bench.ros.node.count_publishers(published))
    remapped(bench, f'image:={image}', emotion_model='', gender_model='')
    assert bench.status(WARN, text), bench.statuses[-1].message


@pytest.mark.parametrize(('image', 'values', 'warns'), [
    ('/c/image_rect', {}, True), ('/c/image_rect_color', {}, True), ('/rect/image', {}, True),
    ('/c/image_rect', {'image_rectified': True}, False), ('/c/image_raw', {}, False),
    ('/direct/image', {}, False)])
def test_distortion_is_not_expected_of_rectified_images(
        image: str, values: dict[str, Any], warns: bool, bench: Bench,
        capfd: pytest.CaptureFixture[str]) -> None:
    """As image_proc publishes them, whose camera_info is that of the camera."""
    node = remapped(bench, f'image:={image}', emotion_model='', gender_model='',
                    stale_timeout=3600.0, **values)
    images = bench.ros.node.create_publisher(Image, image, qos.results())
    beside = f"{image.rpartition('/')[0]}/camera_info"
    infos = bench.ros.node.create_publisher(CameraInfo, beside, qos.results())
    info = camera_info(64, 48, 60.0, stamped(1))
    text = (f"'{image}' is the name of rectified images, but the distortion in '{beside}' is "
            'applied to them: set image_rectified to true')
    for distortion, expected in (([0.0] * 5, False), ([-0.3, 0.1, 0.0, 0.0, 0.0], warns)):
        info.d = distortion
        node.image_input.camera = None
        assert bench.until(infos.get_subscription_count)
        infos.publish(info)
        assert bench.until(lambda: node.image_input.camera is not None)
        bench.faces.clear()
        assert bench.until(images.get_subscription_count)
        images.publish(to_message(EMPTY, 'bgr8', stamped(1)))
        assert bench.until(lambda: bench.faces)
        assert (text in bench.fresh_status().message) is expected
    assert capfd.readouterr().err.count(text) == int(warns)


def value_of(bench: Bench, key: str) -> str:
    """Return a value of the newest status."""
    return {each.key: each.value for each in bench.fresh_status().values}[key]


def test_a_missing_calibration_is_a_value_and_if_needed_a_warning(
        bench: Bench) -> None:
    node = bench.start(stale_timeout=0.2)
    assert value_of(bench, 'calibration') == "none received on '/camera_info'"
    time.sleep(0.3)
    assert 'position' not in bench.fresh_status().message
    bench.watch('markers', MarkerArray)
    assert bench.status(WARN, 'no calibration, so that faces have no position: none received on '
                        "'/camera_info'; positions are needed by ~/markers")
    bench.infos.publish(camera_info(640, 480, 0.0, stamped(1)))
    assert bench.until(lambda: node.image_input.camera is not None)
    assert value_of(bench, 'calibration') == "'/camera_info' is not calibrated, its K is zero"
    assert bench.status(WARN, "'/camera_info' is not calibrated, its K is zero; positions are")
    bench.infos.publish(camera_info(640, 480, 60.0, stamped(1)))
    assert bench.until(lambda: node.image_input.camera.calibrated)
    assert value_of(bench, 'calibration') == 'known'
    assert 'position' not in bench.statuses[-1].message


@pytest.mark.parametrize('needed', ['publish_tf', 'use_depth'])
def test_the_parameter_that_needs_positions_is_named(needed: str, bench: Bench) -> None:
    if needed == 'publish_tf':
        pytest.importorskip('tf2_msgs', reason='tf2_msgs is not installed')
    bench.start(stale_timeout=0.1, **{needed: True})
    assert bench.status(WARN, f'positions are needed by {needed}')


def test_a_subscriber_of_heads_needs_positions(bench: Bench) -> None:
    vision_msgs = pytest.importorskip('vision_msgs.msg', reason='vision_msgs is not installed')
    bench.start(stale_timeout=0.1)
    bench.watch('detections_3d', vision_msgs.Detection3DArray)
    assert bench.status(WARN, 'positions are needed by ~/detections_3d')


def test_an_empty_frame_is_named_and_no_transform_is_sent_below_it(bench: Bench) -> None:
    tf2_msgs = pytest.importorskip('tf2_msgs.msg', reason='tf2_msgs is not installed')
    node = bench.start(stale_timeout=0.1, publish_tf=True)
    transforms = bench.watch('/tf', tf2_msgs.TFMessage)
    bench.infos.publish(camera_info(640, 480, 60.0, stamped(1)))
    assert bench.until(lambda: node.image_input.camera is not None)
    header = stamped(1)
    header.frame_id = ''
    bench.answered(header=header)
    assert bench.faces[-1].faces[0].position_known
    assert bench.status(WARN, "images on '/image' have no frame_id; set that of the driver; "
                        'positions are needed by publish_tf')
    bench.answered(sec=2)
    assert bench.until(lambda: transforms)
    assert [each.header.frame_id for each in transforms[0].transforms][0] == 'camera_optical'
    assert 'frame_id' not in bench.fresh_status().message


def test_two_publishers_of_one_topic_are_named(bench: Bench, elsewhere: Any) -> None:
    bench.start(stale_timeout=3600.0)
    other = elsewhere.create_publisher(Image, 'image', qos.results())
    bench.answered(EMPTY)
    assert bench.status(WARN, "'/image' has 2 publishers (/camera, /tester; one that has crashed "
                        'is listed for up to 20 s): faces of two cameras are mixed up')
    elsewhere.destroy_publisher(other)
    assert bench.until(lambda: 'publishers' not in bench.statuses[-1].message)


@pytest.mark.parametrize(('frames', 'warns'), [
    (['left', 'right'] * 3, True), (['left'] * 4 + ['right'] * 4, False), (['left'] * 8, False)])
def test_alternating_frames_are_named(frames: list[str], warns: bool, bench: Bench) -> None:
    bench.start(stale_timeout=3600.0, processing='every')
    for sec, frame in enumerate(frames, start=1):
        header = stamped(sec)
        header.frame_id = frame
        bench.answered(EMPTY, sec, header=header)
    text = "'/image' has alternating frame_ids (left, right): faces of two cameras"
    assert (text in bench.fresh_status().message) is warns


def test_a_single_latched_image_is_processed_with_its_latched_calibration(
        bench: Bench, portrait: np.ndarray, elsewhere: Any) -> None:
    bench.ros.node.destroy_publisher(bench.images)
    bench.ros.node.destroy_publisher(bench.infos)
    infos = elsewhere.create_publisher(CameraInfo, 'camera_info', qos.latched())
    images = elsewhere.create_publisher(Image, 'image', qos.latched())
    infos.publish(camera_info(640, 480, 60.0, stamped(5)))
    bench.start(stale_timeout=3600.0)
    assert bench.until(lambda: bench.nodes[-1].image_input.camera is not None)
    images.publish(to_message(portrait, 'bgr8', stamped(5)))
    assert bench.until(lambda: bench.faces)
    assert bench.faces[0].header.stamp.sec == 5
    assert bench.faces[0].faces[0].position_known
    bench.faces.clear()
    bench.nodes[0].trigger_deactivate()
    assert bench.nodes[0].trigger_activate() == SUCCESS
    assert bench.until(lambda: bench.faces), 'what was published before is asked for'


@pytest.mark.parametrize('reliability', ['reliable', 'best_effort'])
def test_publishers_that_replace_latched_ones_are_received(reliability: str, bench: Bench,
                                                           elsewhere: Any) -> None:
    """As when a driver starts after a test image, or is started again with other settings."""
    bench.ros.node.destroy_publisher(bench.images)
    bench.ros.node.destroy_publisher(bench.infos)
    topics = {Image: 'image', CameraInfo: 'camera_info'}
    latched = [elsewhere.create_publisher(kind, topic, qos.latched())
               for kind, topic in topics.items()]
    node = bench.start(stale_timeout=3600.0)

    def durabilities() -> set[str]:
        return {info.qos_profile.durability.name for topic in topics.values()
                for info in node.get_subscriptions_info_by_topic(f'/{topic}')
                if info.node_name == 'face_affect'}

    assert bench.until(lambda: durabilities() == {'TRANSIENT_LOCAL'})
    for publisher in latched:
        elsewhere.destroy_publisher(publisher)
    images, infos = (elsewhere.create_publisher(kind, topic, qos.image_input(reliability, 5))
                     for kind, topic in topics.items())
    assert bench.until(lambda: images.get_subscription_count() and infos.get_subscription_count())
    infos.publish(camera_info(64, 48, 60.0, stamped(5)))
    assert bench.until(lambda: node.image_input.camera is not None)
    images.publish(to_message(EMPTY, 'bgr8', stamped(5)))
    assert bench.until(lambda: bench.faces)
    assert durabilities() == {'VOLATILE'}


def test_a_best_effort_publisher_that_is_latched_is_received(bench: Bench,
                                                             elsewhere: Any) -> None:
    bench.ros.node.destroy_publisher(bench.images)
    profile = qos.latched()
    profile.reliability = QoSReliabilityPolicy.BEST_EFFORT
    images = elsewhere.create_publisher(Image, 'image', profile)
    node = bench.start(stale_timeout=3600.0)
    bench.statuses.clear()
    assert bench.until(lambda: len(bench.statuses) > 3)   # it has looked at the publishers
    assert bench.until(images.get_subscription_count)
    images.publish(to_message(EMPTY, 'bgr8', stamped(5)))
    assert bench.until(lambda: node.health.counts['published'] == 1)


def test_with_every_image_all_latched_ones_are_processed(bench: Bench, elsewhere: Any) -> None:
    bench.ros.node.destroy_publisher(bench.images)
    images = elsewhere.create_publisher(Image, 'image', qos.latched(5))
    for sec in range(1, 6):
        images.publish(to_message(EMPTY, 'bgr8', stamped(sec)))
    bench.start(stale_timeout=3600.0, processing='every', emotion_model='', gender_model='')
    assert bench.until(lambda: len(bench.faces) == 5)
    assert [each.header.stamp.sec for each in bench.faces] == [1, 2, 3, 4, 5]


def test_a_clock_with_another_name_is_found(ros: Any) -> None:
    from rosgraph_msgs.msg import Clock
    node = ros.add(rclpy.create_node('simulated', context=ros.context, cli_args=[
        '--ros-args', '-r', '/clock:=/sim/clock', '-p', 'use_sim_time:=true']))
    assert why_no_time(node).startswith('use_sim_time is set, and /sim/clock has no publisher')
    clock = ros.node.create_publisher(Clock, '/sim/clock', 1)
    assert spin_until(ros.executor, lambda: why_no_time(node) == (
        'use_sim_time is set, and no message has been received on /sim/clock yet'))
    assert spin_until(ros.executor, clock.get_subscription_count)
    message = Clock()
    message.clock.sec = 5
    clock.publish(message)
    assert spin_until(ros.executor, lambda: not why_no_time(node))


def test_simulated_time_without_a_clock_is_named(bench: Bench) -> None:
    from rosgraph_msgs.msg import Clock
    bench.start(stale_timeout=3600.0, use_sim_time=True)
    assert bench.status(WARN, 'use_sim_time is set, and /clock has no publisher')
    clock = bench.ros.node.create_publisher(Clock, '/clock', 1)
    assert bench.status(WARN, 'use_sim_time is set, and no message has been received on '
                        '/clock yet')
    assert bench.until(clock.get_subscription_count)
    now = Clock()
    now.clock.sec = 7
    clock.publish(now)
    assert bench.until(lambda: not why_no_time(bench.nodes[0]))
    assert 'clock' not in bench.fresh_status().message


@pytest.mark.parametrize(('namespace', 'warns'), [('/', True), ('/robot', False)])
def test_a_second_node_of_the_same_name_is_named(namespace: str, warns: bool,
                                                 bench: Bench) -> None:
    """As one of an earlier launch whose process was not ended."""
    node = bench.start(emotion_model='', gender_model='')
    other = rclpy.create_node('face_affect', namespace=namespace, context=bench.ros.context)
    other.create_publisher(FaceAffectArray, '/face_affect/faces', 1)
    assert bench.until(lambda: node.count_publishers('/face_affect/faces') == 2)
    text = "another node /face_affect also publishes '/face_affect/faces', so that subscribers"
    assert (text in bench.fresh_status().message) is warns
    other.destroy_node()
    assert bench.until(lambda: text not in bench.statuses[-1].message)


@pytest.mark.parametrize(('received', 'lost', 'expected'), [
    (207, 453, (453, 660)), (97, 3, (0, 0)), (95, 5, (5, 100)), (9, 3, (0, 0)), (500, 0, (0, 0))])
def test_losses_are_reported_above_a_share(received: int, lost: int,
                                           expected: tuple[int, int]) -> None:
    health = Health()
    for _ in range(received):
        health.received(1.0)
    health.count('lost', lost)
    assert health.lost_lately(100.0) == expected


def test_losses_end_after_images_without_losses() -> None:
    health = Health()
    assert health.lost_lately(0.0) == (0, 0)
    health.count('lost', 50)
    assert health.lost_lately(1.0) == (50, 50)
    for second in range(2, 15):
        for _ in range(30):
            health.received(float(second))
        lost = health.lost_lately(float(second))
    assert lost == (0, 0)


def values_at(health: Health, now: float) -> dict[str, str]:
    """Return the values of the status at a time in seconds."""
    status = health.status({}, now=now, name='', state='active')
    return {each.key: each.value for each in status.values}


def test_the_rate_falls_while_no_image_arrives() -> None:
    health = Health()
    for number in range(101):
        health.published(10.0 + number / 25.0, latency=0.02, working=0.01)
    rates = [values_at(health, now)['rate [Hz]'] for now in (14.0, 14.04, 18.0, 110.0)]
    assert rates == ['25.0', '25.0', '12.6', '1.0']
    health.stopped()
    assert not any('[' in name for name in values_at(health, 110.0))


@pytest.mark.parametrize(('latencies', 'median'), [
    ([np.nan, np.nan], None), ([np.nan, 0.25, 0.25], '250.0'), ([0.125, 0.25, 0.5], '250.0')])
def test_images_without_a_stamp_have_no_latency(latencies: list[float],
                                                median: str | None) -> None:
    health = Health()
    for number, latency in enumerate(latencies):
        health.published(float(number), latency=latency, working=0.01)
    values = values_at(health, 1.0)
    assert values.get('latency median [ms]') == median
    assert ('latency p99 [ms]' in values) is (median is not None)
    assert values['work median [ms]'] == '10.0'


def test_a_stream_without_stamps_has_a_rate_and_no_latency(bench: Bench) -> None:
    node = bench.start()
    header = stamped(0)
    header.stamp.nanosec = 0
    for count in range(1, 4):
        bench.send(EMPTY, header=header)
        assert bench.until(lambda: node.health.counts['published'] == count)   # noqa: B023
    assert value_of(bench, 'rate [Hz]') != '0.0'
    assert 'latency median [ms]' not in {each.key for each in bench.statuses[-1].values}


@pytest.mark.parametrize('ending', ['pause', 'deactivate', 'cleanup'])
def test_a_refused_image_is_no_error_of_a_node_that_has_stopped(ending: str,
                                                                bench: Bench) -> None:
    node = bench.start()
    bench.send(EMPTY, encoding='strange')
    assert bench.status(DiagnosticStatus.ERROR, "image encoding 'strange' cannot be read")
    if ending == 'pause':
        node.set_parameters([Parameter('paused', value=True)])
    else:
        node.trigger_deactivate()
    if ending == 'cleanup':
        node.trigger_cleanup()
    status = bench.fresh_status()
    assert status.level == DiagnosticStatus.OK
    assert {each.key: each.value for each in status.values}['refused'] == '1'


def test_losses_are_a_warning_with_the_command_against_them(bench: Bench) -> None:
    node = bench.start(stale_timeout=3600.0)
    node.health.count('lost', 100)
    for sec in range(1, 4):
        bench.answered(EMPTY, sec)
    assert bench.status(WARN, "100 of the last 103 images on '/image' were lost between the")
    file = profile()
    assert file is not None and file.is_file()
    assert bench.status(WARN, f'export {variable()}={file}')


def test_the_executor_gets_no_event_of_endpoints_that_end_before_the_node(bench: Bench) -> None:
    """The events executor ends the process if one comes while its endpoint is destroyed."""
    node = bench.start(activate=False, use_depth=True, publish_tf=True, ros4hri=True)
    before = set(node.waitables)
    node.trigger_configure()
    node.trigger_activate()
    bench.answered()
    assert set(node.waitables) == before


def test_lost_images_are_counted(bench: Bench) -> None:
    node = bench.start()
    node.image_input.losses.take_data = lambda: SimpleNamespace(total_count_change=7)
    assert bench.until(lambda: node.health.counts['lost'] == 14)   # once in each period


def test_the_command_is_not_given_for_another_middleware(monkeypatch: pytest.MonkeyPatch) -> None:
    from face_affect_ros.nodes import large_images
    monkeypatch.setattr(large_images, 'get_rmw_implementation_identifier',
                        lambda: 'rmw_cyclonedds_cpp')
    assert 'export' not in why_lost('/image', 5, 50)


@pytest.mark.parametrize('environment', [
    {'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'},
    {'ROS_DISTRO': 'humble', 'ROS_LOCALHOST_ONLY': '1'}])
def test_the_command_is_not_given_with_transports_of_the_user(
        monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    """It would replace them."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert 'export' not in why_lost('/image', 5, 50)


def test_a_profile_of_the_user_is_kept() -> None:
    assert variables({}, '/a.xml') == {variable(): '/a.xml'}
    assert variables({'FASTDDS_DEFAULT_PROFILES_FILE': '/mine.xml'}, '/a.xml') == {}


def test_the_transports_of_the_user_are_kept() -> None:
    """Fast DDS ignores this variable if a profile has transports."""
    assert variables({'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'}, '/a.xml') == {}


def test_the_variable_is_the_one_of_the_sourced_fast_dds(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('AMENT_PREFIX_PATH', str(tmp_path))
    assert variable() == 'FASTDDS_DEFAULT_PROFILES_FILE'
    (tmp_path / 'share' / 'fastrtps').mkdir(parents=True)
    assert variable() == 'FASTRTPS_DEFAULT_PROFILES_FILE'


def test_without_a_sourced_workspace_there_is_no_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('AMENT_PREFIX_PATH')
    assert profile() is None
