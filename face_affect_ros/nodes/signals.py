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

"""SIGINT and SIGTERM as a wish to stop, while ROS still works."""

from collections.abc import Callable, Iterator
import contextlib
import os
import signal
import threading

NUMBERS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def on_stop_signal(stop: Callable[[], None]) -> Iterator[None]:
    """
    Call a function at each SIGINT and SIGTERM, from a thread of its own, in a with block.

    rclpy's own handlers shut the context down first, so that a node can say no more how it ends.
    Python runs handlers in the main thread only, which may be waiting for messages: the number
    of the signal comes through a pipe instead. For the main thread only.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    handlers = {number: signal.signal(number, lambda *_: None) for number in NUMBERS}
    former = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def listen() -> None:
        while data := os.read(reader, 1):
            if data[0] in NUMBERS:
                stop()

    thread = threading.Thread(target=listen, name='signals', daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(former)
        for number, handler in handlers.items():
            signal.signal(number, handler)
        os.close(writer)
        thread.join()
        os.close(reader)
