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
Latency from the stamp of the image to ~/faces in another process, processor time and memory.

A camera_player publishes an image with a given number of faces. Player and node run in two
processes, with the DDS profile of the environment, or in one container. Low power is the launch
argument `low_power:=true`.
"""

from argparse import Namespace
from collections.abc import Iterator
import contextlib
import importlib.util
import os
from pathlib import Path
import tempfile
import time
from typing import Any

from composition_interfaces.srv import LoadNode
import cv2
from face_affect_bench.driving import call, joined, require, usage, wait
from face_affect_bench.frames import compose, HD, VGA
from face_affect_bench.machine import Row
from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.launch_support import share
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.messages import seconds_of
from face_affect_ros.processes import running_node
import numpy as np
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo
import yaml

PLAYER, NODE, CONTAINER = 'camera_player', 'face_affect', 'face_affect_container'
#: Seconds before each measurement.
WARM_UP = 1.0


class Watcher:
    """Subscriptions to camera_info and ~/faces, and service calls."""

    def __init__(self, node: Any, executor: Any) -> None:
        """Subscribe."""
        self._node, self._executor = node, executor
        self.results: list[tuple[float, float, int]] = []   # stamp and arrival in s, faces
        self.sent: list[float] = []   # stamps of the images, from camera_info
        node.create_subscription(FaceAffectArray, f'/{NODE}/faces', self._take, qos.results())
        node.create_subscription(CameraInfo, '/camera_info', lambda message: self.sent.append(
            seconds_of(message.header)), qos.results())

    def _take(self, message: FaceAffectArray) -> None:
        self.results.append((seconds_of(message.header), time.time(), len(message.faces)))

    def set_rate(self, rate: float) -> None:
        """Set the images per second of the camera."""
        response = self._call(SetParameters, f'/{PLAYER}/set_parameters', SetParameters.Request(
            parameters=[Parameter('rate', value=rate).to_parameter_msg()]))
        if not response.results[0].successful:
            raise SystemExit(f'{PLAYER}: {response.results[0].reason}')

    def load(self, plugin: str, parameters: dict[str, Any], remappings: dict[str, str]) -> None:
        """Load a node into the container."""
        response = self._call(LoadNode, f'/{CONTAINER}/_container/load_node', LoadNode.Request(
            package_name='face_affect_ros', plugin_name=f'face_affect_ros::{plugin}',
            parameters=[Parameter(name, value=value).to_parameter_msg()
                        for name, value in parameters.items()],
            remap_rules=[f'{old}:={new}' for old, new in remappings.items()]))
        if not response.success:
            raise SystemExit(f'{plugin} could not be loaded: {response.error_message}')

    def _call(self, kind: Any, service: str, request: Any) -> Any:
        client = self._node.create_client(kind, service)
        response = call(self._executor, client, request)
        self._node.destroy_client(client)
        return response


def run(options: Namespace) -> list[Row]:
    """Return a row for each size, number of faces, configuration and rate."""
    sizes, faces, rates, seconds = (VGA, HD), (0, 1, 2, 8), (15.0, 30.0, 60.0), 6.0
    if options.quick:
        sizes, faces, rates, seconds = (VGA,), (0, 2), (30.0,), 4.0
    rows = []
    os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ['ROS_DOMAIN_ID'] = str(100 + os.getpid() % 100)
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            for count in faces:
                picture = Path(folder) / f'{size[0]}_{count}.png'
                cv2.imwrite(str(picture), compose(size, count))
                forms = [two_processes, one_container]
                if size == VGA and importlib.util.find_spec('rclpy.experimental'):
                    forms.append(two_processes_low_power)
                for form in forms:
                    place = {'image': f'{size[0]}x{size[1]}', 'faces': count,
                             'configuration': form.__name__.replace('_', ' ')}
                    rows += [{**place, **row} for row in measure(form, picture, rates, seconds)]
    return rows


@contextlib.contextmanager
def two_processes(watcher: Watcher, player: dict[str, Any],
                  node: dict[str, Any] | None = None) -> Iterator[dict[str, int]]:
    """Run player and node with these parameters in two processes; yield the process ids."""
    with running_node('face_affect_node', NODE, {'autostart': True, **(node or {})},
                      {'image': 'image_raw'}) as faces, \
            running_node('camera_player', PLAYER, player) as camera:
        yield {'node': faces.pid, 'camera': camera.pid}


def two_processes_low_power(watcher: Watcher, player: dict[str, Any]) -> Any:
    """Run two processes with the parameters of the launch argument `low_power`."""
    file = yaml.safe_load(share('config', 'low_power.yaml').read_text(encoding='utf-8'))
    return two_processes(watcher, player, {'executor': 'events', **file['/**']['ros__parameters']})


@contextlib.contextmanager
def one_container(watcher: Watcher, player: dict[str, Any]) -> Iterator[dict[str, int]]:
    """Run both in one process; yield the process id."""
    with running_node(CONTAINER, CONTAINER, {}) as container:
        watcher.load('FaceAffectNode', {'autostart': True}, {'image': 'image_raw'})
        watcher.load('CameraPlayer', player, {})
        yield {'node': container.pid}


def measure(form: Any, picture: Path, rates: tuple[float, ...], seconds: float) -> Iterator[Row]:
    """Start player and node; yield a row for each rate."""
    with joined('face_affect_bench') as (node, executor):
        watcher = Watcher(node, executor)
        started = time.monotonic()
        with form(watcher, {'source': str(picture), 'rate': rates[0]}) as processes:
            require(executor, lambda: watcher.results,
                    'no message on ~/faces; see the log of the node')
            ready = time.monotonic() - started
            for rate in rates:
                watcher.set_rate(rate)
                wait(executor, lambda: False, WARM_UP)
                watcher.results.clear()
                watcher.sent.clear()
                before = {name: usage(number) for name, number in processes.items()}
                wait(executor, lambda: False, seconds)
                after = {name: usage(number) for name, number in processes.items()}
                yield {'Hz': round(rate), **_row(watcher), **_costs(before, after, seconds),
                       'start s': round(ready, 2)}


def _row(watcher: Watcher) -> Row:
    """Return latency and lost images between the first and the last result."""
    if not watcher.results:
        return {'images': len(watcher.sent), 'lost': len(watcher.sent)}
    stamps, arrivals, faces = np.array(watcher.results).T
    median, p99 = np.percentile((arrivals - stamps) * 1e3, [50, 99])
    sent = {stamp for stamp in watcher.sent if stamps[0] <= stamp <= stamps[-1]}
    return {'images': len(sent), 'lost': len(sent - set(stamps.tolist())),
            'found': round(float(faces.mean()), 2), 'median ms': round(float(median), 2),
            'p99 ms': round(float(p99), 2)}


def _costs(before: Row, after: Row, seconds: float) -> Row:
    row: Row = {}
    for name, used in after.items():
        spent = used['time'] - before[name]['time']
        row[f'{name}: % of a core'] = round(100.0 * spent / seconds, 1)
        row[f'{name}: MiB'] = round(used['memory'] * 1e6 / 2**20)
    return row
