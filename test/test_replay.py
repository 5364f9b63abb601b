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

"""The same frames give the same faces: a bag by the node, and the clip without ROS."""

from collections.abc import Callable
import dataclasses
import itertools
import json
import os
from pathlib import Path
import re
import struct
import subprocess
import sys
from typing import Any

import cv2
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

import bag_files  # noqa: E402, I100
import bench  # noqa: E402
from face_affect_msgs.msg import FaceAffectArray  # noqa: E402
from face_affect_ros.affect.settings import PipelineSettings  # noqa: E402
from face_affect_ros.affect.types import AffectError  # noqa: E402
from face_affect_ros.bags import header_stamp, ImageBag, is_bag, write_bag  # noqa: E402
from face_affect_ros.cli import main  # noqa: E402
from face_affect_ros.demo import run as demo  # noqa: E402
from face_affect_ros.media import Frame, open_media  # noqa: E402
from face_affect_ros.nodes import qos  # noqa: E402
from face_affect_ros.nodes.messages import from_message  # noqa: E402
from face_affect_ros.records import to_record  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from support import running_node, spin_until, wait_until  # noqa: E402

START = 1_700_000_000 * 10**9
PLAYER = 'face_affect_ros.nodes.bag_player'


@pytest.fixture(scope='module')
def portrait_frames() -> list[Frame]:
    """Return 40 frames of the default source, at 10 Hz."""
    with open_media('', rate=10.0) as media:
        return [frame for frame, _ in zip(media, range(40))]


def replay(ros: Any, bag: Path, **player: Any) -> list[FaceAffectArray]:
    """Process each image of a bag by a node; return the results."""
    code, log, messages = bench.replay(ros, bag, {'track_id_prefix': 'f'}, **player)
    assert code == 0, log
    count = ImageBag(bag).count
    assert spin_until(ros.executor, lambda: len(messages) >= count), log
    return messages


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_replayed_clip_gives_the_results_of_analyze(storage: str, ros: Any, tmp_path: Path,
                                                      shared_file: Callable[[str], Path]) -> None:
    clip = shared_file('media/head-pose-face-detection-female-and-male.gif')
    shipped = PipelineSettings()   # by default, analyze has no intervals
    assert main(['analyze', str(clip), '--json', str(tmp_path / 'faces.jsonl'),
                 '--detection-interval', str(shipped.detection_interval),
                 '--emotion-interval', str(shipped.emotion_interval),
                 '--gender-interval', str(shipped.gender_interval)]) == 0
    expected = [json.loads(line) for line in (tmp_path / 'faces.jsonl').open()]
    with open_media(str(clip)) as media:
        frames = list(media)
    bag = tmp_path / 'bag'
    assert write_bag(bag, frames, start=START, storage=storage) == len(frames)
    messages = replay(ros, bag)
    assert len(messages) == len(frames)
    for frame, message, wanted in zip(frames, messages, expected, strict=True):
        stamp = START + round(frame.stamp * 1e9)
        assert message.header.stamp.sec * 10**9 + message.header.stamp.nanosec == stamp
        assert message.header.frame_id == 'camera_optical_frame'
        got = to_record(from_message(message), source='', width=message.image_width,
                        height=message.image_height)
        assert (got['width'], got['height']) == (wanted['width'], wanted['height'])
        for face, other in zip(got['faces'], wanted['faces'], strict=True):
            for key in ('id', 'roi', 'emotion', 'gender', 'landmarks'):
                assert face[key] == other[key], key
            for key in ('score', 'emotion_confidence', 'gender_confidence'):
                assert face[key] == pytest.approx(other[key], abs=2e-5), key
            assert face['emotion_probabilities'] == pytest.approx(
                other['emotion_probabilities'], abs=2e-5)


def test_an_analysed_bag_gives_the_results_of_its_replay(
        ros: Any, tmp_path: Path, shared_file: Callable[[str], Path]) -> None:
    clip = shared_file('media/head-pose-face-detection-female-and-male.gif')
    with open_media(str(clip)) as media:
        frames = list(itertools.islice(media, 40))
    size = frames[0].image.shape[1::-1]
    at = [START + round(frame.stamp * 1e9) for frame in frames]
    bag = bag_files.write(tmp_path / 'bag', [
        bag_files.camera_info('/camera/camera_info', when=START - 10**9, focal=600.0, size=size),
        *(bag_files.image('/camera/image_raw', stamp=when, pixels=frame.image)
          for when, frame in zip(at, frames))])
    shipped = PipelineSettings()
    assert main(['analyze', str(bag), '--json', str(tmp_path / 'faces.jsonl'),
                 '--detection-interval', str(shipped.detection_interval),
                 '--emotion-interval', str(shipped.emotion_interval),
                 '--gender-interval', str(shipped.gender_interval)]) == 0
    expected = [json.loads(line) for line in (tmp_path / 'faces.jsonl').open()]
    messages = replay(ros, bag)
    assert [record['stamp_ns'] for record in expected] == at
    for message, wanted in zip(messages, expected, strict=True):
        stamp = message.header.stamp
        assert stamp.sec * 10**9 + stamp.nanosec == wanted['stamp_ns']
        assert message.header.frame_id == wanted['frame_id'] == 'camera'
        assert len(message.faces) == len(wanted['faces'])
        for face, other in zip(message.faces, wanted['faces']):
            roi = face.roi
            assert [roi.x_offset, roi.y_offset, roi.width, roi.height] == other['roi']
            assert (face.id, face.emotion, face.gender) == (
                other['id'], other['emotion'], other['gender'])
            assert face.emotion_probabilities.tolist() == pytest.approx(
                other['emotion_probabilities'], abs=2e-5)
            assert face.position_known
            point = face.position
            assert [point.x, point.y, point.z] == pytest.approx(other['position'], abs=1e-3)
    assert sum(len(record['faces']) for record in expected) > 20


def test_the_default_source_replayed(ros: Any, tmp_path: Path,
                                     portrait_frames: list[Frame]) -> None:
    write_bag(tmp_path / 'bag', portrait_frames, start=START, topic='/camera/image_raw')
    messages = replay(ros, tmp_path / 'bag', topic='/camera/image_raw')
    assert len(messages) == len(portrait_frames)
    assert {face.id for message in messages for face in message.faces} == {'f0001'}


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_written_bag_is_read_back(storage: str, tmp_path: Path,
                                    portrait_frames: list[Frame]) -> None:
    write_bag(tmp_path / 'bag', portrait_frames[:3], start=START, storage=storage)
    assert is_bag(str(tmp_path / 'bag'))
    bag = ImageBag(tmp_path / 'bag')
    assert (bag.topic, bag.type, bag.count) == ('/image', 'sensor_msgs/msg/Image', 3)
    messages = list(bag.messages())
    assert [when for when, _, _ in messages] == [START, START + 10**8, START + 2 * 10**8]
    assert messages[1][1] == (1_700_000_000, 10**8)
    assert portrait_frames[1].image.tobytes() in messages[1][2]


@pytest.mark.parametrize(('order', 'flag'), [('<', 1), ('>', 0)])
def test_a_stamp_is_read_in_both_byte_orders(order: str, flag: int) -> None:
    data = bytes([0, flag, 0, 0]) + struct.pack(f'{order}iI', -5, 123456789)
    assert header_stamp(data) == (-5, 123456789)


def test_bags_that_cannot_be_used_are_named(tmp_path: Path,
                                            portrait_frames: list[Frame]) -> None:
    with pytest.raises(AffectError, match='no such bag'):
        ImageBag(tmp_path / 'none')
    with pytest.raises(AffectError, match="parameter 'bag' is empty"):
        ImageBag(Path(''))
    write_bag(tmp_path / 'bag', portrait_frames[:1], start=START)
    with pytest.raises(AffectError, match=r"no image topic '/depth'; its image topics: /image"):
        ImageBag(tmp_path / 'bag', topic='/depth')
    with pytest.raises(AffectError, match='the bag cannot be written'):
        write_bag(tmp_path / 'bag', portrait_frames[:1], start=START)
    broken = tmp_path / 'broken.mcap'
    broken.write_bytes(b'this is no bag at all')
    with pytest.raises(AffectError, match=r'broken.mcap: cannot be read as a bag'):
        ImageBag(broken)
    with pytest.raises(AffectError, match='aaa'):
        ImageBag(tmp_path / ('a' * 300))
    assert not is_bag('a' * 300)
    old = tmp_path / 'old.bag'
    old.write_bytes(b'#ROSBAG V2.0\n')
    with pytest.raises(AffectError, match='old.bag: a bag of ROS 1; convert it: rosbags-convert'):
        ImageBag(old)


@pytest.mark.parametrize(('pause', 'rate'), [(3600.0, 1.0), (1.7e9, 0.01)],
                         ids=['an hour', 'after a stamp of zero'])
def test_a_player_ends_at_once_in_the_middle_of_a_pause(
        pause: float, rate: float, ros: Any, tmp_path: Path,
        portrait_frames: list[Frame]) -> None:
    late = dataclasses.replace(portrait_frames[1], stamp=portrait_frames[0].stamp + pause)
    write_bag(tmp_path / 'bag', [portrait_frames[0], late], start=0)
    images: list[Image] = []
    ros.node.create_subscription(Image, 'image', images.append, qos.results())
    with running_node(PLAYER, bag=str(tmp_path / 'bag'), rate=rate) as player:
        assert spin_until(ros.executor, lambda: images)
        assert wait_until(lambda: 'the next image follows in' in player.output())
        seconds, = re.findall('follows in ([0-9]+) s, as recorded', player.output())
        assert int(seconds) == pytest.approx(pause / rate, abs=10.0)
        assert player.stop() == 0, player.output()
    assert len(images) == 1


@pytest.mark.parametrize(('parameters', 'complaint'), [
    ({'bag': '/nowhere/bag'}, '/nowhere/bag: no such bag'),
    ({}, "parameter 'bag' is empty"),
    ({'bga': '/nowhere'}, "unknown parameter 'bga'"),
])
def test_a_player_without_a_bag_ends_with_one_line(parameters: dict[str, str], complaint: str,
                                                   ros_domain: int) -> None:
    with running_node(PLAYER, **parameters) as player:
        assert player.wait() == 1
        assert complaint in player.output()
        assert 'Traceback' not in player.output()


def test_a_player_without_subscribers_ends_with_an_error(ros_domain: int, tmp_path: Path,
                                                         portrait_frames: list[Frame]) -> None:
    write_bag(tmp_path / 'bag', portrait_frames[:1], start=START)
    with running_node(PLAYER, bag=str(tmp_path / 'bag'), start_timeout=0.2) as player:
        assert player.wait() == 1
        assert "no node subscribed to '/image'" in player.output()


def test_the_demo_shows_no_latency_for_old_stamps(ros_domain: int, tmp_path: Path,
                                                  portrait_frames: list[Frame]) -> None:
    write_bag(tmp_path / 'bag', portrait_frames[:20], start=START, topic='/camera/image_raw')
    done = subprocess.run(
        [sys.executable, '-m', 'face_affect_ros.cli', 'demo', '--source', str(tmp_path / 'bag'),
         '--out', str(tmp_path / 'out')], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    # At the speed of the bag, a newer image may replace a waiting one.
    messages = int(re.search(r'(\d+) messages', done.stdout)[1])
    assert 10 <= messages <= 20
    assert f'{messages} faces, 1 tracks' in done.stdout
    assert 'median latency unknown' in done.stdout


def test_the_demo_subscribes_to_the_image_type_of_the_bag(tmp_path: Path,
                                                          portrait_frames: list[Frame],
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    from rosbags.rosbag2 import Writer
    from rosbags.typesys import get_typestore, Stores
    types = get_typestore(Stores.ROS2_JAZZY)
    kind = 'sensor_msgs/msg/CompressedImage'
    time, header, image = (types.types[name] for name in (
        'builtin_interfaces/msg/Time', 'std_msgs/msg/Header', kind))
    with Writer(tmp_path / 'small', version=9) as writer:
        topic = writer.add_connection('/camera/image_raw/compressed', kind, typestore=types)
        for number, frame in enumerate(portrait_frames[:5]):
            data = cv2.imencode('.jpg', frame.image)[1].reshape(-1)
            message = image(header=header(time(1_700_000_000, number * 10**8), 'camera'),
                            format='jpeg', data=data)
            writer.write(topic, START + number * 10**8, types.serialize_cdr(message, kind))
    write_bag(tmp_path / 'bag', portrait_frames[:1], start=START)
    assert demo.player_for(str(tmp_path / 'small'))[::4] == ('bag_player', 'compressed')
    assert demo.player_for(str(tmp_path / 'bag'))[::4] == ('bag_player', 'raw')
    monkeypatch.chdir(tmp_path / 'bag')
    assert demo.player_for('')[::4] == ('camera_player', 'raw')


@pytest.mark.parametrize(('storage', 'compression'), [
    ('mcap', ''), ('sqlite3', ''), ('mcap', 'file'), ('sqlite3', 'message'), ('mcap', 'storage')])
def test_the_demo_plays_every_format_of_a_bag(storage: str, compression: str, tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    bag = bag_files.write(tmp_path / '12:30', [bag_files.depth(), bag_files.image('/color')],
                          storage=storage, compression=compression)
    file = bag_files.storage_file(bag)
    monkeypatch.setenv('HOME', str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / '2024').symlink_to(bag)
    for source in (bag, f'{bag}/', '12:30', '~/12:30', '2024', file, bag / 'metadata.yaml'):
        player = demo.player_for(str(source))
        assert (player.module, player.parameters['topic']) == ('bag_player', '/color'), source
        assert ImageBag(str(player.parameters['bag']), topic='/color').count == 1
    monkeypatch.chdir(bag)
    assert demo.player_for('.').module == 'bag_player'


@pytest.mark.parametrize(('source', 'complaint'), [
    ('whole/../nowhere.db3', 'no such bag'), ('old.bag', 'a bag of ROS 1'),
    ('cut', 'has no metadata.yaml; .* ros2 bag reindex cut'), ('cut/whole.mcap', '16UC1 is depth'),
    (os.fsdecode(b'\xff.mcap'), 'the name is not UTF-8')], ids=ascii)
def test_the_demo_prints_the_problem_of_a_bag(source: str, complaint: str, tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bag_files.write(Path('whole'), [bag_files.depth()])
    Path('old.bag').write_bytes(b'#ROSBAG V2.0\n')
    Path('cut').mkdir()
    Path('whole/whole.mcap').rename('cut/whole.mcap')
    with pytest.raises(AffectError, match=complaint):
        demo.player_for(source)
