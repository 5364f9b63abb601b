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

"""The pages of results and models, generated from the result files."""

import json
from pathlib import Path
import re
import shutil

from face_affect_ros.affect.types import AffectError
from face_affect_training.__main__ import main
from face_affect_training.figures import models, paper, results
import numpy as np
from PIL import Image
import pytest

ROOT = Path(__file__).resolve().parents[2]
RESULTS, MODELS = ROOT / 'docs' / 'results', ROOT / 'models'
#: Maximum bytes of a figure, and of the folder.
PICTURE, FOLDER = 90_000, 500_000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the result files, and copy the cards."""
    for card in MODELS.glob('*/card.yaml'):
        (tmp_path / 'models' / card.parent.name).mkdir(parents=True)
        shutil.copy(card, tmp_path / 'models' / card.parent.name)
    return Path(shutil.copytree(RESULTS, tmp_path / 'docs' / 'results'))


def make(folder: Path) -> int:
    """Write the pages of a copy; return the exit code."""
    return main(['figures', 'page', '--results', str(folder), '--models',
                 str(folder.parents[1] / 'models')])


def pictures_of(text: str) -> set[str]:
    """Return the files of the figures on a page."""
    return set(re.findall(r'!\[[^\]]*\]\(([^)]+)\)', text))


def check_links(folder: Path, text: str) -> None:
    """Check that linked files exist, and that figures can be read and are small."""
    for link in re.findall(r'\]\(([^)#]+)[^)]*\)', text):
        assert '://' in link or (folder / link).is_file(), link
    for name in pictures_of(text):
        assert (folder / name).stat().st_size < PICTURE, name
        with Image.open(folder / name) as picture:
            picture.load()


def test_the_pages_of_the_repository_are_up_to_date(folder: Path) -> None:
    before = {path.name: Image.open(path).size for path in folder.glob('*.png')}
    for path in folder.parents[1].rglob('README.md'):
        path.unlink()
    assert make(folder) == 0
    pages = [RESULTS / paper.PAGE, *MODELS.glob('*/README.md')]
    for path in pages:
        text = path.read_text()
        assert text == (folder.parents[1] / path.relative_to(ROOT)).read_text(), path
        check_links(path.parent, text)
    # Every figure is on a page: sheets of faces are not part of the repository.
    shown = set.union(*(pictures_of(path.read_text()) for path in RESULTS.glob('*.md')))
    assert before.keys() == shown
    for name, size in before.items():
        with Image.open(folder / name) as picture:   # fonts differ between versions of matplotlib
            assert np.abs(np.subtract(picture.size, size)).max() <= 8, name
    assert sum(path.stat().st_size for path in RESULTS.rglob('*') if path.is_file()) < FOLDER
    items = [' '.join(item.split()) for item in (ROOT / 'README.md').read_text().split('\n- ')]
    for card in models.trained(MODELS):
        item = next(each for each in items if each.startswith(f"`{card['name']}`"))
        figures = ', '.join(f"{100 * metrics['accuracy']:.1f} % of {metrics['data']}"
                            for metrics in card['metrics'].values())
        assert item.endswith(f': {figures}')


@pytest.mark.parametrize(('missing', 'command'), [
    ('dropout', 'face_affect figures run dropout'),
    ('network_sizes', 'face_affect figures sizes'),
    ('gender_mini_xception', 'face_affect ship training/experiments/gender_mini_xception.yaml'),
])
def test_the_error_for_a_missing_file_contains_the_command(
        folder: Path, missing: str, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / f'{missing}.json').unlink()
    (folder / 'README.md').unlink()
    assert make(folder) == 1
    assert command in capsys.readouterr().err
    assert not (folder / 'README.md').exists()


@pytest.mark.parametrize(('content', 'complaint'), [
    ('', 'cannot be read: .*; make it again with: face_affect figures run dropout'),
    ('null', 'cannot be read: .*; make it again with: face_affect figures run dropout'),
    ('{"plan": 1}', "the entry 'cells' is missing; make it again with: face_affect figures run")])
def test_the_error_for_a_damaged_file_contains_the_command(folder: Path, content: str,
                                                           complaint: str) -> None:
    (folder / 'dropout.json').write_text(content)
    with pytest.raises(AffectError, match=f'dropout.json: {complaint}'):
        paper.text(folder, folder.parents[1] / 'models')


def test_cards_of_others_and_a_missing_folder(folder: Path) -> None:
    cards = folder.parents[1] / 'models'
    known = models.trained(cards)
    for name, text in (('empty', ''), ('words', 'just words'), ('other', 'name: other')):
        (cards / name).mkdir()
        (cards / name / 'card.yaml').write_text(text)
    assert models.trained(cards) == known and len(known) > 4
    (cards / 'empty' / 'card.yaml').write_text('[1')
    with pytest.raises(AffectError, match='empty/card.yaml: cannot be read as YAML'):
        models.trained(cards)
    with pytest.raises(AffectError, match='no/models: the folder .* choose it with --models'):
        paper.text(folder, folder / 'no' / 'models')


def test_results_of_another_tflite_file_are_refused(folder: Path,
                                                    capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / 'gender_mini_xception.json'
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, 'sha256': 'abd'}))
    assert make(folder) == 1
    assert 'xception.json: its sha256 is not that of the card' in capsys.readouterr().err


def test_the_format_of_result_files(tmp_path: Path) -> None:
    record = {'a': [[1, 2.5], [3, None]], 'b': {'c': ['x, y', ']'], 'd': []}, 'e': True}
    results.write(tmp_path / 'some.json', {**record, 'f': 1 / 3})
    text = (tmp_path / 'some.json').read_text()
    assert json.loads(text) == {**record, 'f': 0.333333}
    assert '[1, 2.5]' in text
    (tmp_path / 'some.json').write_text(text, encoding='utf-8-sig')   # with a byte order mark
    assert results.read(tmp_path, 'some', '')['e'] is True
    with pytest.raises(ValueError, match='not JSON compliant'):
        results.write(tmp_path / 'some.json', {'a': float('nan')})
