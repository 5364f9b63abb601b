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

"""The readers: right rows, right order, bad rows named."""

from pathlib import Path
import shutil

from face_affect_ros.affect.types import AffectError
from face_affect_training.data import cache, read
from face_affect_training.data.protocol import repeats
from face_affect_training.data.targets import (
    class_weights,
    make_targets,
)
from face_affect_training.experiment import data_path, shared_folder
import numpy as np
import pytest


def test_sheets_are_read(sheets: Path) -> None:
    """Every split has its own rows, in the order of the table."""
    train, test = (read('fer2013_sheets', sheets, split) for split in ('Training', 'PublicTest'))
    assert (len(train), len(test)) == (280, 70)
    assert train.labels[:8].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]
    assert not set(train.names) & set(test.names)
    assert train.images.shape == (280, 48, 48) and train.images.dtype == np.uint8
    assert train.images[0, 24, 24] < 60 and train.images[1, 24, 24] > 180
    assert '280 faces' in train.table()


def test_bad_sheet_rows_are_named(sheets: Path, tmp_path: Path) -> None:
    """A bad row is skipped and named, the good ones stay."""
    folder = tmp_path / 'bad'
    shutil.copytree(sheets, folder)
    lines = (folder / 'labels.csv').read_text().splitlines()
    lines[1] = lines[1].replace('Training,0', 'Training,9')
    lines[2] = '0,9999' + lines[2][3:]
    lines[3] = lines[3].replace('0,2,', '7,2,', 1)
    lines[4] = lines[4].replace('Training', 'Nowhere')
    (folder / 'labels.csv').write_text('\n'.join(lines))
    data = read('fer2013_sheets', folder, 'Training')
    assert len(data) == 276
    assert [problem.split(':')[0] for problem in data.problems] == [f'line {i}' for i in
                                                                    (2, 3, 4, 5)]
    with pytest.raises(AffectError, match='Holdout'):
        read('fer2013_sheets', folder, 'Holdout')


def test_fairface_zip_and_folder(fairface: Path) -> None:
    """Rows with an unknown gender, no picture or a broken one are skipped and named."""
    data = read('fairface', fairface, 'train')
    assert data.labels.tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert data.images.shape == (7, 112, 112, 3)
    assert len(data.problems) == 3 and 'Unclear' in data.problems[0]
    assert set(data.groups) == {'race', 'age'}
    shutil.unpack_archive(fairface / 'fairface_train.zip', fairface)
    (fairface / 'fairface_train.zip').unlink()
    again = read('fairface', fairface, 'train')
    assert (again.images == data.images).all()
    with pytest.raises(AffectError, match='no fairface_val.csv'):
        read('fairface', fairface, 'val')


def test_cache_gives_the_same(fairface: Path, tmp_path: Path) -> None:
    """The cached arrays equal the read ones, and grey is grey."""
    folder = tmp_path / 'cache'
    for channels, shape in ((3, (7, 112, 112, 3)), (1, (7, 112, 112))):
        first = cache.load('fairface', fairface, 'train', channels=channels, cache=None)
        for _ in range(2):
            cached = cache.load('fairface', fairface, 'train', channels=channels, cache=folder)
            assert cached.images.shape == shape
            assert (cached.images == first.images).all()
            assert (cached.labels == first.labels).all() and cached.problems == first.problems
            assert (cached.groups['race'] == first.groups['race']).all()
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize('mapping', ['votes', 'fitted'])
def test_targets(sheets: Path, mapping: str) -> None:
    """Targets are probability vectors between label and FER+ opinion."""
    data = read('fer2013_sheets', sheets, 'Training')
    targets = make_targets(data, 7, smoothing=0.07, ferplus_weight=0.5, ferplus_mapping=mapping)
    assert targets.shape == (280, 7) and targets.dtype == np.float32
    np.testing.assert_allclose(targets.sum(1), 1.0, atol=1e-5)
    assert targets.min() >= 0.0099
    expected = {'votes': 0.93 * (0.5 + 0.5 * 0.8) + 0.01, 'fitted': 0.93 + 0.01}[mapping]
    np.testing.assert_allclose(targets[0, 0], expected, atol=0.02)


def test_class_weights() -> None:
    """Weights average to 1 over the faces; balanced classes weigh alike in sum."""
    labels = np.array([0] * 8 + [1] * 2)
    np.testing.assert_allclose(class_weights(labels, 2, 'none'), 1.0)
    np.testing.assert_allclose(class_weights(labels, 2, 'balanced'), [0.625, 2.5])
    np.testing.assert_allclose(class_weights(labels, 2, 'sqrt')[labels].mean(), 1.0, atol=1e-6)


def test_official_counts() -> None:
    """
    The shared FER-2013 has the official number of faces of each class.

    Some pictures are in both splits, which is why they are told.
    """
    folder = data_path('${FACE_AFFECT_SHARED}/data/fer2013')
    if not folder.is_dir():
        pytest.skip(f'no shared data in {shared_folder()}; set FACE_AFFECT_SHARED')
    train, test = (read('fer2013_sheets', folder, split) for split in ('Training', 'PublicTest'))
    assert list(train.counts().values()) == [3995, 436, 4097, 7215, 4830, 3171, 4965]
    assert list(test.counts().values()) == [467, 56, 496, 895, 653, 415, 607]
    assert not train.notes and not test.notes
    assert [int(rows.sum()) for rows in repeats(train, test)] == [351, 280]
