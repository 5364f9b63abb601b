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

"""Disable the log of OpenCV where this package reports errors itself."""

from collections.abc import Iterator
import contextlib
import threading
from typing import Any

import cv2

# OpenCV 4.6 has the functions in cv2 itself, later ones in cv2.utils.logging
_logging: Any = getattr(cv2.utils, 'logging', cv2)


class _Silence:
    """The blocks of all threads in which the log is disabled, and its level before the first."""

    lock = threading.Lock()
    blocks = 0
    level: Any = None


@contextlib.contextmanager
def opencv_silenced() -> Iterator[None]:
    """Disable the log of OpenCV during a with block; blocks of several threads may overlap."""
    with _Silence.lock:
        if not _Silence.blocks:
            _Silence.level = _logging.getLogLevel()
            _logging.setLogLevel(0)
        _Silence.blocks += 1
    try:
        yield
    finally:
        with _Silence.lock:
            _Silence.blocks -= 1
            if not _Silence.blocks:
                _logging.setLogLevel(_Silence.level)
