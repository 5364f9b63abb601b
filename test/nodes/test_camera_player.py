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

"""camera_player, in this process and in its own."""

import math
import re
import signal
import time

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from face_affect_ros.affect.types import AffectError  # noqa: E402, I100
from face_affect_ros.media import Frame, Media, portrait  # noqa: E402
from face_affect_ros.nodes import calibration_file, camera_player  # noqa: E402
from face_affect_ros.nodes.camera_player import PARAMETERS  # noqa: E402
from face_affect_ros.nodes.image_conversion import decode_compressed, to_array  # noqa: E402
from PIL import Image as Picture  # noqa: E402
from rclpy.exceptions import InvalidParameterValueException  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from rclpy.qos import QoSProfile, QoSReliabilityPolicy  # noqa: E402
from sensor_msgs.msg import CameraInfo, CompressedImage, Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from support import running_node, spin_until  # noqa: E402

MODULE = 'face_affect_ros.nodes.camera_player'
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture
def clip(tmp_path):
    """Return the path of a GIF of three plain frames at 25 Hz, 64x48."""
    first, *others = [Picture.new('RGB', (64, 48), colour) for colour in (RED, GREEN, BLUE)]
    first.save(tmp_path / 'clip.gif', save_all=True, append_images=others, duration=40)
    return tmp_path / 'clip.gif'


@pytest.fixture
def player(ros):
    """Return a function that creates a player in this process; all are closed at the end."""
    made = []

    def make(**values):
        made.append(camera_player.CameraPlayer(
            context=ros.context,
            parameter_overrides=[Parameter(name, value=value) for name, value in values.items()]))
        return ros.add(made[-1])

    yield make
    for node in made:
        node.close()


def listen(node, kind, topic, *, reliable=True):
    """Return a list to which the messages of a topic are added."""
    messages = []
    policy = QoSReliabilityPolicy.RELIABLE if reliable else QoSReliabilityPolicy.BEST_EFFORT
    node.create_subscription(kind, topic, messages.append,
                             QoSProfile(depth=10, reliability=policy))
    return messages


def nanoseconds(header):
    return header.stamp.sec * 10**9 + header.stamp.nanosec


def colour_of(image):
    """Return the plain colour of an image as R, G, B."""
    return tuple(int(value) for value in image[0, 0, ::-1])


def test_the_portrait_as_a_process(ros):
    try:
        portrait.portrait_path()
    except AffectError as error:
        pytest.skip(str(error))
    images = listen(ros.node, Image, 'image_raw')
    infos = listen(ros.node, CameraInfo, 'camera_info')
    with running_node(MODULE, '--log-level', 'warn') as process:
        # the first messages of either may be lost before both are connected
        assert spin_until(ros.executor, lambda: len(images) >= 20 and len(infos) >= 20), \
            process.output()
        assert process.stop(signal.SIGINT) == 0
        assert process.output() == ''
    stamps = [nanoseconds(image.header) for image in images]
    assert all(a < b for a, b in zip(stamps, stamps[1:]))
    assert {(image.width, image.height, image.encoding, image.step) for image in images} == {
        (640, 480, 'bgr8', 1920)}
    assert {image.header.frame_id for image in images} == {'camera_optical_frame'}
    assert len({bytes(image.data) for image in images}) == len(images)
    common = set(stamps) & {nanoseconds(info.header) for info in infos}
    assert len(common) >= 15
    assert {(info.width, info.height, info.header.frame_id) for info in infos} == {
        (640, 480, 'camera_optical_frame')}


CALIBRATION = """\
image_width: 128
image_height: 96
camera_name: narrow
camera_matrix: {rows: 3, cols: 3, data: [100.0, 0.0, 63.5, 0.0, 110.0, 47.5, 0.0, 0.0, 1.0]}
distortion_model: plumb_bob
distortion_coefficients: {rows: 1, cols: 5, data: [-0.2, 0.05, 0.001, 0.002, 0.0]}
rectification_matrix: {rows: 3, cols: 3, data: [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]}
projection_matrix: {rows: 3, cols: 4,
  data: [90.0, 0.0, 60.0, 2.0, 0.0, 95.0, 40.0, 0.0, 0.0, 0.0, 1.0, 0.0]}
"""


@pytest.mark.parametrize('form', ['{}', 'file://{}', 'file://${{CALIBRATIONS}}/narrow.yaml'])
def test_the_calibration_is_that_of_the_file_scaled_to_the_images(
        ros, player, clip, tmp_path, monkeypatch, form):
    path = tmp_path / 'narrow.yaml'
    path.write_text(CALIBRATION)
    monkeypatch.setenv('CALIBRATIONS', str(tmp_path))
    player(source=str(clip), camera_info_url=form.format(path), horizontal_fov=20.0,
           frame_id='narrow')
    infos = listen(ros.node, CameraInfo, 'camera_info')
    assert spin_until(ros.executor, lambda: infos)
    info = infos[0]
    assert (info.width, info.height, info.header.frame_id) == (64, 48, 'narrow')
    assert info.distortion_model == 'plumb_bob'
    assert list(info.d) == [-0.2, 0.05, 0.001, 0.002, 0.0]
    # The middle of 128 pixels is at 63.5, that of 64 at 31.5.
    np.testing.assert_allclose(info.k, [50, 0, 31.5, 0, 55, 23.5, 0, 0, 1])
    np.testing.assert_allclose(info.p, [45, 0, 29.75, 1, 0, 47.5, 19.75, 0, 0, 0, 1, 0])
    np.testing.assert_allclose(info.r, np.eye(3).ravel())


@pytest.mark.parametrize(('change', 'complaint'), [
    (('image_height: 96', 'image_height: 128'), 'for images of 128x128; images of 64x48'),
    (('image_width: 128\n', ''), "no 'image_width'"),
    (('image_width: 128', 'image_width: wide'), "image_width is 'wide'"),
    (('image_width: 128', 'image_width: 0'), 'image_width is 0'),
    (('data: [100.0, ', 'data: ['), 'the data of camera_matrix are not 9 finite numbers'),
    (('[100.0, ', '[.nan, '), 'the data of camera_matrix are not 9 finite numbers'),
    (('[100.0, ', '[0.0, '), 'focal lengths'),
    (('data: [-0.2', 'numbers: [-0.2'), 'the data of distortion_coefficients are not a list'),
    (('data: [100.0, ', 'data: [[100.0], '), 'the data of camera_matrix are not 9 finite numb'),
    (('data: [-0.2', 'data: [null'), 'the data of distortion_coefficients are not only finite'),
    (('image_width: 128', 'image_width: [128'), 'cannot be read as YAML'),
    (('image_width: 128', '%YAML:1.0\nimage_width: 128'), 'in the format of camera_calibration'),
    (('image_width: 128', '[narrow_stereo]\nwidth'), "camera_info_url '"),
    ((CALIBRATION, '- 1'), 'not a mapping')])
def test_an_invalid_calibration_file_is_an_error(player, clip, tmp_path, change, complaint):
    path = tmp_path / 'broken.yaml'
    assert change[0] in CALIBRATION
    path.write_text(CALIBRATION.replace(*change))
    with pytest.raises(AffectError, match=re.escape(complaint)) as error:
        player(source=str(clip), camera_info_url=str(path))
    assert 'broken.yaml' in str(error.value)


@pytest.mark.parametrize('entry', ['', 'distortion_model:\n'])
def test_a_calibration_without_distortion_model_is_plumb_bob(tmp_path, entry):
    path = tmp_path / 'narrow.yaml'
    path.write_text(CALIBRATION.replace('distortion_model: plumb_bob\n', entry))
    assert calibration_file.read_calibration(str(path)).distortion_model == 'plumb_bob'


@pytest.mark.parametrize(('url', 'complaint'), [
    ('/nowhere/at/all.yaml', '/nowhere/at/all.yaml: cannot be read'),
    ('~no_such_user/a.yaml', '~no_such_user/a.yaml: cannot be read'),
    ('https://example.com/a.yaml', 'use file:///PATH'),
    ('file://relative.yaml', 'use file:///PATH'),
    ('package://no_such_package/a.yaml', "the package 'no_such_package' is not installed"),
    ('${NO_SUCH_VARIABLE}/a.yaml', '${NO_SUCH_VARIABLE} is not set')])
def test_an_invalid_url_is_an_error(player, clip, url, complaint):
    with pytest.raises(AffectError, match=re.escape(complaint)):
        player(source=str(clip), camera_info_url=url)


def test_the_calibration_of_a_package_is_found(player, clip):
    path = calibration_file.path_of('package://face_affect_ros/config/camera.yaml')
    assert path.parts[-4:] == ('share', 'face_affect_ros', 'config', 'camera.yaml')


def test_images_of_another_aspect_ratio_are_not_calibrated(ros, player, tmp_path):
    folder = tmp_path / 'pictures'
    folder.mkdir()
    Picture.new('RGB', (64, 48), RED).save(folder / '1.png')
    Picture.new('RGB', (48, 64), BLUE).save(folder / '2.png')
    (tmp_path / 'narrow.yaml').write_text(CALIBRATION)
    player(source=str(folder), camera_info_url=str(tmp_path / 'narrow.yaml'), rate=20.0)
    infos = listen(ros.node, CameraInfo, 'camera_info')
    assert spin_until(ros.executor, lambda: {info.width for info in infos} == {48, 64})
    assert {(info.width, bool(np.any(info.k))) for info in infos} == {(64, True), (48, False)}


def test_images_are_published_at_the_rate(ros, player, clip):
    player(source=str(clip), rate=20.0)
    images = listen(ros.node, Image, 'image_raw')
    assert spin_until(ros.executor, lambda: len(images) >= 20)
    # a late image may be followed by a punctual one, so that one period can be missing
    span = nanoseconds(images[-1].header) - nanoseconds(images[0].header)
    assert span * 1e-9 >= (len(images) - 2) * 0.05


def test_a_clip_is_played_at_its_own_speed(ros, player, tmp_path):
    """Also in a loop, where the last frame has its own duration."""
    first, *others = [Picture.new('RGB', (64, 48), colour) for colour in (RED, GREEN, BLUE)]
    first.save(tmp_path / 'a.gif', save_all=True, append_images=others, duration=[900, 50, 900])
    player(source=str(tmp_path / 'a.gif'), min_subscribers=1)
    images = listen(ros.node, Image, 'image_raw')
    assert spin_until(ros.executor, lambda: len(images) >= 5)
    assert [colour_of(to_array(image)) for image in images[:4]] == [RED, GREEN, BLUE, RED]
    steps = np.diff([nanoseconds(image.header) * 1e-9 for image in images[:5]])
    # what is up to a tenth of a second late is caught up
    assert steps[[0, 2, 3]].min() >= 0.8 - 0.001 and steps[1] < 0.5


def test_the_clips_of_a_folder_are_played_at_their_own_speed(ros, player, tmp_path):
    first, *others = [Picture.new('RGB', (64, 48), colour) for colour in (RED, GREEN)]
    first.save(tmp_path / '1.gif', save_all=True, append_images=others, duration=900)
    for name in ('2.png', '3.png'):
        Picture.new('RGB', (64, 48), BLUE).save(tmp_path / name)
    player(source=str(tmp_path), min_subscribers=1)
    images = listen(ros.node, Image, 'image_raw')
    assert spin_until(ros.executor, lambda: len(images) >= 6)
    assert [colour_of(to_array(image)) for image in images[:6]] == [RED, GREEN, BLUE, BLUE, RED,
                                                                    GREEN]
    steps = np.diff([nanoseconds(image.header) * 1e-9 for image in images[:6]])
    assert steps[[0, 4]].min() >= 0.8 - 0.001 and steps[1:4].max() < 0.5


def test_a_clip_loops_in_order(ros, player, clip):
    player(source=str(clip))
    images = listen(ros.node, Image, 'image_raw', reliable=False)
    assert spin_until(ros.executor, lambda: len(images) >= 10)
    colours = [colour_of(to_array(image)) for image in images]
    order = [RED, GREEN, BLUE]
    start = order.index(colours[0])
    assert colours == [order[(start + i) % 3] for i in range(len(colours))]


@pytest.mark.parametrize('kind, topic', [
    (Image, 'image_raw'), (CompressedImage, 'image_raw/compressed')])
def test_it_waits_for_min_subscribers(ros, player, clip, kind, topic):
    """So that no image is lost: the clip is played once from its first image."""
    node = player(source=str(clip), rate=100.0, loop=False, compressed=True, min_subscribers=1)
    ticks = []
    ros.node.create_timer(0.01, lambda: ticks.append(1))
    assert spin_until(ros.executor, lambda: len(ticks) > 30)
    assert node.published == 0 and not node.playback.ended
    images = listen(ros.node, kind, topic)
    assert spin_until(ros.executor, lambda: len(images) == 3)
    first = images[0]
    pixels = to_array(first) if kind is Image else decode_compressed(first)
    assert np.abs(np.subtract(colour_of(pixels), RED)).max() <= 4


@pytest.mark.parametrize('encoding, pixel', [
    ('bgr8', [0, 0, 255]), ('rgb8', [255, 0, 0]), ('mono8', 76)])
@pytest.mark.parametrize('size, expected', [
    ({}, (64, 48)), ({'width': 32}, (32, 24)), ({'height': 96}, (128, 96)),
    ({'width': 30, 'height': 50}, (30, 50))])
def test_encodings_and_sizes(ros, player, tmp_path, encoding, pixel, size, expected):
    Picture.new('RGB', (64, 48), RED).save(tmp_path / 'red.png')
    player(source=str(tmp_path / 'red.png'), encoding=encoding, frame_id='head', **size)
    images = listen(ros.node, Image, 'image_raw')
    assert spin_until(ros.executor, lambda: images)
    image = images[0]
    assert (image.width, image.height, image.encoding) == (*expected, encoding)
    assert image.header.frame_id == 'head'
    channels = 1 if encoding == 'mono8' else 3
    assert image.step == expected[0] * channels
    pixels = np.frombuffer(image.data, np.uint8).reshape(-1, channels)
    assert np.array_equal(np.unique(pixels, axis=0), np.atleast_2d(pixel))


def test_compressed_images(ros, player, clip):
    player(source=str(clip), compressed=True, encoding='rgb8')
    images = listen(ros.node, CompressedImage, 'image_raw/compressed')
    assert spin_until(ros.executor, lambda: len(images) >= 3)
    colours = [decode_compressed(image)[0, 0, ::-1].astype(int) for image in images[:3]]
    for expected in (RED, GREEN, BLUE):
        assert min(np.abs(colour - expected).max() for colour in colours) <= 4


def test_the_compressed_topic_follows_a_remapped_image_topic(ros, clip):
    node = camera_player.CameraPlayer(
        context=ros.context, cli_args=['--ros-args', '-r', 'image_raw:=/head/rgb'],
        parameter_overrides=[Parameter('source', value=str(clip)),
                             Parameter('compressed', value=True)])
    node.close()
    topics = {name for name, _ in ros.add(node).get_publisher_names_and_types_by_node(
        node.get_name(), node.get_namespace())}
    assert {'/head/rgb', '/head/rgb/compressed', '/camera_info'} <= topics
    assert '/image_raw/compressed' not in topics


@pytest.mark.parametrize('fov, focal', [(90.0, 320.0), (60.0, 320.0 / math.tan(math.pi / 6))])
def test_camera_info(fov, focal):
    info = camera_player.camera_info(640, 480, fov, Header(frame_id='a'))
    assert (info.width, info.height, info.distortion_model) == (640, 480, 'plumb_bob')
    assert list(info.k) == pytest.approx([focal, 0, 319.5, 0, focal, 239.5, 0, 0, 1])
    assert list(info.p) == pytest.approx([focal, 0, 319.5, 0, 0, focal, 239.5, 0, 0, 0, 1, 0])
    assert list(info.r) == [1, 0, 0, 0, 1, 0, 0, 0, 1] and list(info.d) == [0.0] * 5


def test_camera_info_of_an_uncalibrated_camera_is_zero():
    info = camera_player.camera_info(640, 480, 0.0, Header())
    assert not any(info.k) and not any(info.p) and not any(info.r) and not len(info.d)


def test_live_parameters_change_while_it_plays(ros, player, clip):
    node = player(source=str(clip), rate=1.0)
    infos = listen(ros.node, CameraInfo, 'camera_info')
    assert spin_until(ros.executor, lambda: infos)
    result, = node.set_parameters([Parameter('horizontal_fov', value=90.0)])
    assert result.successful
    assert node.set_parameters([Parameter('frame_id', value='other')])[0].successful
    assert node.set_parameters([Parameter('rate', value=100.0)])[0].successful
    assert node.timer.timer_period_ns == pytest.approx(10e6)
    # at the old rate, these would take longer than the timeout
    assert spin_until(ros.executor, lambda: len(infos) >= 50)
    assert infos[-1].k[0] == pytest.approx(32.0) and infos[-1].header.frame_id == 'other'
    assert node.set_parameters([Parameter('rate', value=0.0)])[0].successful
    assert node.timer.timer_period_ns == pytest.approx(40e6)


def test_still_images_are_played_at_30_hz_after_a_change_of_the_rate_to_0(ros, player, tmp_path):
    for number in range(2):
        Picture.new('RGB', (64, 48), RED).save(tmp_path / f'{number}.png')
    node = player(source=str(tmp_path), rate=0.1)
    images = listen(ros.node, Image, 'image_raw')
    assert node.set_parameters([Parameter('rate', value=0.0)])[0].successful
    # at the old rate, these would take longer than the timeout
    assert spin_until(ros.executor, lambda: len(images) >= 15)


@pytest.mark.parametrize('name, value', [
    ('source', 'other.png'), ('encoding', 'mono8'), ('width', 5), ('compressed', True),
    ('reliability', 'best_effort'), ('rate', -1.0), ('rate', float('nan')),
    ('horizontal_fov', 180.0), ('jpeg_quality', 0)])
def test_other_parameters_are_read_only(player, clip, name, value):
    node = player(source=str(clip))
    before = node.get_parameter(name).value
    result, = node.set_parameters([Parameter(name, value=value)])
    assert not result.successful and name in result.reason
    assert node.get_parameter(name).value == before


def test_all_parameters_are_described(player, clip):
    node = player(source=str(clip))
    for name, spec in PARAMETERS.items():
        descriptor = node.describe_parameter(name)
        assert descriptor.description == spec.description and len(descriptor.description) > 10
        assert descriptor.read_only is not spec.live
        ranged = len(descriptor.floating_point_range) + len(descriptor.integer_range)
        assert ranged == (spec.bounds is not None)


class Camera(Media):
    """A live source: two images, then it is lost."""

    live = True

    def __init__(self):
        super().__init__('camera 0', width=4, height=4, rate=None, frame_count=None)
        self.pull, self.closed = False, False

    def _frames(self):
        index = 0
        while not self.pull:
            yield Frame(index, 0.0, np.full((4, 4, 3), 7, np.uint8))
            index += 1
            time.sleep(0.005)
        raise AffectError('camera 0: returns no more images; check its cable')

    def close(self):
        self.closed = True


def test_images_of_a_camera_are_published_as_they_arrive_and_its_loss_ends_the_node(ros, player,
                                                                                    monkeypatch):
    camera, asked = Camera(), {}

    def fake(source, *, rate, size):
        asked.update(source=source, rate=rate, size=size)
        return camera

    monkeypatch.setattr(camera_player, 'open_media', fake)
    node = player(source=0, rate=15.0, width=4, height=4)
    assert asked == {'source': '0', 'rate': 15.0, 'size': (4, 4)}
    images = listen(ros.node, Image, 'image_raw')
    assert spin_until(ros.executor, lambda: len(images) >= 3)
    camera.pull = True
    with pytest.raises(AffectError, match='returns no more images'):
        spin_until(ros.executor, lambda: False)
    node.close()
    assert camera.closed


def test_the_end_of_a_clip_ends_the_process_with_exit_at_end(ros, clip):
    images = listen(ros.node, Image, 'image_raw')
    with running_node(MODULE, source=str(clip), loop=False, exit_at_end=True) as process:
        assert spin_until(ros.executor, lambda: not process.running()), process.output()
        assert process.wait() == 0
        output = process.output()
    assert 'has ended after 3 images' in output and 'Traceback' not in output
    # the last messages have arrived, except during discovery
    assert not images or colour_of(to_array(images[-1])) == BLUE


def test_the_node_stays_alive_without_exit_at_end(ros, player, clip):
    node = player(source=str(clip), loop=False, rate=100.0)
    assert spin_until(ros.executor, lambda: node.playback.ended)
    assert spin_until(ros.executor, node.timer.is_canceled)
    assert ros.context.ok() and node.published == 3


@pytest.mark.parametrize('name', ['loop', 'exit_at_end'])
def test_what_happens_at_the_end_can_be_set_after_it(ros, player, clip, name):
    node = player(source=str(clip), loop=False, rate=100.0)
    assert spin_until(ros.executor, node.timer.is_canceled)
    assert node.set_parameters([Parameter(name, value=True)])[0].successful
    if name == 'loop':
        assert spin_until(ros.executor, lambda: node.published >= 7)
    else:
        with pytest.raises(SystemExit):
            spin_until(ros.executor, lambda: False, timeout=10.0)


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signals_end_the_process_cleanly(ros, clip, number):
    images = listen(ros.node, Image, 'image_raw')
    with running_node(MODULE, source=str(clip), rate=200.0) as process:
        assert spin_until(ros.executor, lambda: len(images) > 20), process.output()
        assert process.stop(number) == 0
        assert 'Traceback' not in process.output() and 'rror' not in process.output()


def test_errors_of_publishing_are_ignored_only_after_the_shutdown_of_the_context(ros, player, clip,
                                                                                 monkeypatch):
    """A signal may arrive between the check of the context and the publishing."""
    node = player(source=str(clip))
    calls = []

    def fail(image):
        calls.append(image)
        raise RuntimeError('the context of the publisher is invalid')

    monkeypatch.setattr(node, '_publish', fail)
    with pytest.raises(RuntimeError, match='context'):
        spin_until(ros.executor, lambda: False)
    ros.context.try_shutdown()
    node.tick()
    assert len(calls) <= 2


@pytest.mark.parametrize('values, message', [
    ({'source': 'none.mp4'}, 'none.mp4: no such file or folder'),
    ({'source': '/dev/video97'}, 'camera /dev/video97: cannot be opened'),
    ({'source': True}, "parameter 'source': True is a bool, because ROS reads parameters as YAML; "
                       "begin the name of a file with './'"),
    ({'source': 8.0}, "parameter 'source': 8.0 is a float, because"),
    ({'sorce': 'a.png'}, "unknown parameter 'sorce'; did you mean 'source'?"),
    ({'encoding': 'bgr9'}, "parameter 'encoding': 'bgr9' is not one of"),
    ({'rate': 'fast'}, "parameter 'rate' has a value of the wrong type; it must be a "
                         'float such as 0.0'),
    ({'horizontal_fov': 200.0}, 'horizontal_fov out of range'),
])
def test_wrong_parameters_give_an_error_of_one_line(ros_domain, values, message):
    with running_node(MODULE, **values) as process:
        assert process.wait() == 1
        assert message in process.output()
        assert process.output().count('\n') == 1


def test_wrong_parameters_of_a_component_raise(ros):
    for values, error in (({'source': 'none'}, AffectError), ({'width': -1},
                                                              InvalidParameterValueException)):
        with pytest.raises(error):
            camera_player.CameraPlayer(context=ros.context, parameter_overrides=[
                Parameter(name, value=value) for name, value in values.items()])
    assert ros.context.ok()
