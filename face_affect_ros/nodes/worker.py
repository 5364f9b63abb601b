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

"""One thread that does the work, so that the executor stays responsive."""

from collections import deque
from collections.abc import Callable
import os
import sys
import threading
from typing import Generic, TypeVar

Item = TypeVar('Item')


class Worker(Generic[Item]):
    """
    Hands items to a function, one at a time, in a thread of its own.

    At most `depth` items wait; when one more comes, the oldest is dropped and counted. With a
    depth of 1 the newest item wins.
    """

    def __init__(self, work: Callable[[Item], None], *, depth: int, name: str,
                 niceness: int = 0) -> None:
        """
        Start the thread.

        work: must not raise; what it raises ends the thread. niceness: how far the thread stands
        back behind others, as nice(1) has it, where the system has niceness of threads.
        """
        self._niceness = niceness
        self._work = work
        self._waiting: deque[Item] = deque()
        self._depth = depth
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, item: Item) -> int:
        """Queue an item; return the number of items dropped for it, 0 or 1."""
        with self._changed:
            dropped = 0
            if len(self._waiting) >= self._depth:
                self._waiting.popleft()
                dropped = 1
            self._waiting.append(item)
            self._changed.notify()
            return dropped

    @property
    def waiting(self) -> bool:
        """Return whether an item waits for the one in hand."""
        return bool(self._waiting)

    def stop(self) -> int:
        """Finish the item in hand, end the thread, return the number of items left undone."""
        with self._changed:
            self._stopping = True
            left = len(self._waiting)
            self._waiting.clear()
            self._changed.notify()
        self._thread.join()
        return left

    def _run(self) -> None:
        if self._niceness and sys.platform == 'linux':   # elsewhere it is of the whole process
            os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + self._niceness)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return
                item = self._waiting.popleft()
            self._work(item)
