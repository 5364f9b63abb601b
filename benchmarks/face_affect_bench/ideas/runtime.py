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

"""What rclpy and the interpreter of Python cost."""

import gc
import time
from typing import Any

from face_affect_bench.ideas.base import Ideas
from face_affect_bench.timing import measure, ratio
from face_affect_ros.affect.settings import make_pipeline, PipelineSettings
from face_affect_ros.affect.types import ImageArray
from face_affect_ros.nodes import messages
from face_affect_ros.nodes.image_conversion import to_message
import numpy as np
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import Image
from std_msgs.msg import Header


def ideas(images: list[ImageArray], rounds: int) -> Ideas:
    """Try to go around rclpy, to leave messages away, to collect less garbage."""
    size = images[0].nbytes
    serialized = [serialize_message(to_message(image, 'bgr8', Header())) for image in images[:20]]

    def by_rclpy(data: bytes) -> Any:
        return deserialize_message(data, Image)
    cost = measure(by_rclpy, serialized, times=100).cpu
    yield 'image viewed in its serialized bytes, not converted by rclpy', ratio(
        by_rclpy, lambda data: np.frombuffer(data, np.uint8, size, len(data) - size), serialized,
        rounds=rounds), 'no: it needs a reader of our own for the wire format', (
            f'rclpy takes {cost:.2f} ms for 640x480')

    pipeline = make_pipeline(PipelineSettings())
    stamps = iter(np.arange(1.0, 1e7, 1.0 / 30.0))

    def silently(image: ImageArray) -> Any:
        return pipeline.process(image, float(next(stamps)))

    def with_message(image: ImageArray) -> Any:
        return messages.to_message(silently(image), header=Header(), width=640, height=480)
    yield 'no message of two faces while nobody subscribes', ratio(
        with_message, silently, images[:30], rounds=rounds), 'no: they are what the node is for', (
        'of pipeline and message')

    before = min(_collection() for _ in range(rounds))
    gc.freeze()
    after = min(_collection() for _ in range(rounds))
    gc.unfreeze()
    yield 'full garbage collection after gc.freeze, wall time', after / before, 'yes', (
        f'{before * 1e3:.0f} ms before')
    try:
        from rclpy.experimental import EventsExecutor  # noqa: F401 - rclpy 7.1.4 and newer
        yield 'events executor', None, 'as a choice: rclpy calls it experimental', (
            'parameter `executor`; in the lines "frugal" from the camera to ~/faces')
    except ImportError:
        yield 'events executor', None, 'as a choice', 'this rclpy has none'


def _collection() -> float:
    started = time.perf_counter()
    gc.collect()
    return time.perf_counter() - started
