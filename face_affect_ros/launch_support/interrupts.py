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

"""Ctrl-C while launch starts processes."""

import asyncio
import signal
import threading
from types import FrameType


def leave_interrupts_to_launch() -> None:
    """
    Keep SIGINT from raising KeyboardInterrupt while the event loop of launch runs.

    launch hears of SIGINT through a file descriptor and shuts down in order. Python's own handler
    raises KeyboardInterrupt as well, wherever the main thread is. Where that is in the middle of
    the start of a process, launch (3.4.3) waits for this start for ever, after Ctrl-C too. To be
    called by generate_launch_description; without a running loop, as for `ros2 launch -s`, and
    where somebody else handles SIGINT, it does nothing.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    if (threading.current_thread() is not threading.main_thread()
            or signal.getsignal(signal.SIGINT) is not signal.default_int_handler):
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if not loop.is_running():
            signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, handle)
