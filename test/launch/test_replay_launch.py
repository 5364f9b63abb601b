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

"""
replay.launch.py: every image of a bag is processed.

Without launch_testing, which needs a launch that does not end by itself.
"""

import itertools
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip('launch_ros.actions', reason='launch_ros is not installed: pip has none, it '
                    'comes with a ROS distribution')

from face_affect_msgs.msg import FaceAffectArray  # noqa: E402, I100
from face_affect_ros.bags import write_bag  # noqa: E402
from face_affect_ros.media import open_media  # noqa: E402
from face_affect_ros.nodes import qos  # noqa: E402
from launch_case import launching, PATIENCE  # noqa: E402
from support import spin_until  # noqa: E402

FRAMES = 25
START = 1_700_000_000


def test_every_image_has_a_result_and_the_launch_ends_with_the_bag(
        ros: Any, tmp_path: Path) -> None:
    with open_media('', rate=30.0) as media:
        write_bag(tmp_path / 'bag', itertools.islice(media, FRAMES), start=START * 10**9)
    messages: list[FaceAffectArray] = []
    ros.node.create_subscription(FaceAffectArray, '/face_affect/faces', messages.append,
                                 qos.image_input('reliable', FRAMES))
    with launching('replay', f'bag:={tmp_path}/bag') as process:
        assert spin_until(ros.executor, lambda: not process.running(), timeout=PATIENCE)
        assert process.wait() == 0, process.output()
        assert f'{FRAMES} images of /image published, 0 without a result' in process.output()
    assert spin_until(ros.executor, lambda: len(messages) >= FRAMES), len(messages)
    stamps = [message.header.stamp for message in messages]
    assert [round(30 * (stamp.sec - START + stamp.nanosec * 1e-9))
            for stamp in stamps] == list(range(FRAMES))
    assert {len(message.faces) for message in messages} == {1}
