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

"""The topics of REP-155 under /humans/faces."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')
hri_msgs = pytest.importorskip('hri_msgs.msg', reason='hri_msgs is not installed')

from bench import Bench, stamped, SUCCESS  # noqa: E402, I100
from face_affect_ros.affect.types import EMOTIONS, Estimate, GENDERS  # noqa: E402
from face_affect_ros.nodes.image_conversion import to_array  # noqa: E402
from face_affect_ros.nodes.outputs import Result  # noqa: E402
from face_affect_ros.nodes.outputs.humans import (  # noqa: E402
    cut,
    to_biometrics,
    to_expression,
    to_landmarks,
    to_roi,
)
from faces import estimate, face  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

IMAGE = np.zeros((240, 320, 3), np.uint8)


def test_the_box_is_normalised() -> None:
    roi = to_roi(face(box=np.float32([160, 60, 160, 120])), Result(IMAGE, [], stamped(1), 1.0))
    assert (roi.xmin, roi.ymin, roi.xmax, roi.ymax) == (0.5, 0.25, 1.0, 0.75)
    assert roi.c == pytest.approx(0.9) and roi.header == stamped(1)


def test_landmarks_that_are_not_known_have_no_confidence() -> None:
    message = to_landmarks(face(), Result(IMAGE, [], stamped(1), 1.0))
    known = {number for number, point in enumerate(message.landmarks) if point.c > 0}
    assert known == {hri_msgs.FacialLandmarks.NOSE, hri_msgs.FacialLandmarks.LEFT_PUPIL,
                     hri_msgs.FacialLandmarks.RIGHT_PUPIL}
    left = message.landmarks[hri_msgs.FacialLandmarks.LEFT_PUPIL]
    assert (left.x, left.y) == (pytest.approx(145 / 320), pytest.approx(105 / 240))
    assert (message.width, message.height) == (320, 240)
    hidden = face(landmarks=np.full((4, 2), np.nan, np.float32))
    assert not any(point.c for point in to_landmarks(
        hidden, Result(IMAGE, [], stamped(1), 1.0)).landmarks)


def test_expressions_have_the_names_of_the_rep() -> None:
    words = [to_expression(estimate(label), stamped(1)).expression for label in EMOTIONS]
    assert words == ['angry', 'disgusted', 'scared', 'happy', 'sad', 'surprised', 'neutral']
    unknown = to_expression(estimate('unknown'), stamped(1))
    assert (unknown.expression, unknown.confidence) == ('', 0.0)


def test_genders_have_the_numbers_of_the_rep() -> None:
    halves = np.float32([0.5, 0.5])
    numbers = [to_biometrics(Estimate(label, 0.7, halves), stamped(1)).gender
               for label in (*GENDERS, 'unknown')]
    assert numbers == [hri_msgs.SoftBiometrics.FEMALE, hri_msgs.SoftBiometrics.MALE,
                       hri_msgs.SoftBiometrics.UNDEFINED]
    unknown = to_biometrics(Estimate('unknown', 0.7, halves), stamped(1))
    assert unknown.gender_confidence == 0.0 and unknown.age_confidence == 0.0


def test_a_face_at_the_edge_is_padded_with_black() -> None:
    white = np.full((240, 320, 3), 255, np.uint8)
    outside = face(box=np.float32([0, 80, 30, 60]), whole_box=np.float32([-30, 80, 60, 60]))
    picture = cut(white, outside, size=64, align=False)
    assert picture.shape == (64, 64, 3)
    assert not picture[:, :30].any() and picture[:, 34:].all()
    grey = cut(white[:, :, 0], outside, size=64, align=True)
    assert grey.shape == (64, 64, 3)


def test_the_topics_of_a_face_exist_while_it_is_tracked(bench: Bench) -> None:
    node = bench.start(ros4hri=True, track_timeout=1.0, ros4hri_face_size=96)
    lists = bench.watch('/humans/faces/tracked', hri_msgs.IdsList)
    header = bench.answered(sec=10)
    assert bench.until(lambda: len(lists) == 1)
    [name] = lists[0].ids
    assert lists[0].header == header and name == bench.faces[-1].faces[0].id
    names = {topic.rpartition('/')[2]: kinds for topic, kinds in node.get_topic_names_and_types()
             if topic.startswith(f'/humans/faces/{name}/')}
    assert names == {
        'roi': ['hri_msgs/msg/NormalizedRegionOfInterest2D'], 'cropped': ['sensor_msgs/msg/Image'],
        'aligned': ['sensor_msgs/msg/Image'], 'landmarks': ['hri_msgs/msg/FacialLandmarks'],
        'expression': ['hri_msgs/msg/Expression'],
        'softbiometrics': ['hri_msgs/msg/SoftBiometrics']}
    heard: dict[str, list[Any]] = {
        topic: bench.watch(f'/humans/faces/{name}/{topic}', kind) for topic, kind in (
            ('cropped', Image), ('aligned', Image), ('expression', hri_msgs.Expression))}
    header = bench.answered(sec=11)
    assert bench.until(lambda: all(heard.values()))
    assert all(messages[0].header == header for messages in heard.values())
    assert heard['expression'][0].expression == 'happy'
    assert to_array(heard['cropped'][0]).shape == (96, 96, 3)
    assert to_array(heard['cropped'][0]).std() > 20
    empty = np.zeros((480, 640, 3), np.uint8)
    bench.answered(empty, sec=12)
    assert bench.until(lambda: len(lists) == 3)
    assert lists[2].ids == [name]   # a short absence does not end a track
    bench.answered(empty, sec=14)
    assert bench.until(lambda: len(lists) == 4)
    assert lists[3].ids == []
    assert not node.get_publishers_info_by_topic(f'/humans/faces/{name}/roi')
    bench.answered(empty, sec=15)
    assert bench.until(lambda: len(lists) == 5)   # also published after a track has ended


def test_the_list_is_empty_when_the_node_stops(bench: Bench) -> None:
    node = bench.start(ros4hri=True)
    lists = bench.watch('/humans/faces/tracked', hri_msgs.IdsList)
    bench.answered()
    assert node.trigger_deactivate() == SUCCESS
    assert bench.until(lambda: len(lists) == 2)
    assert lists[1].ids == []


def test_without_ros4hri_there_are_no_topics_of_humans(bench: Bench) -> None:
    node = bench.start()
    bench.answered()
    assert not [topic for topic, _ in node.get_topic_names_and_types()
                if topic.startswith('/humans')]
