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

"""Failing cameras: other images are processed, and /diagnostics contains the problem."""

from collections.abc import Callable
import os
import signal
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from bench import stamped  # noqa: E402, I100
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from face_affect_ros.nodes import qos  # noqa: E402
from rosgraph_msgs.msg import Clock  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from support import running_node  # noqa: E402

PLAYER = 'face_affect_ros.nodes.camera_player'
#: Seconds that a camera is away.
OUTAGE = float(os.environ.get('FACE_AFFECT_OUTAGE', '1.5'))


@pytest.mark.parametrize('number', [signal.SIGSTOP, signal.SIGKILL], ids=['hangs', 'dies'])
def test_a_camera_that_is_away_for_a_while(number: int, far: Callable[..., Any]) -> None:
    with far(processing='newest', stale_timeout=OUTAGE) as node:
        bench = node.bench
        bench.ros.node.destroy_publisher(bench.images)   # two cameras would be a warning

        def comes() -> bool:
            bench.faces.clear(), bench.statuses.clear()
            return bench.until(lambda: len(bench.faces) >= 3) and bench.status(
                DiagnosticStatus.OK, 'active')

        with running_node(PLAYER, '-r', 'image_raw:=image', rate=10.0) as camera:
            assert comes(), node.process.output()
            camera.popen.send_signal(number)
            bench.statuses.clear()
            assert bench.status(DiagnosticStatus.WARN, "no image on '/image'")
            if number == signal.SIGSTOP:
                camera.popen.send_signal(signal.SIGCONT)
                assert comes(), node.process.output()
        if number == signal.SIGKILL:
            with running_node(PLAYER, '-r', 'image_raw:=image', '-r', '__node:=other', rate=10.0):
                assert comes(), node.process.output()
        assert all(len(each.faces) == 1 for each in bench.faces)


#: Stamps in seconds, in the order of the images; 0 is no stamp.
STAMPS = {
    'in disorder': [5, 4, 3, 9, 1, 8],
    'the same again and again': [7, 7, 7, 7],
    'none': [0, 0, 3, 0],
    'once from the future': [100, 2_000_000_000, 101, 102],
    'back and forth, as a bag in a loop and worse': [5000, 5001, 10, 11, 5002, 12],
}


def test_every_image_gets_a_result_with_any_stamps(far: Callable[..., Any]) -> None:
    with far() as node:
        for name, stamps in STAMPS.items():
            node.bench.faces.clear()
            for sec in stamps:
                node.bench.send(header=stamped(sec) if sec else Header())
            assert node.bench.until(lambda: len(node.bench.faces) == len(stamps)), name
            assert [each.header.stamp.sec for each in node.bench.faces] == stamps, name
            assert [len(each.faces) for each in node.bench.faces] == [1] * len(stamps), name
            assert min(each.faces[0].tracked_for.sec for each in node.bench.faces) >= 0, name
        total = sum(map(len, STAMPS.values()))
        assert node.bench.until(lambda: node.counts() == {
            'received': total, 'published': total, 'dropped': 0, 'refused': 0})


def test_simulated_time_that_jumps(far: Callable[..., Any], ros: Any) -> None:
    clock = ros.node.create_publisher(Clock, '/clock', qos.results())
    with far('-p', 'use_sim_time:=true') as node:
        bench = node.bench
        assert bench.until(clock.get_subscription_count)
        ids = []
        for number, sec in enumerate([1000, 1001, 5, 6, 90_000, 90_001], start=1):
            clock.publish(Clock(clock=stamped(sec).stamp))
            bench.send(sec=sec)
            assert bench.until(lambda: len(bench.faces) == number)
            ids.append(bench.faces[-1].faces[0].id)
        # A jump ends the tracks, because it may be another person.
        assert ids[::2] == ids[1::2] and len(set(ids)) == 3
        assert node.settled()   # /diagnostics is published while the clock stands still


def test_size_and_encoding_that_change_in_mid_stream(far: Callable[..., Any],
                                                     portrait: np.ndarray) -> None:
    grey = cv2.cvtColor(portrait, cv2.COLOR_BGR2GRAY)
    kinds = [('bgr8', portrait), ('rgb8', portrait[:, :, ::-1]), ('mono8', grey),
             ('bgr8', cv2.resize(portrait, (1280, 960))), ('mono8', cv2.resize(grey, (321, 241))),
             ('bgr8', portrait[:8, :8]), ('bgr8', portrait)]
    with far() as node:
        for number, (encoding, image) in enumerate(kinds, start=1):
            node.bench.send(np.ascontiguousarray(image), number, sent_as=encoding)
            node.bench.send(np.ascontiguousarray(image), number, sent_as=encoding, encoding='?')
        assert node.bench.until(lambda: len(node.bench.faces) == len(kinds))
        assert [(each.image_height, each.image_width) for each in node.bench.faces] == [
            image.shape[:2] for _, image in kinds]
        assert [len(each.faces) for each in node.bench.faces] == [1, 1, 1, 1, 1, 0, 1]
        assert node.settled()
        assert node.counts()['refused'] == len(kinds)
