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

"""docs/results/reliability.md: its tables are those of the files, and its tests exist."""

from pathlib import Path
import re

import reliability_page

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_contains_the_results_of_the_files() -> None:
    text = reliability_page.PAGE.read_text()
    assert reliability_page.filled(text) == text, (
        'write it anew: python tools/reliability_page.py')


def test_every_test_on_the_page_exists() -> None:
    text = reliability_page.PAGE.read_text()
    tests = '\n'.join(path.read_text() for path in (ROOT / 'test').rglob('test_*.py'))
    names = re.findall(r'`((?:[a-z0-9]+_){3,}[a-z0-9]+)(?:\.\.\.)?`', text)
    assert len(names) > 10
    assert [name for name in names if f'def test_{name.removeprefix("test_")}' not in tests] == []
    for path in re.findall(r']\(([^)#]+)\)', text):
        assert (reliability_page.PAGE.parent / path).exists(), path
