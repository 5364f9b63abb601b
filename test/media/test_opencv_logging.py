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

"""The log of OpenCV is disabled in blocks only."""

from contextlib import ExitStack

from face_affect_ros.media.opencv_logging import _logging, opencv_silenced
import pytest


@pytest.mark.parametrize('order', ['first', 'last'])
def test_the_level_is_restored_after_overlapping_blocks(order: str) -> None:
    """As when two nodes in one process decode images at the same time."""
    level = _logging.getLogLevel()
    assert level != 0
    blocks = [ExitStack(), ExitStack()]
    for block in blocks:
        block.enter_context(opencv_silenced())
        assert _logging.getLogLevel() == 0
    ends = blocks if order == 'first' else blocks[::-1]
    ends[0].close()
    assert _logging.getLogLevel() == 0
    ends[1].close()
    assert _logging.getLogLevel() == level
    with opencv_silenced():
        assert _logging.getLogLevel() == 0
    assert _logging.getLogLevel() == level
