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

"""The process of a node: its arguments, and its end by a signal."""

from pathlib import Path
import signal
import subprocess
import sys

import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from support import running_node, wait_until  # noqa: E402, I100

#: Remedies for invalid names and values.
NAMES = 'a namespace begins with / and does not end with it'
QUOTES = 'between quotes: -p "NAME:=\'VALUE\'"'


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize('executor', ['single_threaded', 'events'])
def test_a_signal_ends_a_node_without_work(executor: str, number: int, ros_domain: int) -> None:
    if executor == 'events':
        pytest.importorskip('rclpy.experimental', reason='this rclpy has no events executor')
    with running_node('face_affect_ros.nodes.face_affect_node', executor=executor, autostart=True,
                      emotion_model='', gender_model='') as process:
        assert wait_until(lambda: 'waiting for images' in process.output()), process.output()
        assert process.stop(number) == 0, process.output()
        assert 'Traceback' not in process.output()


def test_the_nodes_need_no_module_that_a_newer_rclpy_lacks() -> None:
    """Lyrical has endpoint_info.py."""
    code = ('import sys; import rclpy.lifecycle; '
            'sys.modules["rclpy.topic_endpoint_info"] = None; '
            'from face_affect_ros.nodes import container, face_affect_node, humans_merger')
    assert subprocess.run([sys.executable, '-c', code]).returncode == 0


@pytest.mark.parametrize(('arguments', 'remedy'), [
    (['-r', '__ns:=/robot1/'], NAMES),   # refused when the node is created
    (['-r', '__node:=' + 'n' * 256], NAMES),
    (['-r', '__ns:=/robot-1'], NAMES),
    (['-r', 'image:=/1/image_raw'], NAMES),
    (['-p', 'bag:='], QUOTES),
    (['-p', 'bag:=[1].mcap'], QUOTES),
    (['-p', 'bag=a.mcap'], 'write -p NAME:=VALUE'),
    (['--params-file', 'old.yaml'], 'it must exist and have the form of config/default.yaml'),
    (['--bag', 'a.mcap'], "['--bag', 'a.mcap']; these are not arguments of ROS"),
])
def test_arguments_that_ros_refuses_are_named_with_the_remedy(
        arguments: list[str], remedy: str, ros_domain: int, tmp_path: Path) -> None:
    (tmp_path / 'old.yaml').write_text('min_score: 0.5\n')   # of ROS 1
    done = subprocess.run(
        [sys.executable, '-m', 'face_affect_ros.nodes.bag_player', '--ros-args', *arguments],
        capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 1
    assert 'Traceback' not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith('error: ') and remedy in last
