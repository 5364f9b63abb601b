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

"""The threads of nodes, and their end."""

from pathlib import Path
import subprocess
import sys
import threading
from typing import Any

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

import bag_files  # noqa: E402, I100
from bench import SUCCESS  # noqa: E402
from face_affect_ros.nodes.bag_player import BagPlayer  # noqa: E402
from face_affect_ros.nodes.camera_player import CameraPlayer  # noqa: E402
from face_affect_ros.nodes.face_affect_node import FaceAffectNode  # noqa: E402
from rclpy.parameter import Parameter  # noqa: E402


@pytest.mark.parametrize(('kind', 'thread', 'values'), [
    (FaceAffectNode, 'face_affect', {'emotion_model': '', 'gender_model': ''}),
    (CameraPlayer, 'playback', {}), (BagPlayer, 'bag_player', {'bag': 'bag'})])
def test_a_thread_ends_when_its_node_is_destroyed(
        kind: Any, thread: str, values: dict[str, str], ros: Any, tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch) -> None:
    """A container of another package does not call the method `close`."""
    monkeypatch.chdir(tmp_path)
    bag_files.write(Path('bag'), [bag_files.image()])
    before = set(threading.enumerate())
    node = kind(context=ros.context, parameter_overrides=[
        Parameter(name, value=value) for name, value in values.items()])
    if kind is FaceAffectNode:
        assert (node.trigger_configure(), node.trigger_activate()) == (SUCCESS, SUCCESS)
    started, = (each for each in threading.enumerate()
                if each not in before and each.name == thread)
    node.destroy_node()
    assert not started.is_alive()


def test_a_program_that_ends_without_stop_finishes_the_current_image() -> None:
    """As one that only spins the node; Python may abort if it ends a thread in a network."""
    program = """
import threading, time
from face_affect_ros.nodes.threads import Worker
started = threading.Event()
def work(item):
    started.set()
    time.sleep(1.0)
    print('finished', item)
worker = Worker(work, depth=1, name='worker')
worker.put('image')
started.wait()
"""
    ended = subprocess.run([sys.executable, '-c', program], capture_output=True, text=True,
                           check=True)
    assert ended.stdout == 'finished image\n', ended.stderr
