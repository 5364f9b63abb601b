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

"""No test row in training or selection; pictures in both splits are told; the cache follows."""

from dataclasses import replace
from pathlib import Path
import shutil

import cv2
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.types import AffectError
from face_affect_training.data import cache, ORIGINS, read, READERS
from face_affect_training.data.loading import load_split, load_splits
from face_affect_training.data.protocol import check_protocol, repeats
from face_affect_training.experiment import Data, is_file_of_run, load_experiment, WEIGHTS
import numpy as np
import pytest


@pytest.mark.parametrize('reader, train, validation, entry', [
    ('fer2013_csv', 'Training', 'PrivateTest', 'validation'),
    ('fer2013_sheets', 'PrivateTest', 'PublicTest', 'train'),
    ('fer2013_folders', 'Training', 'test', 'validation'),
    ('utkface', 'all', 'all', 'train'),
    ('fairface', 'train', 'utkface_test', 'validation'),
])
def test_a_test_split_is_refused(reader: str, train: str, validation: str, entry: str) -> None:
    with pytest.raises(AffectError, match=rf'data\.{entry}: .* data\.allow_test: true'):
        check_protocol(reader, train, validation)
    check_protocol(reader, train, validation, allow_test=True)


def test_the_recipes_keep_the_protocol() -> None:
    """Every recipe can be read, judges on no test split, and needs recipes that are there."""
    folder = Path(__file__).parents[1] / 'experiments'
    recipes = [path for path in folder.glob('*.yaml') if path.stem != 'face_residual_fpn']
    assert len(recipes) > 5
    for path in recipes:
        experiment = load_experiment(path)
        assert experiment.name == path.stem
        for data in (task.data for task in experiment.tasks.values()):
            check_protocol(data.reader, data.train, data.validation)
            assert not data.allow_test and data.expect_train and data.expect_validation
        for source in experiment.sources:
            if is_file_of_run(source):
                assert (folder / f'{Path(source).parent.name}.yaml').is_file(), source
            elif source not in WEIGHTS:
                load_card(source)


def test_every_reader_has_an_origin() -> None:
    assert READERS.keys() == ORIGINS.keys()


@pytest.fixture
def repeating(sheets: Path, tmp_path: Path) -> Path:
    """Return sheets where three training tiles show two faces of PublicTest."""
    folder = tmp_path / 'repeating'
    shutil.copytree(sheets, folder)
    sheet = cv2.imread(str(folder / 'sheet_00.webp'), cv2.IMREAD_GRAYSCALE)
    tiles = sheet.reshape(6, 48, 64, 48)
    for row, judged in ((0, 280), (1, 280), (2, 281)):
        tiles[row // 64, :, row % 64] = tiles[judged // 64, :, judged % 64]
    assert cv2.imwrite(str(folder / 'sheet_00.webp'), sheet, [cv2.IMWRITE_WEBP_QUALITY, 101])
    return folder


def test_repeated_pictures_are_told_and_dropped(repeating: Path,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    data = Data('fer2013_sheets', str(repeating), 'Training', 'PublicTest', expect_train=280)
    faces, judged = load_splits(data, 'emotion', channels=1, cache_folder=None)
    assert (len(faces), len(judged)) == (280, 70)
    assert '2 of 70 pictures of FER-2013 PublicTest are in FER-2013 Training as well, 3 of 280 ' \
           'there; data.drop_duplicates' in capsys.readouterr().err
    faces, judged = load_splits(replace(data, drop_duplicates=True), 'emotion', channels=1,
                                cache_folder=None)
    assert (len(faces), len(judged)) == (277, 70)
    assert faces.names[0] == '3' and faces.votes is not None and len(faces.votes) == 277
    assert not repeats(faces, judged)[0].any()
    with pytest.raises(AffectError, match='every picture is in'):
        load_splits(replace(data, validation='Training', drop_duplicates=True), 'emotion',
                    channels=1, cache_folder=None)


def test_loading_checks(sheets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong counts, another task and a test split end with one line."""
    data = Data('fer2013_sheets', str(sheets), 'Training', 'PublicTest', expect_validation=9)
    with pytest.raises(AffectError, match='70 faces, but the experiment expects 9; .*expect_val'):
        load_splits(data, 'emotion', channels=1, cache_folder=None)
    assert 'officially FER-2013 Training has 28709 faces' in capsys.readouterr().err
    with pytest.raises(AffectError, match='holds labels of emotion'):
        load_splits(data, 'gender', channels=1, cache_folder=None)
    with pytest.raises(AffectError, match='is a test split'):
        load_splits(replace(data, validation='PrivateTest'), 'emotion', channels=1,
                    cache_folder=None)
    with pytest.raises(AffectError, match="data.options.size: reader 'fer2013_sheets' has no op"):
        load_split(replace(data, options={'size': 9}), 'Training', channels=1, cache_folder=None)


def test_the_cache_follows_options_and_data(fairface: Path, tmp_path: Path) -> None:
    """Other options or changed pictures, below the folder as well, are other caches."""
    folder = tmp_path / 'cache'

    def load(**options: int) -> np.ndarray:
        return cache.load('fairface', fairface, 'train', channels=3, cache=folder,
                          options=options).images

    shutil.unpack_archive(fairface / 'fairface_train.zip', fairface)
    (fairface / 'fairface_train.zip').unlink()
    assert load().shape[1] == 112 and load(size=56).shape[1] == 56
    assert len(list(folder.iterdir())) == 2
    first = load()
    picture = np.zeros((112, 112, 3), np.uint8)
    assert cv2.imwrite(str(fairface / 'train/0.webp'), picture)
    assert (load()[1:] == first[1:]).all() and not load()[0].any()
    notes = cache.load('fairface', fairface, 'train', channels=3, cache=folder).notes
    assert notes == read('fairface', fairface, 'train').notes != ()


def test_a_single_file_is_cached(tmp_path: Path) -> None:
    """Votes that come to lie beside a table are another cache."""
    table, folder = tmp_path / 'in/fer2013.csv', tmp_path / 'cache'
    table.parent.mkdir()
    table.write_text('emotion,pixels,Usage\n3,' + ' '.join(['7'] * 2304) + ',Training\n')

    def votes() -> np.ndarray | None:
        return cache.load('fer2013_csv', table, 'Training', channels=1, cache=folder).votes

    assert votes() is None
    (table.parent / 'fer2013new.csv').write_text(
        'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,'
        'NF\nTraining,fer0000000.png,0,9,1,0,0,0,0,0,0,0\n')
    for _ in range(2):
        seen = votes()
        assert seen is not None and seen[0, 1] == 9
