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

"""A line of a native library is removed from stderr."""

import os
import subprocess
import sys
import threading

from face_affect_ros.affect.interpreter import DELEGATE_LINE, stderr_without
import pytest


def test_lines_with_the_text_are_dropped(capfd: pytest.CaptureFixture[str]) -> None:
    with stderr_without(b'chatter'):
        os.write(2, b'first\nINFO: chatter\nlast without an end')
    os.write(2, b', and more\n')
    assert capfd.readouterr().err == 'first\nlast without an end, and more\n'


def test_output_before_an_error_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError), stderr_without(b'chatter'):
        os.write(2, b'chatter\nthe reason\n')
        raise ValueError
    assert capfd.readouterr().err == 'the reason\n'


def test_blocks_of_two_threads_leave_stderr_as_it_was(
        capfd: pytest.CaptureFixture[str]) -> None:
    """As when two nodes in one process load networks at the same time."""
    first_began, first_ended, second_began = (threading.Event() for _ in range(3))

    def first() -> None:
        with stderr_without(b'chatter'):
            first_began.set()
            second_began.wait(0.3)   # it waits for the end of this block
            os.write(2, b'chatter\nfirst\n')
        first_ended.set()

    thread = threading.Thread(target=first)
    thread.start()
    first_began.wait()
    with stderr_without(b'chatter'):
        second_began.set()
        first_ended.wait()
        os.write(2, b'chatter\nsecond\n')
    thread.join()
    os.write(2, b'after\n')
    assert capfd.readouterr().err.splitlines() == ['first', 'second', 'after']


def test_loading_the_models_prints_nothing() -> None:
    """In a separate process, because the runtime prints its line once."""
    code = ('from face_affect_ros.affect import make_pipeline, PipelineSettings\n'
            'make_pipeline(PipelineSettings()).warm_up()')
    run = subprocess.run([sys.executable, '-c', code], capture_output=True, check=False,
                         env={**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)})
    assert run.returncode == 0
    assert DELEGATE_LINE not in run.stderr and run.stderr == b''
