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

"""bag_player: results, damaged messages and exit codes."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

import bag_files  # noqa: E402, I100
from bag_files import depth, IMAGE, image, Message, PORTRAIT, START  # noqa: E402
import bench  # noqa: E402
from face_affect_msgs.msg import FaceAffectArray  # noqa: E402
from face_affect_ros.nodes import qos  # noqa: E402
from face_affect_ros.nodes.bag_player import PendingResults  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from support import running_node, spin_until  # noqa: E402

NODE = 'face_affect_ros.nodes.face_affect_node'
PLAYER = 'face_affect_ros.nodes.bag_player'
CUT = Message('/image', IMAGE, b'\0\1\0\0abcd')


def replay(ros: Any, bag: Path, **player: Any) -> tuple[int, str, list[FaceAffectArray]]:
    """Play a bag through a node without classifiers; return exit code, log and results."""
    return bench.replay(ros, bag, {'emotion_model': '', 'gender_model': ''}, **player)


def stamps_of(messages: list[FaceAffectArray]) -> Counter[int]:
    """Return how many results have each stamp, ns."""
    return Counter(each.header.stamp.sec * 10**9 + each.header.stamp.nanosec for each in messages)


@pytest.mark.parametrize(('stamps', 'limit'), [
    ([0] * 60, 1), ([0] * 60, 4), ([0] * 60, 40), ([START + n // 8 for n in range(64)], 4),
    ([START - n for n in range(30)], 4), ([0, START] * 20, 4)], ids=[
        'zero, one by one', 'zero', 'zero, many', 'eight a stamp', 'backwards', 'now and then'])
def test_every_message_gets_its_result_with_any_stamp(
        stamps: list[int], limit: int, ros: Any, tmp_path: Path) -> None:
    bag = bag_files.write(tmp_path / 'bag', [
        image(stamp=stamp, when=START + number) for number, stamp in enumerate(stamps)])
    code, log, messages = replay(ros, bag, max_in_flight=limit)
    assert code == 0, log
    assert f'{len(stamps)} images of /image published, 0 without a result' in log
    assert stamps_of(messages) == Counter(stamps)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_truncated_messages_are_skipped_and_set_the_exit_code(
        storage: str, ros: Any, tmp_path: Path) -> None:
    good = [image(stamp=START + number) for number in range(12)]
    bag = bag_files.write(tmp_path / 'bag', [CUT, *good[:5], CUT, *good[5:], CUT], storage=storage)
    code, log, messages = replay(ros, bag)
    assert code == 1
    assert '12 images of /image published, 0 without a result, 3 messages skipped' in log
    assert stamps_of(messages) == Counter(range(START, START + 12))


def test_messages_that_the_files_of_a_bag_lack_are_a_warning(ros: Any, tmp_path: Path) -> None:
    bag = bag_files.write(tmp_path / 'bag', [image(stamp=START + number) for number in range(3)])
    metadata = bag / 'metadata.yaml'
    metadata.write_text(metadata.read_text().replace('message_count: 3', 'message_count: 8'))
    code, log, messages = replay(ros, bag)
    assert (code, len(messages)) == (0, 3)
    assert '3 images of /image published, 0 without a result' in log
    assert '5 of the 8 messages of /image are not in the files of the bag; if its' in log


@pytest.mark.parametrize('stamp', [0, START], ids=['zero', 'stamped'])
def test_a_refused_image_has_no_result_and_sets_the_exit_code(
        stamp: int, ros: Any, tmp_path: Path) -> None:
    good = [image(stamp=stamp and stamp + number, when=START + number) for number in range(12)]
    strange = image(stamp=stamp and stamp + 100, when=START + 6, encoding='16UC3')
    bag = bag_files.write(tmp_path / 'bag', [*good[:6], strange, *good[6:]])
    code, log, messages = replay(ros, bag)
    assert code == 1
    assert '13 images of /image published, 1 without a result' in log
    assert len(messages) == 12


def test_a_replay_ends_if_the_node_has_died(ros: Any, tmp_path: Path) -> None:
    bag = bag_files.write(tmp_path / 'bag', [image(stamp=START + n) for n in range(400)])
    messages: list[FaceAffectArray] = []
    ros.node.create_subscription(FaceAffectArray, '/face_affect/faces', messages.append,
                                 qos.image_input('reliable', 1000))
    with running_node(NODE, autostart=True, processing='every', emotion_model='',
                      gender_model='') as node, \
            running_node(PLAYER, '-r', 'faces:=/face_affect/faces', bag=str(bag),
                         max_in_flight=1) as player:
        assert spin_until(ros.executor, lambda: len(messages) >= 5), player.output()
        node.stop()
        assert player.wait(timeout=60.0) == 1
    assert 'stopped early: the results no longer have a publisher' in player.output()
    assert ', 0 without' not in player.output()


@pytest.mark.parametrize('clock', [True, False])
def test_a_replay_ends_by_itself_with_simulated_time(clock: bool, ros: Any,
                                                     tmp_path: Path) -> None:
    """As in a launch file that sets use_sim_time for all nodes: at the end the time stops."""
    bag = bag_files.write(tmp_path / 'bag', [image(stamp=START + n) for n in range(3)])
    messages: list[Image] = []
    ros.node.create_subscription(Image, 'image', messages.append, qos.results())
    with running_node(PLAYER, bag=str(bag), clock=clock, use_sim_time=True) as player:
        assert spin_until(ros.executor, lambda: not player.running()), player.output()
        assert player.wait() == 0
    assert len(messages) == 3


def test_a_damaged_bag_is_played_up_to_the_damage(ros: Any, tmp_path: Path) -> None:
    import numpy as np
    noise = np.random.default_rng(0).integers(0, 256, (30, 200, 200, 3), np.uint8)
    bag = bag_files.write(tmp_path / 'bag', [image(stamp=START + n, pixels=noise[n])
                                             for n in range(30)], compression='storage')
    bag_files.damage(bag)
    code, log, messages = replay(ros, bag)
    assert code == 1
    assert f'{len(messages)} images of /image published, 0 without a result; stopped early' in log
    assert 'mcap recover' in log and 0 < len(messages) < 30


@pytest.mark.parametrize(('messages', 'complaint'), [
    ([depth()], 'contains no grey or colour images; /depth: 16UC1 is depth'),
    ([CUT], 'contains no grey or colour images; /image: truncated messages'),
])
def test_a_bag_without_images_is_an_error_of_one_line(
        messages: list[Message], complaint: str, ros_domain: int, tmp_path: Path) -> None:
    bag = bag_files.write(tmp_path / 'bag', messages)
    with running_node(PLAYER, bag=str(bag)) as player:
        assert player.wait() == 1
    assert complaint in player.output() and 'Traceback' not in player.output()


def test_the_other_topics_are_logged(ros: Any, tmp_path: Path) -> None:
    bag = bag_files.write(tmp_path / 'bag', [
        depth(), image('/a'), image('/b'),
        image('/infra', encoding='mono8', pixels=PORTRAIT[:, :, 0])])
    code, log, messages = replay(ros, bag)
    assert code == 0 and len(messages) == 1
    assert 'playing /a; other image topics: topic:=/b, topic:=/infra' in log


def test_a_bag_may_have_a_number_as_name(ros_domain: int, tmp_path: Path,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    bag_files.write(tmp_path / '2024', [image()])
    monkeypatch.chdir(tmp_path)
    with running_node(PLAYER, '-p', 'bag:=2024', start_timeout=0.1) as player:
        assert player.wait() == 1
    assert "no node subscribed to '/image'" in player.output()


def test_each_image_of_a_stamp_is_matched_with_a_result() -> None:
    pending = PendingResults()
    for stamp in [(0, 0), (0, 0), (1, 0), (2, 0)]:
        pending.add(stamp)
    assert (pending.in_flight, pending.missing) == (4, 4)
    assert pending.resolve((0, 0)) and not pending.resolve((9, 9))
    assert (pending.in_flight, pending.missing) == (3, 3)
    assert pending.resolve((1, 0))   # the other image with the stamp (0, 0) has no result yet
    assert (pending.in_flight, pending.missing) == (1, 2)
    assert pending.resolve((0, 0)) and not pending.resolve((0, 0))
    assert (pending.in_flight, pending.missing) == (1, 1)
    assert pending.abandon() == 1
    assert (pending.in_flight, pending.missing) == (0, 1)
    assert pending.resolve((2, 0))
    assert pending.missing == 0
