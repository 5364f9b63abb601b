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

"""The demo: player and node as two processes, watched by this one."""

import contextlib
from dataclasses import asdict
from pathlib import Path
import signal
import subprocess
import time
from typing import NamedTuple

from face_affect_msgs.msg import FaceAffectArray
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import AffectError
from face_affect_ros.bags import ImageBag, is_bag
from face_affect_ros.demo import ENDLESS_DURATION
from face_affect_ros.demo.recorder import Recorder
from face_affect_ros.demo.table import LiveTable
from face_affect_ros.media import open_media
from face_affect_ros.nodes import qos
from face_affect_ros.nodes.image_conversion import to_array
from face_affect_ros.nodes.main import initialize, received_signals
from face_affect_ros.nodes.messages import from_message, seconds_of
from face_affect_ros.processes import running_node
import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Image

#: Seconds to wait for the last results after the player has ended.
DRAIN_TIMEOUT = 1.0
#: Seconds to wait for the first result, models and decoder included, on a slow computer.
PATIENCE = 60.0
#: Images per second of the annotated video where the source has no rate of its own.
DEFAULT_RATE = 30.0
NODE = 'face_affect'


class Watcher(Node):
    """Receives the messages of the node and passes them to table and recorder."""

    def __init__(self, table: LiveTable, recorder: Recorder) -> None:
        """Subscribe."""
        super().__init__('face_affect_demo')
        self._table, self._recorder = table, recorder
        self.create_subscription(FaceAffectArray, f'/{NODE}/faces', self._take_faces,
                                 qos.results())
        self.create_subscription(Image, f'/{NODE}/image_annotated', self._take_image,
                                 qos.image_input('reliable', 10))

    def _take_faces(self, message: FaceAffectArray) -> None:
        stamp = seconds_of(message.header)
        latency = self.get_clock().now().nanoseconds * 1e-9 - stamp
        faces = from_message(message)
        self._recorder.faces(faces, stamp=stamp, width=message.image_width,
                             height=message.image_height, latency=latency)
        self._table.show(faces, latency=latency)

    def _take_image(self, message: Image) -> None:
        self._recorder.picture(to_array(message), stamp=seconds_of(message.header))


def run_demo(*, source: str, duration: float, out: Path, settings: PipelineSettings) -> int:
    """
    Run the demo.

    Args:
        source: A bag, or a source of camera_player.
        duration: Maximum duration in seconds, 0 for that of the source.
        out: Folder of the results.
        settings: Settings of the pipeline.

    Returns:
        The exit code, 0 only if faces were published.

    Raises:
        AffectError: The source cannot be read, ROS or a process has failed, or the disk is full.
    """
    play = player_for(source)
    duration = duration or (ENDLESS_DURATION if play.endless else float('inf'))
    recorder = Recorder(out, source=source or 'astronaut', rate=play.rate)
    initialize([])
    try:
        with contextlib.closing(recorder), received_signals(
                signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as received, LiveTable(
                source or 'astronaut (scikit-image), panned and zoomed') as table:
            watcher = Watcher(table, recorder)
            with running_node('face_affect_node', NODE, {
                    **asdict(settings), 'image_transport': play.transport, 'autostart': True,
                    'required': True}) as node, \
                    running_node(play.module, 'player', play.parameters,
                                 {'image_raw': 'image'}) as player:
                _watch(watcher, recorder, player, node, duration, received)
            watcher.destroy_node()
    finally:
        rclpy.try_shutdown()
    print(recorder.summary(), flush=True)
    return 0 if recorder.seen else 1


class Player(NamedTuple):
    """Module and parameters of a player, images per second, whether endless, image transport."""

    module: str
    parameters: dict[str, object]
    rate: float
    endless: bool
    transport: str


def player_for(source: str) -> Player:
    """Return the player of a source."""
    try:
        source.encode()
    except UnicodeEncodeError as error:
        raise AffectError(f'{source}: the name is not UTF-8, as required by ROS parameters; '
                          'rename it, or use a symbolic link to it') from error
    if source and is_bag(source):
        bag = ImageBag(source)
        transport = 'compressed' if bag.type.endswith('CompressedImage') else 'raw'
        return Player('bag_player', {'bag': source, 'topic': bag.topic}, DEFAULT_RATE, False,
                      transport)
    with open_media(source) as media:
        endless = media.live or media.rate is None or not source
        parameters = {'source': source, 'loop': endless, 'exit_at_end': True,
                      'min_subscribers': 1}
        return Player('camera_player', parameters, media.rate or DEFAULT_RATE, endless, 'raw')


def _watch(watcher: Watcher, recorder: Recorder, player: 'subprocess.Popen[bytes]',
           node: 'subprocess.Popen[bytes]', duration: float, received: list[int]) -> None:
    """
    Spin until the duration is over, the player has ended, or a signal is received.

    Raises:
        AffectError: A process failed.
    """
    executor = SingleThreadedExecutor()
    executor.add_node(watcher)
    started = time.monotonic()
    first = ended = 0.0
    while not received:
        executor.spin_once(timeout_sec=0.05)
        now = time.monotonic()
        first = first or (now if recorder.messages else 0.0)
        ended = ended or (now if player.poll() is not None else 0.0)
        if node.poll() is not None:
            raise AffectError(f'the node ended with exit code {node.returncode}; see above')
        if player.poll():
            raise AffectError(f'the player ended with exit code {player.returncode}; see above')
        if not first and now - started > PATIENCE:
            raise AffectError(f'no message arrived within {PATIENCE:.0f} s; see above')
        if (first and now - first > duration) or (ended and now - ended > DRAIN_TIMEOUT):
            return
