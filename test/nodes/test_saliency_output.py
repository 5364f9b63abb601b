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

"""The topic ~/saliency."""

import dataclasses
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from bench import Bench, SUCCESS  # noqa: E402, I100
from face_affect_ros.affect.crop import CropSpec  # noqa: E402
from face_affect_ros.affect.types import Estimate, Face, ImageArray  # noqa: E402
from face_affect_ros.nodes.face_affect_node import FaceAffectNode  # noqa: E402
from face_affect_ros.nodes.image_conversion import to_array  # noqa: E402
from face_affect_ros.nodes.outputs import Result  # noqa: E402
from face_affect_ros.nodes.outputs.annotated import (  # noqa: E402
    Job,
    SaliencyOutput,
)
from face_affect_ros.nodes.threads import Worker  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402
from std_msgs.msg import Header  # noqa: E402
from support import wait_until  # noqa: E402


def saliency_of(node: FaceAffectNode) -> SaliencyOutput | None:
    """Return the SaliencyOutput of a node."""
    return next((each for each in node.outputs if isinstance(each, SaliencyOutput)), None)


def test_maps_are_computed_only_with_a_subscriber(bench: Bench) -> None:
    node = bench.start()
    output = saliency_of(node)
    assert output is not None
    bench.answered()
    assert output.counts() == {'saliency maps': 0, 'saliency maps left out': 0}
    pictures = bench.watch('saliency')
    header = bench.send()
    assert bench.until(lambda: pictures)
    assert pictures[0].header == header and pictures[0].encoding == 'bgr8'
    drawn = to_array(pictures[0])
    assert drawn.shape[1] == 288 and drawn.std() > 10
    assert output.counts()['saliency maps'] == 1


def test_the_mode_changes_live_and_the_task_does_not(bench: Bench) -> None:
    node = bench.start()
    pictures = bench.watch('saliency')
    for number, mode in enumerate(('guided', 'gradient', 'gradcam'), start=1):
        [result] = node.set_parameters([Parameter('saliency_mode', value=mode)])
        assert result.successful
        bench.send()
        assert bench.until(lambda: len(pictures) == number)
    drawn = [to_array(picture) for picture in pictures]
    assert not np.array_equal(drawn[0], drawn[1]) and not np.array_equal(drawn[1], drawn[2])
    [result] = node.set_parameters([Parameter('saliency_mode', value='magic')])
    assert not result.successful and 'guided, gradient, gradcam' in result.reason
    [result] = node.set_parameters([Parameter('saliency_task', value='gender')])
    assert not result.successful and 'when the node is configured' in result.reason


def test_heat_is_drawn_in_the_annotated_image(bench: Bench) -> None:
    node = bench.start()
    pictures = bench.watch('image_annotated')
    bench.send()
    assert bench.until(lambda: len(pictures) == 1)
    node.set_parameters([Parameter('annotate_saliency', value=True)])
    header = bench.send()
    assert bench.until(lambda: len(pictures) == 2)
    assert pictures[1].header == header
    plain, hot = (to_array(picture).astype(int) for picture in pictures)
    changed = np.abs(plain - hot).max(axis=2) > 30
    assert 0.001 < changed.mean() < 0.2
    more = (hot - plain)[changed].mean(axis=0)   # blue, green, red
    assert more[2] > more[1] and more[2] > more[0]


def test_a_face_is_hidden_at_its_position_in_the_image(bench: Bench) -> None:
    """The maps are drawn after the node has processed later images."""
    node = bench.start(blur_faces=True, annotate_saliency=True)
    output = SaliencyOutput(node, StubSaliency(), task='emotion')   # type: ignore[arg-type]
    try:
        output.wanted = lambda: True   # type: ignore[method-assign]
        jobs: list[Job] = []
        output.worker = SimpleNamespace(put=lambda job: bool(jobs.append(job)))   # type: ignore[assignment]
        image = np.random.default_rng(0).integers(0, 256, (200, 400, 3), np.uint8)
        for stamp, x in enumerate((20, 300)):
            moved = dataclasses.replace(face(1, 'happy', 1.0), box=np.float32([x, 60, 60, 60]))
            result = Result(image, [moved], Header(), float(stamp))
            output.put(result)
        drawn: list[ImageArray] = []
        output.publish = lambda picture, header: drawn.append(picture)   # type: ignore
        output.publish_maps(jobs[0], {})
        was, is_now = np.s_[65:115, 25:75], np.s_[65:115, 305:355]
        assert drawn[0][was].std() < 0.3 * image[was].std()
        np.testing.assert_array_equal(drawn[0][is_now], image[is_now])
        output.worker = None
    finally:
        output.close()


def test_a_model_without_gradients_has_no_topic(bench: Bench) -> None:
    node = bench.start(emotion_model='emotion_mini_xception')
    assert saliency_of(node) is None
    assert not node.get_publishers_info_by_topic('/face_affect/saliency')
    bench.answered()


def test_cycles_of_the_lifecycle_recreate_the_topic(bench: Bench) -> None:
    node = bench.start()
    for _ in range(3):
        assert node.trigger_deactivate() == SUCCESS
        assert node.trigger_cleanup() == SUCCESS
        assert saliency_of(node) is None
        assert not node.get_publishers_info_by_topic('/face_affect/saliency')
        assert node.trigger_configure() == SUCCESS
        assert node.trigger_activate() == SUCCESS
    pictures = bench.watch('saliency')
    bench.send()
    assert bench.until(lambda: pictures)


class StubSaliency:
    """Records the labels."""

    card = SimpleNamespace(crop=CropSpec(size=16))

    def __init__(self) -> None:
        self.labels: list[int] = []

    def heat(self, crop: ImageArray, label: int, *, task: str, mode: str) -> np.ndarray:
        """Return an empty map."""
        self.labels.append(label)
        return np.zeros((16, 16), np.float32)


def face(number: int, label: str, tracked_for: float) -> Face:
    """Return a face that is most probably sad, whatever its label."""
    probabilities = np.float32([0, 0, 0, 0.1, 0.7, 0, 0.2])
    return Face(id=f'f{number}', box=np.float32([10, 10, 40, 40]), score=1.0,
                landmarks=np.full((4, 2), np.nan, np.float32), tracked_for=tracked_for,
                estimates={'emotion': Estimate(label, 0.7, probabilities)})


def test_under_load_the_youngest_tracks_are_first(bench: Bench) -> None:
    node = bench.start(saliency_task='emotion')
    stub = StubSaliency()
    output = SaliencyOutput(node, stub, task='emotion')   # type: ignore[arg-type]
    try:
        faces = [face(1, 'happy', 9.0), face(2, 'unknown', 5.0), face(3, 'neutral', 0.1)]
        job = Job(Result(np.zeros((60, 60, 3), np.uint8), faces, Header(), 1.0), annotated=False,
                  boxes=[])
        assert list(output.maps(job)) == ['f3', 'f2', 'f1']
        # the label of the estimate is explained; for unknown, the most probable one
        assert stub.labels == [6, 4, 3]
        assert output.counts() == {'saliency maps': 3, 'saliency maps left out': 0}
        output.worker = SimpleNamespace(waiting=True)   # type: ignore[assignment]
        assert list(output.maps(job)) == ['f3']
        assert output.counts() == {'saliency maps': 4, 'saliency maps left out': 2}
        output.worker = None
    finally:
        output.close()


def test_each_map_that_is_asked_for_is_drawn_or_left_out(bench: Bench) -> None:
    """Also those of images that a newer one replaced, or that waited when the node stopped."""
    node = bench.start(saliency_task='emotion')
    stub = StubSaliency()
    output = SaliencyOutput(node, stub, task='emotion')   # type: ignore[arg-type]
    busy, proceed = threading.Event(), threading.Event()

    def heat(*_: Any, **__: Any) -> np.ndarray:
        busy.set()
        proceed.wait()
        return np.zeros((16, 16), np.float32)

    stub.heat = heat   # type: ignore[method-assign]
    bench.watch('saliency')
    output.start()
    try:
        image = np.zeros((60, 60, 3), np.uint8)
        assert bench.until(output._publisher.get_subscription_count)
        for count in (1, 2, 3, 4):
            faces = [face(number, 'happy', float(number)) for number in range(count)]
            output.draw(Result(image, faces, Header(), 1.0), [])
            assert busy.wait(10.0)   # the first image is being drawn, each further one waits
        assert output.counts()['saliency maps left out'] == 2 + 3
        threading.Timer(0.2, proceed.set).start()
        output.stop()
        assert output.counts() == {'saliency maps': 1, 'saliency maps left out': 2 + 3 + 4}
    finally:
        proceed.set()
        output.close()


def test_the_worker_has_a_lower_priority() -> None:
    import os
    import threading
    seen: list[int] = []
    worker = Worker(lambda _: seen.append(
        os.getpriority(os.PRIO_PROCESS, threading.get_native_id())), depth=1, name='t', niceness=3)
    worker.put(None)
    assert wait_until(lambda: len(seen) == 1)
    worker.stop()
    assert seen[0] == os.getpriority(os.PRIO_PROCESS, 0) + 3
