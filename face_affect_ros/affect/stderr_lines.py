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

"""Take one line out of what a native library writes to stderr."""

from collections.abc import Iterator
import contextlib
import os
import sys


@contextlib.contextmanager
def stderr_without(text: bytes) -> Iterator[None]:
    """
    Keep lines that hold a text from stderr in a with block; all others come at its end.

    Of the whole process, native code included, so the block should be short. Only Linux has the
    file in memory that this needs; elsewhere nothing is kept back.
    """
    if sys.platform != 'linux':
        yield
        return
    try:
        stderr, kept = os.dup(2), os.memfd_create('stderr')
    except OSError:   # a process without stderr
        yield
        return
    os.dup2(kept, 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.lseek(kept, 0, os.SEEK_SET)
        with open(kept, 'rb') as file, contextlib.suppress(OSError):
            os.write(stderr, b''.join(line for line in file if text not in line))
        os.close(stderr)
