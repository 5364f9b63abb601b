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

"""The pages in Markdown: width of lines, and links between them."""

from pathlib import Path
import re

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob('*.md'), *(ROOT / 'docs').rglob('*.md'),
                *ROOT.glob('models/*/README.md'), *ROOT.glob('training/README.md'),
                *ROOT.glob('test/*/README.md')])
WIDTH = 100
#: Pages with tables of results whose rows are longer, beside those of docs/results.
WIDE_TABLES = ('detectors.md', 'training-data.md')


def anchor(heading: str) -> str:
    """Return the anchor of a heading, as on GitHub."""
    return re.sub(r'[^\w\- ]', '', heading.strip().lower()).replace(' ', '-')


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page."""
    return {anchor(heading) for heading in re.findall(r'^#+ (.*)', path.read_text(), re.MULTILINE)}


@pytest.mark.parametrize('path', PAGES, ids=lambda path: path.name)
def test_lines_have_at_most_100_columns(path: Path) -> None:
    wide = path.name in WIDE_TABLES or path.parent.name == 'results'
    long = [line for line in path.read_text().splitlines() if len(line) > WIDTH
            and not (line.startswith('|') and wide)]
    assert long == []


@pytest.mark.parametrize('path', PAGES, ids=lambda path: path.name)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    text = re.sub(r'```.*?```', '', path.read_text(), flags=re.DOTALL)
    for link in re.findall(r'\]\(([^)\s]+)\)', text):
        file, _, heading = link.partition('#')
        if '://' in link:
            continue
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), link
        if heading:
            assert heading in anchors(target), link
