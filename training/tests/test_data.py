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

"""Readers of data sets, target probabilities, cache, and the recipes."""

import csv
from dataclasses import replace
from pathlib import Path
import shutil
import zipfile

import cv2
from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.types import AffectError
from face_affect_training import data as data_sets
from face_affect_training.data import load_split, load_splits, ORIGINS, read, READERS
from face_affect_training.data.faces import FaceData, make_targets, repeats
from face_affect_training.data.fer2013 import VOTES
from face_affect_training.experiment import (
    Data,
    data_path,
    is_file_of_run,
    load_experiment,
    shared_folder,
    VGGFACE2,
)
import numpy as np
import pytest

#: Emotion, split and FER+ votes of the rows of the small table.
ROWS = [(3, 'Training', (0, 9, 1, 0, 0, 0, 0, 0, 0, 0)),
        (0, 'Training', (0, 0, 0, 3, 7, 0, 0, 0, 0, 0)),
        (0, 'Training', (0, 0, 0, 0, 0, 0, 0, 0, 0, 10)),
        (6, 'Training', (5, 0, 0, 5, 0, 0, 0, 0, 0, 0)),
        (4, 'Training', (0, 0, 0, 1, 1, 2, 1, 5, 0, 0)),
        (6, 'PublicTest', (2, 0, 1, 1, 1, 1, 1, 1, 1, 1)),
        (6, 'PrivateTest', (6, 0, 0, 2, 0, 0, 0, 0, 2, 0))]
UTK = ['100_0_0_20170112213500903.jpg.chip.jpg', '1_1_2_20161219140627985.jpg.chip.jpg',
       '39_1_20170116174525125.jpg.chip.jpg', '25_2_0_20170116174525125.jpg',
       '117_0_0_20170116174525125.jpg', '26_1_3_20170116174525126.png']


def picture(number: int) -> np.ndarray:
    """Return a random image, (48, 48) uint8, that depends on the number."""
    return np.random.default_rng(number).integers(0, 256, (48, 48), np.uint8)


def write_table(path: Path, changes: dict[int, tuple[str, str, str]] | None = None,
                header: tuple[str, ...] = ('emotion', 'pixels', 'Usage')) -> None:
    """Write fer2013.csv. changes: emotion, pixels and usage of rows that differ."""
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for number, (emotion, usage, _) in enumerate(ROWS):
            pixels = ' '.join(map(str, picture(number).ravel().tolist()))
            fields = (changes or {}).get(number, (str(emotion), pixels, usage))
            by_name = dict(zip(('emotion', 'pixels', 'usage'), fields))
            writer.writerow([by_name[name.strip().lower()] for name in header])


def write_votes(path: Path, order: list[int]) -> None:
    """Write fer2013new.csv, where the image names skip a number."""
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['Usage', 'Image name', *VOTES])
        for place in order:
            _, usage, votes = ROWS[place]
            name = '' if votes[-1] == 10 else f'fer{place - (place > 2):07d}.png'
            writer.writerow([usage, name, *votes])


def write_picture(path: Path, grey: int = 128, size: int = 40) -> None:
    """Write an image of one grey value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((size, size, 3), grey, np.uint8))


def test_sheets_are_read_and_corrupt_rows_reported(sheets: Path, tmp_path: Path) -> None:
    train, test = (read('fer2013_sheets', sheets, split) for split in ('Training', 'PublicTest'))
    assert (len(train), len(test)) == (280, 70)
    assert train.labels[:8].tolist() == [0, 1, 2, 3, 4, 5, 6, 0]
    assert not set(train.names) & set(test.names)
    assert train.images.shape == (280, 48, 48) and train.images.dtype == np.uint8
    assert train.images[0, 24, 24] < 60 and train.images[1, 24, 24] > 180
    assert '280 faces' in train.table()
    folder = Path(shutil.copytree(sheets, tmp_path / 'bad'))
    lines = (folder / 'labels.csv').read_text().splitlines()
    lines[1] = lines[1].replace('Training,0', 'Training,9')
    lines[2] = '0,9999' + lines[2][3:]
    lines[3] = lines[3].replace('0,2,', '7,2,', 1)
    lines[4] = lines[4].replace('Training', 'Nowhere')
    (folder / 'labels.csv').write_text('\n'.join(lines))
    data = read('fer2013_sheets', folder, 'Training')
    assert len(data) == len(data.votes) == 276
    assert [problem.split(':')[0] for problem in data.problems] == [
        f'line {line}' for line in (2, 3, 4, 5)]
    with pytest.raises(AffectError, match='Holdout'):
        read('fer2013_sheets', folder, 'Holdout')


def test_splits_of_the_csv(tmp_path: Path) -> None:
    write_table(tmp_path / 'fer2013.csv')
    data = read('fer2013_csv', tmp_path, 'Training')
    assert data.labels.tolist() == [3, 0, 0, 6, 4] and data.names.tolist() == list('01234')
    assert data.images.dtype == np.uint8 and (data.images[4] == picture(4)).all()
    assert data.votes is None and not data.problems
    for split, number in (('PublicTest', 5), ('PrivateTest', 6)):
        other = read('fer2013_csv', tmp_path / 'fer2013.csv', split)
        assert len(other) == 1 and (other.images[0] == picture(number)).all()
    # in the file of the challenge, the names of the columns have another order and spaces
    (tmp_path / 'fer2013.csv').unlink()
    write_table(tmp_path / 'icml_face_data.csv', header=('emotion', ' Usage', ' pixels'))
    assert len(read('fer2013_csv', tmp_path, 'Training')) == 5


@pytest.mark.parametrize('bad, reason', [
    (('7', None, 'Training'), "emotion '7' does not exist"),
    (('0', '1 2 3', 'Training'), '3 pixels instead of 2304'),
    (('0', ' '.join(['256'] * 2304), 'Training'), 'outside of 0 to 255'),
    (('0', None, 'Holdout'), "usage 'Holdout' does not exist"),
])
def test_corrupt_csv_rows_are_reported(tmp_path: Path, bad: tuple[str, str | None, str],
                                       reason: str) -> None:
    pixels = ' '.join(map(str, picture(2).ravel().tolist())) if bad[1] is None else bad[1]
    write_table(tmp_path / 'fer2013.csv', {2: (bad[0], pixels, bad[2])})
    write_votes(tmp_path / 'fer2013new.csv', list(range(7)))
    data = read('fer2013_csv', tmp_path, 'Training')
    assert data.names.tolist() == ['0', '1', '3', '4']
    [problem] = data.problems
    assert problem.startswith('line 4: ') and reason in problem
    assert data.votes is not None and data.votes[2, 3] == 5


def test_errors_of_readers(tmp_path: Path) -> None:
    with pytest.raises(AffectError, match=r'no fer2013\.csv and no icml_face_data\.csv'):
        read('fer2013_csv', tmp_path, 'Training')
    write_table(tmp_path / 'fer2013.csv', header=('emotion', 'pixels'))
    (tmp_path / 'icml_face_data.csv').write_bytes(b'\xff\xfe\x00')
    for reader, path, split, message in (
            ('fer2013_csv', '', 'Training', 'the column Usage is missing from its header, which '
             'has emotion, pixels; columns must be separated by commas'),
            ('fer2013_csv', '', 'test', "'test' is not one of Training, PublicTest"),
            ('fer2013_csv', 'icml_face_data.csv', 'Training', 'cannot be read as a CSV table'),
            ('lfw', '', 'train', "reader 'lfw' does not exist; choose one of fairface"),
            ('fairface', 'nowhere', 'train', 'nowhere: the data folder does not exist')):
        with pytest.raises(AffectError, match=message):
            read(reader, tmp_path / path, split)
    # the error about a split without rows has the first problem
    (tmp_path / 'fer2013.csv').write_text('emotion,pixels,Usage\nangry,0 1 2,Training\n')
    with pytest.raises(AffectError, match="of split 'Training'; 1 skipped, the first: "
                       "line 2: emotion 'angry' does not exist"):
        read('fer2013_csv', tmp_path, 'Training')
    (tmp_path / 'val.csv').write_text('file,gender\nval/1.jpg,M\n')
    with pytest.raises(AffectError, match="line 2: gender 'M' is neither Female nor Male"):
        read('fairface', tmp_path, 'val')


def test_damaged_zip_archives_are_reported(tmp_path: Path) -> None:
    for number in (1, 2):
        write_picture(tmp_path / f'val/{number}.jpg', 40 * number, size=224)
    (tmp_path / 'val.csv').write_text(
        'file,gender\nval/1.jpg,Male\nval/2.jpg,Female\n')
    with zipfile.ZipFile(tmp_path / 'val.zip', 'w', zipfile.ZIP_LZMA) as archive:
        for number in (1, 2):
            archive.write(tmp_path / f'val/{number}.jpg', f'val/{number}.jpg')
    content = bytearray((tmp_path / 'val.zip').read_bytes())
    content[60:120] = bytes(60)   # of the first image
    (tmp_path / 'val.zip').write_bytes(content)
    data = read('fairface', tmp_path, 'val')
    assert data.names.tolist() == ['val/2.jpg']
    content[content.rfind(b'PK\x01\x02') + 6] = 98   # the version that is needed to extract it
    (tmp_path / 'val.zip').write_bytes(content)
    with pytest.raises(AffectError, match='val.zip: cannot be read as a zip archive: .* 9.8'):
        read('fairface', tmp_path, 'val')


def test_votes_are_matched_by_order_and_checked(tmp_path: Path) -> None:
    write_table(tmp_path / 'fer2013.csv')
    votes = tmp_path / 'fer2013new.csv'
    write_votes(votes, list(range(7)))
    data = read('fer2013_csv', tmp_path, 'Training')
    np.testing.assert_array_equal(data.votes, [row[2] for row in ROWS[:5]])
    for order in (list(range(6)), [5, 0, 1, 2, 3, 4, 6]):
        write_votes(votes, order)
        with pytest.raises(AffectError, match='does not belong to'):
            read('fer2013_csv', tmp_path, 'Training')
    table = votes.read_text().splitlines()
    for vote in ('nan', '-1', 'inf'):
        table[2] = ','.join([*table[2].split(',')[:-1], vote])
        votes.write_text('\n'.join(table))
        with pytest.raises(AffectError, match='fer2013new.csv: line 3: the votes .* at least 0'):
            read('fer2013_csv', tmp_path, 'Training')


def test_targets(sheets: Path) -> None:
    data = read('fer2013_sheets', sheets, 'Training')
    targets = make_targets(data, 7, smoothing=0.07, ferplus_weight=0.5)
    assert targets.shape == (280, 7) and targets.dtype == np.float32
    np.testing.assert_allclose(targets.sum(1), 1.0, atol=1e-5)
    assert targets.min() >= 0.0099
    np.testing.assert_allclose(targets[0, 0], 0.93 + 0.01, atol=0.02)
    with pytest.raises(AffectError, match='has no FER. votes; set targets.ferplus_weight'):
        make_targets(replace(data, votes=None), 7, ferplus_weight=0.5)


@pytest.mark.parametrize('zipped', [False, True])
def test_fairface(tmp_path: Path, zipped: bool) -> None:
    root = tmp_path / 'pictures' if zipped else tmp_path
    for number in (1, 2, 3):
        write_picture(root / f'val/{number}.jpg', 40 * number, size=224)
    whole = (root / 'val/3.jpg').read_bytes()
    (root / 'val/3.jpg').write_bytes(whole[:len(whole) // 2])   # incomplete
    if zipped:
        shutil.make_archive(str(tmp_path / 'fairface_label_val'), 'zip', root)
        shutil.rmtree(root)
    with (tmp_path / 'fairface_label_val.csv').open('w', newline='') as file:
        csv.writer(file).writerows([
            ('file', 'age', 'gender', 'race', 'service_test'),
            ('val/1.jpg', '3-9', 'Male', 'East Asian', 'True'),
            ('val/2.jpg', 'more than 70', 'Female', 'Black', 'False'),
            ('val/3.jpg', '0-2', 'Female', 'Black', 'False'),
            ('val/4.jpg', '0-2', 'Female', 'Black', 'False'),
            ('val/1.jpg', '0-2', 'Unclear', 'Black', 'False')])
    data = read('fairface', tmp_path, 'val')
    assert data.labels.tolist() == [1, 0] and data.images.shape == (2, 112, 112, 3)
    assert [int(image.mean()) for image in data.images] == [40, 80]
    assert data.groups['age'].tolist() == ['3-9', 'more than 70']
    assert data.problems == ("line 6: gender 'Unclear' is neither Female nor Male",
                             *(f"line {line}: image 'val/{line - 1}.jpg' is missing or "
                               'unreadable' for line in (4, 5)))
    with pytest.raises(AffectError, match='no fairface_train.csv'):
        read('fairface', tmp_path, 'train')


@pytest.mark.parametrize('zipped', [False, True])
def test_utkface(tmp_path: Path, zipped: bool) -> None:
    folder = tmp_path / 'UTKFace'
    for number, name in enumerate(UTK):
        write_picture(folder / 'part1' / name, 10 * number + 10, size=200)
    shutil.copy(folder / 'part1' / UTK[0], folder / UTK[0])
    path = Path(shutil.make_archive(str(folder), 'zip', folder)) if zipped else folder
    data = read('utkface', path, 'all')
    names = [name.split('/')[-1] for name in data.names.tolist()]
    assert dict(zip(names, data.labels.tolist())) == {UTK[0]: 1, UTK[1]: 0, UTK[5]: 0}
    picked = [(data.groups['age'][row], data.groups['race'][row], int(data.images[row].mean()))
              for row in (names.index(UTK[0]), names.index(UTK[1]), names.index(UTK[5]))]
    assert picked == [('more than 70', 'White', 10), ('0-2', 'Asian', 20), ('20-29', 'Indian', 60)]
    assert [problem.split(':')[0].split('/')[-1] for problem in data.problems] == sorted(UTK[2:5])


def test_utkface_errors_and_table(tmp_path: Path) -> None:
    write_picture(tmp_path / 'a.jpg')
    with pytest.raises(AffectError, match='none of 0 images can be read'):
        read('utkface', tmp_path, 'all')
    with pytest.raises(AffectError, match="'train' is not one of all, test"):
        read('utkface', tmp_path, 'train')
    (tmp_path / 'UTKFace.tar.gz').write_bytes(b'\x1f\x8b')
    with pytest.raises(AffectError, match='cannot be read as a zip archive'):
        read('utkface', tmp_path / 'UTKFace.tar.gz', 'all')
    write_picture(tmp_path / 'utk/0.webp')
    (tmp_path / 'utkface_test.csv').write_text('file,age,gender,race\nutk/0.webp,53,Male,White\n')
    data = read('utkface', tmp_path, 'test')
    assert data.labels.tolist() == [1] and data.source == 'UTKFace test'
    assert data.groups['age'].tolist() == ['50-59']


def test_the_shared_data_sets_have_the_official_counts() -> None:
    folder = data_path('${FACE_AFFECT_SHARED}/data')
    if not folder.is_dir():
        pytest.skip(f'no shared data in {shared_folder()}; set FACE_AFFECT_SHARED')
    train, test = (read('fer2013_sheets', folder / 'fer2013', split)
                   for split in ('Training', 'PublicTest'))
    assert list(train.counts().values()) == [3995, 436, 4097, 7215, 4830, 3171, 4965]
    assert list(test.counts().values()) == [467, 56, 496, 895, 653, 415, 607]
    assert [int(rows.sum()) for rows in repeats(train, test)] == [351, 280]
    val = read('fairface', folder / 'faces_gender', 'val')
    assert len(val) == 3000 and not val.problems
    utk = read('utkface', folder / 'faces_gender', 'test')
    assert list(utk.counts().values()) == [2846, 3154]


def test_subset_is_stratified_and_depends_on_the_seed(sheets: Path) -> None:
    faces = read('fer2013_sheets', sheets, 'Training')
    part = faces.subset(100, seed=3)
    assert len(set(part.names)) == 100 and set(part.counts().values()) == {14, 15}
    rows = [int(np.flatnonzero(faces.names == name)[0]) for name in part.names]
    assert rows == sorted(rows)
    np.testing.assert_equal(vars(part), {**vars(faces.select(np.array(rows))),
                                         'source': f'{faces.source}, 100 of 280'})
    np.testing.assert_array_equal(faces.subset(100, seed=3).names, part.names)
    assert set(faces.subset(100, seed=4).names) != set(part.names)
    for count in (6, 281):
        with pytest.raises(AffectError, match=f'cannot take {count}'):
            faces.subset(count, seed=3)


def test_loading_checks(sheets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = Data('fer2013_sheets', str(sheets), 'Training', 'PublicTest', expect_validation=9)
    with pytest.raises(AffectError, match='70 faces, but the experiment expects 9; .*expect_val'):
        load_splits(data, 'emotion', channels=1, cache=None)
    with pytest.raises(AffectError, match='has labels of emotion'):
        load_splits(data, 'gender', channels=1, cache=None)
    for reader, train, validation, entry in (
            ('fer2013_sheets', 'PrivateTest', 'PublicTest', 'train'),
            ('fer2013_sheets', 'Training', 'PrivateTest', 'validation'),
            ('utkface', 'all', 'all', 'train')):
        wrong = Data(reader, str(sheets), train, validation)
        with pytest.raises(AffectError, match=rf'data\.{entry}: .* is a test split'):
            load_splits(wrong, 'emotion', channels=1, cache=None)
    capsys.readouterr()
    faces, _ = load_splits(replace(data, validation='Training', expect_validation=280), 'emotion',
                           channels=1, cache=None)
    assert ('280 of 280 images of FER-2013 Training are also in FER-2013 Training, 280 of 280 '
            'there') in capsys.readouterr().err
    repeated = repeats(faces.select(np.array([0, 1, 1])), faces.select(np.array([1, 2])))
    assert [each.tolist() for each in repeated] == [[False, True, True], [True, False]]


def test_cached_faces_are_equal_and_read_again_after_changes(
        genders: Path, sheets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def counting(reader: str, path: Path, split: str) -> FaceData:
        calls.append(reader)
        return read(reader, path, split)

    monkeypatch.setattr(data_sets, 'read', counting)
    cache, folder = tmp_path / 'cache', Path(shutil.copytree(genders, tmp_path / 'in'))
    for channels, path, reader, split in ((3, folder, 'fairface', 'val'),
                                          (1, folder, 'fairface', 'val'),
                                          (1, sheets, 'fer2013_sheets', 'PublicTest')):
        data = Data(reader, str(path), split, split)
        first = load_split(data, split, channels=channels, cache=None)
        assert first.images.ndim == (4 if channels == 3 else 3)
        for _ in range(2):
            cached = load_split(data, split, channels=channels, cache=cache)
            np.testing.assert_equal(vars(cached), vars(first))
    # without the cache, and once with it
    assert calls == ['fairface'] * 4 + ['fer2013_sheets'] * 2
    data = Data('fairface', str(folder), 'val', 'val')
    shutil.unpack_archive(folder / 'fairface_val.zip', folder)
    (folder / 'fairface_val.zip').unlink()
    assert cv2.imwrite(str(folder / 'val/0.webp'), np.zeros((48, 48, 3), np.uint8))
    assert not load_split(data, 'val', channels=3, cache=cache).images[0].any()


def test_recipes_are_valid_and_their_sources_exist() -> None:
    folder = Path(__file__).parents[1] / 'experiments'
    recipes = [path for path in folder.glob('*.yaml') if path.stem != 'face_residual_fpn']
    assert len(recipes) > 5 and READERS.keys() == ORIGINS.keys()
    for path in recipes:
        experiment = load_experiment(path)
        assert experiment.name == path.stem
        for data in (task.data for task in experiment.tasks.values()):
            assert data.expect_train and data.expect_validation
        for source in experiment.sources:
            if is_file_of_run(source):
                assert (folder / f'{Path(source).parent.name}.yaml').is_file(), source
            elif source != VGGFACE2:
                load_card(source)
