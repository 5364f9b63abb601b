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

"""A worker thread."""

import atexit
from collections import deque
from collections.abc import Callable
import os
import sys
import threading
from typing import Generic, TypeVar

Item = TypeVar('Item')


class Worker(Generic[Item]):
    """
    Calls a function with items, one at a time, in a thread of its own.

    At most `depth` items wait; one more replaces the oldest.

    Args:
        work: Must not raise: that would end the thread.
        depth: Number of items that wait, >= 1.
        name: Name of the thread.
        niceness: Added to that of the process, on Linux.
    """

    def __init__(self, work: Callable[[Item], None], *, depth: int, name: str,
                 niceness: int = 0) -> None:
        self._niceness = niceness
        self._work = work
        self._waiting: deque[Item] = deque(maxlen=depth)
        self._changed = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        # A program may end without stop. Python would end the thread in a network, and abort.
        atexit.register(self.stop)

    def put(self, item: Item) -> int:
        """Queue an item; return the number of items dropped for it, 0 or 1."""
        with self._changed:
            dropped = int(len(self._waiting) == self._waiting.maxlen)
            self._waiting.append(item)
            self._changed.notify()
        return dropped

    @property
    def waiting(self) -> bool:
        """Whether an item waits for the current one."""
        return bool(self._waiting)

    def stop(self) -> int:
        """Finish the current item and end the thread; return the number of dropped items."""
        atexit.unregister(self.stop)
        with self._changed:
            self._stopping = True
            left = len(self._waiting)
            self._waiting.clear()
            self._changed.notify()
        self._thread.join()
        return left

    def _run(self) -> None:
        if self._niceness and sys.platform == 'linux':   # elsewhere, it is one for the process
            os.setpriority(os.PRIO_PROCESS, 0, os.getpriority(os.PRIO_PROCESS, 0) + self._niceness)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                if self._stopping:
                    return
                item = self._waiting.popleft()
            self._work(item)
