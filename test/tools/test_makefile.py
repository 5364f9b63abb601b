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

"""The targets of the Makefile pass their variables on."""

import os
from pathlib import Path
import subprocess

import pytest
from support import SOURCE


@pytest.mark.parametrize('name', ['', 'a b.gif', 'it"s.gif', "it's.gif", '$x`id`$(shell id).gif',
                                  '-x.gif', '*.gif', 'a\\b.gif', 'a#b;c&d.gif', 'ü.gif'])
def test_the_demo_gets_the_source_as_it_is(name: str, tmp_path: Path) -> None:
    command = tmp_path / 'face_affect'
    command.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    command.chmod(0o755)
    done = subprocess.run(
        ['make', '--silent', 'demo', 'SETUP=:', 'ENTER=', f'SOURCE={name}', 'DURATION=3'],
        cwd=SOURCE, capture_output=True, text=True, check=True,
        env={**os.environ, 'PATH': f"{tmp_path}:{os.environ['PATH']}"})
    assert done.stdout.splitlines() == ['demo', f'--source={name}', '--duration', '3', '--out',
                                        'out/demo']
