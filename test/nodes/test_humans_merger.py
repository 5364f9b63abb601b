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

"""humans_merger: one list of the faces of several cameras."""

from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')
hri_msgs = pytest.importorskip('hri_msgs.msg', reason='hri_msgs is not installed')

from bench import Bench, stamped, SUCCESS  # noqa: E402, I100
from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from face_affect_ros.affect.types import AffectError  # noqa: E402
from face_affect_ros.nodes import qos  # noqa: E402
from face_affect_ros.nodes.face_affect_node import FaceAffectNode  # noqa: E402
from face_affect_ros.nodes.humans_merger import HumansMerger  # noqa: E402
from face_affect_ros.nodes.image_conversion import to_message  # noqa: E402
from humans_listener import HumansListener  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402
from support import spin_until  # noqa: E402

CAMERAS = ('front', 'rear')


def start_cameras(bench: Bench, *, apart: bool) -> list[Any]:
    """Start a node for each camera; return the image publishers. apart: each has its own list."""
    publishers = []
    for number, camera in enumerate(CAMERAS, start=1):
        rules = [f'image:=/{camera}/image_raw', f'__node:=face_affect_{number}']
        if apart:
            rules.append(f'/humans/faces/tracked:=face_affect_{number}/tracked')
        values = {'ros4hri': True, 'diagnostics_period': 0.1, 'stale_timeout': 3600.0,
                  'processing': 'every', 'track_timeout': 10.0}
        node = FaceAffectNode(
            context=bench.ros.context,
            cli_args=['--ros-args', *(word for rule in rules for word in ('-r', rule))],
            parameter_overrides=[Parameter(name, value=value) for name, value in values.items()])
        bench.nodes.append(node)
        bench.ros.add(node)
        assert node.trigger_configure() == SUCCESS
        assert node.trigger_activate() == SUCCESS
        publishers.append(bench.ros.node.create_publisher(Image, f'/{camera}/image_raw',
                                                          qos.results()))
        assert bench.until(publishers[-1].get_subscription_count)
    return publishers


def start_merger(bench: Bench, **values: Any) -> HumansMerger:
    """Add a merger with these parameters."""
    return bench.ros.add(HumansMerger(context=bench.ros.context, parameter_overrides=[
        Parameter(name, value=value) for name, value in values.items()]))


def show(bench: Bench, cameras: list[Any], portrait: np.ndarray, seconds: range) -> None:
    """Publish the portrait for all cameras in turn, with stamps one second apart."""
    for sec in seconds:
        for camera, node in zip(cameras, bench.nodes):
            before = node.health.counts['published']
            camera.publish(to_message(portrait, 'bgr8', stamped(sec)))
            assert bench.until(lambda: node.health.counts['published'] > before)


def test_the_merged_list_has_the_faces_of_two_cameras_without_gaps(
        bench: Bench, portrait: np.ndarray) -> None:
    start_merger(bench, timeout=60.0)
    listener = HumansListener(bench.ros.node)
    cameras = start_cameras(bench, apart=True)
    show(bench, cameras, portrait, range(1, 9))
    assert bench.until(lambda: len(listener.faces) == 2)
    show(bench, cameras, portrait, range(9, 12))
    assert bench.until(lambda: min(listener.heard.get((name, topic), 0)
                                   for name in listener.faces
                                   for topic in ('roi', 'cropped', 'softbiometrics')) >= 2)
    assert (len(listener.came), listener.lost) == (2, [])
    assert not any('published by' in each.message for each in bench.statuses)
    bench.nodes[0].trigger_deactivate()   # publishes an empty list
    assert bench.until(lambda: len(listener.faces) == 1)
    assert len(listener.lost) == 1


def test_without_the_merger_the_nodes_warn_of_each_other(bench: Bench) -> None:
    start_cameras(bench, apart=False)
    for own, other in ((1, 2), (2, 1)):
        assert spin_until(bench.ros.executor, lambda: any(
            each.level == DiagnosticStatus.WARN and each.name == f'face_affect_{own}: faces'
            and f"'/humans/faces/tracked' is also published by /face_affect_{other},"
            in each.message for each in bench.statuses), timeout=120.0)


def test_a_second_merger_of_the_same_name_is_named(bench: Bench) -> None:
    start_merger(bench)
    start_merger(bench)
    assert bench.status(DiagnosticStatus.WARN,
                        "'/humans/faces/tracked' is also published by /humans_merger,")


def test_the_faces_of_a_silent_source_are_removed(bench: Bench) -> None:
    start_merger(bench, sources=['a', 'b'], timeout=5.0)
    node = bench.ros.node
    lists = bench.ros.node.create_publisher(hri_msgs.IdsList, 'a', qos.results())
    others = bench.ros.node.create_publisher(hri_msgs.IdsList, 'b', qos.results())
    heard: list[Any] = []
    node.create_subscription(hri_msgs.IdsList, '/humans/faces/tracked', heard.append,
                             qos.results())
    assert bench.until(lambda: lists.get_subscription_count() and others.get_subscription_count()
                       and node.count_publishers('/humans/faces/tracked'))
    header = stamped(7)
    lists.publish(hri_msgs.IdsList(header=header, ids=['x', 'y']))
    others.publish(hri_msgs.IdsList(header=header, ids=['z', 'x']))
    assert bench.until(lambda: any(sorted(each.ids) == ['x', 'y', 'z'] for each in heard))
    assert heard[-1].header.stamp == header.stamp
    assert bench.status(DiagnosticStatus.WARN, 'more than one source has x')
    assert bench.until(lambda: heard[-1].ids == [])
    assert bench.status(DiagnosticStatus.WARN, "no list received on '/a'; no list received "
                        "on '/b'")


def test_the_list_is_empty_at_the_end(bench: Bench) -> None:
    merger = start_merger(bench, sources=['a'], timeout=60.0)
    lists = bench.ros.node.create_publisher(hri_msgs.IdsList, 'a', qos.results())
    heard: list[Any] = []
    bench.ros.node.create_subscription(hri_msgs.IdsList, '/humans/faces/tracked', heard.append,
                                       qos.results())
    assert bench.until(lambda: lists.get_subscription_count()
                       and merger.count_subscribers('/humans/faces/tracked'))
    lists.publish(hri_msgs.IdsList(header=stamped(7), ids=['x']))
    assert bench.until(lambda: heard and heard[-1].ids == ['x'])
    merger.close()
    assert bench.until(lambda: heard[-1].ids == [])
    assert bench.until(lambda: not lists.get_subscription_count())


@pytest.mark.parametrize(('name', 'kind'), [('sources', 'list'), ('timeout', 'float')])
def test_a_parameter_without_a_value_is_an_error(name: str, kind: str, ros: Any) -> None:
    with pytest.raises(AffectError, match=f"parameter '{name}' has no value; it must be a {kind} "
                       'such as'):
        HumansMerger(context=ros.context, cli_args=['--ros-args', '-p', f'{name}:=[]'])


def test_its_own_list_as_source_is_an_error(bench: Bench) -> None:
    with pytest.raises(AffectError, match='/humans/faces/tracked is the topic that'):
        start_merger(bench, sources=['/humans/faces/tracked'])


@pytest.mark.parametrize('source', ['', 'a b', 'a/', '1a', 'a//b'])
def test_a_source_that_is_not_a_topic_is_an_error(source: str, ros: Any) -> None:
    with pytest.raises(AffectError, match=f"parameter 'sources': '{source}' is not a topic: .*"
                       'topic name'):
        HumansMerger(context=ros.context, parameter_overrides=[
            Parameter('sources', value=['a/tracked', source])])
