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

"""Readers of FairFace, UTKFace and IMDB-WIKI: right labels and groups, bad rows named."""

import csv
from datetime import date
from pathlib import Path
import shutil
from typing import Any
import zipfile

import cv2
from face_affect_ros.affect.types import AffectError
from face_affect_training.data import read
from face_affect_training.data.imdb_wiki import cut_out
from face_affect_training.data.tables import age_group
from face_affect_training.experiment import data_path, shared_folder
import numpy as np
import pytest
from scipy.io import savemat


def write_picture(path: Path, grey: int = 128, size: int = 40) -> None:
    """Write a picture of one grey value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((size, size, 3), grey, np.uint8))


def zip_folder(folder: Path, archive: Path) -> None:
    """Put a folder's files into a zip archive, and remove the folder."""
    with zipfile.ZipFile(archive, 'w') as file:
        for picture in sorted(folder.rglob('*')):
            if picture.is_file():
                file.write(picture, picture.relative_to(folder))
    shutil.rmtree(folder)


@pytest.mark.parametrize('years, group', [(0, '0-2'), (2, '0-2'), (3, '3-9'), (69, '60-69'),
                                          (70, 'more than 70'), (120, 'more than 70'),
                                          (-1, 'unknown'), (121, 'unknown')])
def test_age_groups(years: int, group: str) -> None:
    assert age_group(years) == group


@pytest.mark.parametrize('form', ['folder', 'folder in it', 'zip'])
def test_fairface_as_published(tmp_path: Path, form: str) -> None:
    """fairface_label_val.csv, and pictures val/1.jpg in a folder or in the published archive."""
    place = tmp_path / 'fairface-img-margin025-trainval'
    root = tmp_path if form == 'folder' else place
    for number in (1, 2, 3):
        write_picture(root / f'val/{number}.jpg', 40 * number, size=224)
    if form == 'zip':
        zip_folder(place, place.with_suffix('.zip'))
    with (tmp_path / 'fairface_label_val.csv').open('w', newline='') as file:
        csv.writer(file).writerows([
            ('file', 'age', 'gender', 'race', 'service_test'),
            ('val/1.jpg', '3-9', 'Male', 'East Asian', 'True'),
            ('val/2.jpg', 'more than 70', 'Female', 'Black', 'False'),
            ('val/4.jpg', '0-2', 'Female', 'Black', 'False')])
    data = read('fairface', tmp_path, 'val')
    assert data.labels.tolist() == [1, 0] and data.images.shape == (2, 112, 112, 3)
    assert [int(image.mean()) for image in data.images] == [40, 80]
    assert data.groups['age'].tolist() == ['3-9', 'more than 70']
    assert data.problems == ("line 4: picture 'val/4.jpg' is missing or unreadable",)
    assert 'officially FairFace val has 10954 faces' in data.table()
    assert read('fairface', tmp_path, 'val', {'size': 64}).images.shape == (2, 64, 64, 3)


UTK = ['100_0_0_20170112213500903.jpg.chip.jpg', '1_1_2_20161219140627985.jpg.chip.jpg',
       '39_1_20170116174525125.jpg.chip.jpg', '25_2_0_20170116174525125.jpg',
       '117_0_0_20170116174525125.jpg', '26_1_3_20170116174525126.png']


@pytest.mark.parametrize('zipped', [False, True])
def test_utkface_names(tmp_path: Path, zipped: bool) -> None:
    """Gender 0 of a name is a man, class 1; other names, and copies, are told."""
    folder = tmp_path / 'UTKFace'
    for number, name in enumerate(UTK):
        write_picture(folder / 'part1' / name, 10 * number + 10, size=200)
    shutil.copy(folder / 'part1' / UTK[0], folder / UTK[0])
    path = folder
    if zipped:
        path = tmp_path / 'UTKFace.zip'
        zip_folder(folder, path)
    data = read('utkface', path, 'all')
    assert {name.split('/')[-1]: label for name, label in
            zip(data.names.tolist(), data.labels.tolist())} == {UTK[0]: 1, UTK[1]: 0, UTK[5]: 0}
    rows = dict(zip([name.split('/')[-1] for name in data.names.tolist()], range(3)))
    picked = [(data.groups['age'][rows[name]], data.groups['race'][rows[name]],
               int(data.images[rows[name]].mean())) for name in (UTK[0], UTK[1], UTK[5])]
    assert picked == [('more than 70', 'White', 10), ('0-2', 'Asian', 20), ('20-29', 'Indian', 60)]
    assert [problem.split(':')[0].split('/')[-1] for problem in data.problems] == sorted(UTK[2:5])
    assert '1 pictures lie there once more' in data.table()


def test_utkface_errors(tmp_path: Path) -> None:
    write_picture(tmp_path / 'a.jpg')
    with pytest.raises(AffectError, match='no picture is named as in UTKFace'):
        read('utkface', tmp_path, 'all')
    with pytest.raises(AffectError, match="'train' is not one of all, test"):
        read('utkface', tmp_path, 'train')
    (tmp_path / 'UTKFace.tar.gz').write_bytes(b'\x1f\x8b')
    with pytest.raises(AffectError, match='cannot be read as a zip archive'):
        read('utkface', tmp_path / 'UTKFace.tar.gz', 'all')


def test_utkface_table(tmp_path: Path) -> None:
    """Ages in years become FairFace's groups."""
    write_picture(tmp_path / 'pictures/utk/0.webp')
    write_picture(tmp_path / 'pictures/utk/1.webp')
    zip_folder(tmp_path / 'pictures', tmp_path / 'utkface_test.zip')
    (tmp_path / 'utkface_test.csv').write_text('file,age,gender,race\nutk/0.webp,53,Male,White\n'
                                               'utk/1.webp,9,Female,Others\n')
    data = read('utkface', tmp_path, 'test')
    assert data.labels.tolist() == [1, 0] and data.source == 'UTKFace test'
    assert data.groups['age'].tolist() == ['50-59', '3-9']


#: gender, face_score, second_face_score, picture
PEOPLE = [(0.0, 4.0, np.nan, 'a.jpg'), (1.0, 1.0, -0.5, 'b.jpg'), (np.nan, 5.0, np.nan, 'a.jpg'),
          (1.0, -np.inf, np.nan, 'a.jpg'), (1.0, 0.9, np.nan, 'a.jpg'), (0.0, 4.0, 2.5, 'a.jpg'),
          (1.0, 4.0, np.nan, 'missing.jpg'), (1.0, 4.0, np.nan, 'broken.jpg')]


def write_imdb(folder: Path, part: str = 'imdb', **changes: Any) -> None:
    """Write a .mat file of PEOPLE, all born on 1 August 1950 and photographed in 1980."""
    folder.mkdir(parents=True, exist_ok=True)
    count = len(PEOPLE)
    gender, score, second, files = zip(*PEOPLE)
    cells = np.empty((1, count), object)
    cells[0, :] = [np.array([f'01/{name}']) for name in files]
    places = np.empty((1, count), object)
    places[0, :] = [np.array([[101.0, 51.0, 140.0, 90.0]])] * count
    born = date(1950, 8, 1).toordinal() + 366   # Matlab's serial date number
    savemat(folder / f'{part}.mat', {part: {
        'dob': np.full((1, count), born, np.int32),
        'photo_taken': np.full((1, count), 1980, np.uint16), 'full_path': cells,
        'gender': np.array([gender]), 'face_location': places, 'face_score': np.array([score]),
        'second_face_score': np.array([second]), **changes}})


def write_people(folder: Path) -> None:
    """Write the pictures: 180 x 180, where the face is 100 x 100 in the middle."""
    for name in ('a.jpg', 'b.jpg'):
        write_picture(folder / '01' / name, 60, size=180)
    (folder / '01/broken.jpg').write_bytes(b'no picture')


def test_imdb_wiki_leaves_out_and_counts(tmp_path: Path) -> None:
    folder = tmp_path / 'imdb_crop'
    write_imdb(folder)
    write_people(folder)
    data = read('imdb_wiki', tmp_path, 'imdb')
    assert data.labels.tolist() == [0, 1] and data.names.tolist() == ['01/a.jpg', '01/b.jpg']
    assert data.images.shape == (2, 112, 112, 3) and data.groups['age'].tolist() == ['20-29'] * 2
    assert data.notes == ('left out, of 8 rows: 1 gender unknown, 1 no face found, 1 face score '
                          'below 1, 1 second face above 0',)
    assert [problem[:33] for problem in data.problems] == [
        "row 7: picture '01/missing.jpg' i", "row 8: picture '01/broken.jpg' is"]
    generous = read('imdb_wiki', folder / 'imdb.mat', 'imdb',
                    {'min_face_score': 0, 'max_second_score': 3.0, 'size': 32})
    assert generous.labels.tolist() == [0, 1, 1, 0] and generous.images.shape[1] == 32


def test_imdb_wiki_errors(tmp_path: Path) -> None:
    with pytest.raises(AffectError, match=r'no wiki\.mat and no wiki_crop/wiki\.mat'):
        read('imdb_wiki', tmp_path, 'wiki')
    write_imdb(tmp_path)
    with pytest.raises(AffectError, match="not the .mat file of IMDB-WIKI's part 'wiki'"):
        read('imdb_wiki', tmp_path / 'imdb.mat', 'wiki')
    with pytest.raises(AffectError, match='no usable row'):
        read('imdb_wiki', tmp_path, 'imdb')
    write_imdb(tmp_path, gender=np.zeros((1, 3)))
    with pytest.raises(AffectError, match='different lengths'):
        read('imdb_wiki', tmp_path, 'imdb')
    (tmp_path / 'imdb.mat').write_bytes(b'MATLAB 5.0 MAT-file, cut off')
    with pytest.raises(AffectError, match='not the .mat file'):
        read('imdb_wiki', tmp_path, 'imdb')
    with pytest.raises(AffectError, match='data.options.context is 0.5'):
        read('imdb_wiki', tmp_path, 'imdb', {'context': 0.5})
    with pytest.raises(AffectError, match="data.options.colour: reader 'imdb_wiki' has the opt"):
        read('imdb_wiki', tmp_path, 'imdb', {'colour': 1})
    with pytest.raises(AffectError, match="size: 'big' is not a usable int"):
        read('imdb_wiki', tmp_path, 'imdb', {'size': 'big'})


def test_imdb_wiki_full_pictures_are_cut(tmp_path: Path) -> None:
    """face_location is cut out of a full picture, with its surroundings."""
    folder = tmp_path / 'imdb'
    write_imdb(folder)
    picture = np.full((200, 300, 3), 20, np.uint8)
    picture[50:90, 100:140] = 220   # where face_location is
    (folder / '01').mkdir()
    for name in ('a.png', 'b.png'):
        assert cv2.imwrite(str(folder / '01' / name), picture)
        (folder / '01' / name).rename(folder / '01' / name.replace('png', 'jpg'))
    data = read('imdb_wiki', tmp_path, 'imdb', {'size': 60, 'context': 0.25})
    face = data.images[0, :, :, 0] > 128
    np.testing.assert_array_equal(np.flatnonzero(face.any(0))[[0, -1]], [10, 49])
    np.testing.assert_array_equal(np.flatnonzero(face.any(1))[[0, -1]], [10, 49])


def test_cut_out_agrees_with_the_published_crops() -> None:
    """A chip of a full picture, and of the crop that was published of it, are the same."""
    picture = np.random.default_rng(1).integers(0, 256, (400, 400, 3), np.uint8)
    box = np.array([151.0, 101.0, 250.0, 200.0])   # 100 x 100 pixels, from 1
    published = picture[60:240, 110:290]           # 40 % more on each side
    chips = cut_out(picture, box, 0.25), cut_out(published, None, 0.25)
    assert chips[0] is not None and chips[0].shape == (150, 150, 3)
    np.testing.assert_array_equal(*chips)
    corner = cut_out(picture, np.array([1.0, 1.0, 40.0, 40.0]), 0.25)
    assert corner is not None and corner.shape == (60, 60, 3)
    np.testing.assert_array_equal(corner[:10], np.repeat(corner[10:11], 10, 0))
    for nowhere in ([500, 500, 600, 600], [10, 10, 10, 20], [np.nan, 1, 2, 3], [1, 2]):
        assert cut_out(picture, np.array(nowhere, np.float64), 0.25) is None


def test_shared_gender_sets() -> None:
    """The shared sets have the counts that their page names."""
    folder = data_path('${FACE_AFFECT_SHARED}/data/faces_gender')
    if not folder.is_dir():
        pytest.skip(f'no shared data in {shared_folder()}; set FACE_AFFECT_SHARED')
    val = read('fairface', folder, 'val', {'size': 32})
    assert len(val) == 3000 and not val.problems
    test = read('utkface', folder, 'test', {'size': 32})
    assert list(test.counts().values()) == [2846, 3154]
    assert set(test.groups['race']) == {'White', 'Black', 'Asian', 'Indian', 'Others'}
