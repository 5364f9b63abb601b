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

"""Fixtures of all tests."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
import logging
import os
from pathlib import Path
from typing import Any

import pytest
from support import reserved_domain

ROOT = Path(__file__).resolve().parents[1]
#: Folders whose tests need ROS 2; in other folders, tests with one of these fixtures need it.
ROS_FOLDERS = {'nodes', 'behaviours', 'launch', 'faults', 'benchmarks', 'fuzz'}
ROS_FIXTURES = {'ros', 'ros_domain'}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test of this folder with `ros` or `unit`, for one process each."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            ros = (item.path.relative_to(here).parts[0] in ROS_FOLDERS
                   or ROS_FIXTURES & set(getattr(item, 'fixturenames', ())))
            mark = 'ros' if ros else 'unit'
            item.add_marker(mark)
            item.add_marker(pytest.mark.xdist_group(mark))


@pytest.fixture(scope='session')
def shared_dir() -> Path:
    """Return the folder of shared data and clips; skip if there is none."""
    folder = Path(os.environ.get('FACE_AFFECT_SHARED', ROOT.parent / 'shared'))
    if not folder.is_dir():
        pytest.skip(f'no shared files: {folder} is not a folder; set FACE_AFFECT_SHARED')
    return folder


@pytest.fixture(scope='session')
def shared_file(shared_dir: Path) -> Callable[[str], Path]:
    """Return a function that finds a shared file, and skips the test if it is missing."""
    def find(name: str) -> Path:
        path = shared_dir / name
        if not path.exists():
            pytest.skip(f'the shared file {path} is not there')
        return path
    return find


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture,
           monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """Return pytest's fixture, connected to the loggers of launch, which it does not capture."""
    for name in logging.root.manager.loggerDict:
        if name.startswith('face_affect'):
            monkeypatch.setattr(logging.getLogger(name), 'propagate', True)
    return caplog


@pytest.fixture
def ros_domain(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Reserve a ROS domain for this test and for the processes that it starts."""
    pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')
    with reserved_domain() as domain:
        monkeypatch.setenv('ROS_DOMAIN_ID', str(domain))
        monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
        monkeypatch.delenv('ROS_LOCALHOST_ONLY', raising=False)
        monkeypatch.delenv('ROS_STATIC_PEERS', raising=False)
        yield domain


@dataclass
class Ros:
    """A ROS context with one node and one executor, for one test."""

    context: Any
    node: Any
    executor: Any

    def add(self, node: Any) -> Any:
        """Spin a further node, which must have this context."""
        self.executor.add_node(node)
        return node


@pytest.fixture
def ros(ros_domain: int) -> Iterator[Ros]:
    """Return a context, a node `tester` and their executor, in the domain of the test."""
    import rclpy
    from rclpy.executors import SingleThreadedExecutor

    context = rclpy.Context()
    rclpy.init(context=context, args=[])
    executor = SingleThreadedExecutor(context=context)
    node = rclpy.create_node('tester', context=context)
    executor.add_node(node)
    try:
        yield Ros(context, node, executor)
    finally:
        for each in executor.get_nodes():
            executor.remove_node(each)
            each.destroy_node()
        executor.shutdown()
        context.try_shutdown()


@pytest.fixture(scope='session')
def portrait() -> Any:
    """Return the first frame of the default source, BGR 640x480."""
    from face_affect_ros.media import open_media
    with open_media('') as media:
        return next(iter(media)).image
