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

"""A node in a process of its own, and a bench in this process."""

from collections.abc import Callable, Iterator
import contextlib
from typing import Any

from face_affect_ros.media import open_media
import pytest
from support import Process, running_node

NODE = 'face_affect_ros.nodes.face_affect_node'


class Far:
    """
    A node face_affect in another process, with a camera and its messages.

    process: of the node. bench: publishers, and received messages.
    """

    def __init__(self, process: Process, bench: Any) -> None:
        """Take both."""
        self.process, self.bench = process, bench

    def counts(self) -> dict[str, int]:
        """Return the newest counts of the node."""
        values = {each.key: each.value for each in self.bench.statuses[-1].values}
        return {key: int(value) for key, value in values.items()
                if key in ('received', 'published', 'dropped', 'refused')}

    def settled(self) -> bool:
        """Spin until the counts of the node agree with the messages; return whether they do."""
        def agree() -> bool:
            counts = self.counts()
            return (counts['published'] == len(self.bench.faces) and counts['received']
                    == counts['published'] + counts['dropped'] + counts['refused'])
        self.bench.statuses.clear()
        return self.bench.until(lambda: self.bench.statuses and agree())


@pytest.fixture
def far(ros: Any) -> Iterator[Callable[..., Any]]:
    """Return a context manager that runs an active node with given parameters."""
    from bench import Bench
    with open_media('') as media:
        portrait = next(iter(media)).image

    @contextlib.contextmanager
    def run(*ros_args: str, **parameters: Any) -> Iterator[Far]:
        bench = Bench(ros, portrait)
        values = {'autostart': True, 'diagnostics_period': 0.1, 'processing': 'every',
                  **parameters}
        with running_node(NODE, *ros_args, **values) as process:
            assert bench.until(bench.images.get_subscription_count), process.output()
            assert bench.until(lambda: bench.statuses), process.output()
            yield Far(process, bench)
            assert 'Traceback' not in process.output(), process.output()

    yield run
