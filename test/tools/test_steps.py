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

"""The steps of the set-up: skipped if unchanged, repeated otherwise, and their errors."""

from pathlib import Path
import sys

import pytest
from setup_steps.steps import digest, files_below, run, SetupError, step


class Counter:
    """An action that counts its calls."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


def test_a_step_is_run_once_for_each_key(tmp_path: Path) -> None:
    action = Counter()
    ran = [step('name', 'title', key, action, stamps=tmp_path) for key in ('a', 'a', 'b', 'a')]
    assert ran == [True, False, True, True]
    assert action.calls == 3


def test_a_step_is_repeated_if_its_product_is_missing(tmp_path: Path) -> None:
    product = tmp_path / 'product'

    def again() -> bool:
        return step('name', 'title', 'key', product.touch, product=product,
                    stamps=tmp_path / 'stamps')

    assert again()
    assert not again()
    product.unlink()
    assert again()


def test_a_failed_step_is_repeated_with_an_unchanged_key(tmp_path: Path) -> None:
    def fail() -> None:
        raise SetupError('no')

    assert step('name', 'title', 'old', Counter(), stamps=tmp_path)
    with pytest.raises(SetupError):
        step('name', 'title', 'new', fail, stamps=tmp_path)
    assert step('name', 'title', 'old', Counter(), stamps=tmp_path)


def test_a_digest_depends_on_contents_and_their_boundaries(tmp_path: Path) -> None:
    file = tmp_path / 'file'
    file.write_text('1')
    before = digest('a', file)
    assert before == digest('a', file)
    file.write_text('2')
    assert before != digest('a', file)
    assert digest('ab', 'c') != digest('a', 'bc')
    assert digest(tmp_path / 'missing') != digest()


def test_byte_code_is_ignored(tmp_path: Path) -> None:
    for name in ('b.py', 'a.py', '__pycache__/a.pyc'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in files_below(tmp_path)] == ['a.py', 'b.py']


def test_a_failing_command_shows_the_end_of_its_own_output(tmp_path: Path) -> None:
    log = tmp_path / 'log'
    run([sys.executable, '-c', 'print("all well")'], what='first', log=log)
    code = 'import sys; [print(f"line {i}") for i in range(100)]; sys.exit(3)'
    with pytest.raises(SetupError) as error:
        run([sys.executable, '-c', code], what='second', log=log)
    lines = str(error.value).splitlines()
    assert lines[0] == f'second failed; the end of {log}:'
    assert lines[1:-1] == [f'  line {i}' for i in range(75, 100)]
    assert 'all well' in log.read_text()


def test_the_output_is_shown_although_the_command_removes_the_log(tmp_path: Path) -> None:
    """Like `python -m venv --clear`."""
    log = tmp_path / 'setup.log'
    with pytest.raises(SetupError, match='no room left'):
        run([sys.executable, '-c', f"import os; os.remove({str(log)!r}); "
             "raise SystemExit('no room left')"], what='clearing', log=log)
