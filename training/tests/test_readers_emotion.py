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

"""Readers of FER-2013 as users have it: the official splits, bad rows named, votes aligned."""

import csv
from pathlib import Path

import cv2
from face_affect_ros.affect.types import AffectError, EMOTIONS
from face_affect_training.data import read
from face_affect_training.data.ferplus_votes import majority, VOTES
import numpy as np
import pytest

#: emotion, split and FER+ votes of the rows of the small table.
ROWS = [(3, 'Training', (0, 9, 1, 0, 0, 0, 0, 0, 0, 0)),
        (0, 'Training', (0, 0, 0, 3, 7, 0, 0, 0, 0, 0)),
        (0, 'Training', (0, 0, 0, 0, 0, 0, 0, 0, 0, 10)),
        (6, 'Training', (5, 0, 0, 5, 0, 0, 0, 0, 0, 0)),
        (4, 'Training', (0, 0, 0, 1, 1, 2, 1, 5, 0, 0)),
        (6, 'PublicTest', (2, 0, 1, 1, 1, 1, 1, 1, 1, 1)),
        (6, 'PrivateTest', (6, 0, 0, 2, 0, 0, 0, 0, 2, 0))]


def picture(number: int) -> np.ndarray:
    """Return another picture for each number, (48, 48) uint8."""
    return np.random.default_rng(number).integers(0, 256, (48, 48), np.uint8)


def write_table(path: Path, changes: dict[int, tuple[str, str, str]] | None = None,
                header: tuple[str, ...] = ('emotion', 'pixels', 'Usage')) -> None:
    """Write a table in the form of fer2013.csv. changes: other text for a row."""
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(header)
        for number, (emotion, usage, _) in enumerate(ROWS):
            pixels = ' '.join(map(str, picture(number).ravel().tolist()))
            fields = (changes or {}).get(number, (str(emotion), pixels, usage))
            by_name = dict(zip(('emotion', 'pixels', 'usage'), fields))
            writer.writerow([by_name[name.strip().lower()] for name in header])


def write_votes(path: Path, order: list[int]) -> None:
    """Write a table in the form of fer2013new.csv; its names skip a number, as FER+'s do."""
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['Usage', 'Image name', *VOTES])
        for place in order:
            _, usage, votes = ROWS[place]
            name = '' if votes[-1] == 10 else f'fer{place - (place > 2):07d}.png'
            writer.writerow([usage, name, *votes])


def test_csv_has_the_official_splits(tmp_path: Path) -> None:
    write_table(tmp_path / 'fer2013.csv')
    data = read('fer2013_csv', tmp_path, 'Training')
    assert data.labels.tolist() == [3, 0, 0, 6, 4] and data.names.tolist() == list('01234')
    assert data.images.dtype == np.uint8 and (data.images[4] == picture(4)).all()
    assert data.votes is None and not data.problems
    assert 'officially FER-2013 Training has 28709 faces, these are 5' in data.table()
    for split, number in (('PublicTest', 5), ('PrivateTest', 6)):
        other = read('fer2013_csv', tmp_path / 'fer2013.csv', split)
        assert len(other) == 1 and (other.images[0] == picture(number)).all()


def test_csv_of_the_challenge_page(tmp_path: Path) -> None:
    """There the columns have another order, and blanks in front of their names."""
    write_table(tmp_path / 'icml_face_data.csv', header=('emotion', ' Usage', ' pixels'))
    assert len(read('fer2013_csv', tmp_path, 'Training')) == 5


@pytest.mark.parametrize('bad, reason', [
    (('7', None, 'Training'), "emotion '7' does not exist"),
    (('', None, 'Training'), "emotion '' does not exist"),
    (('0', '1 2 3', 'Training'), '3 pixels instead of 2304'),
    (('0', ' '.join(['256'] * 2304), 'Training'), 'a pixel is 256, above 255'),
    (('0', ' '.join(['-1'] * 2304), 'Training'), 'a pixel is no whole number'),
    (('0', ' '.join(['1.5'] * 2304), 'Training'), 'a pixel is no whole number'),
    (('0', None, 'Holdout'), "usage 'Holdout' does not exist"),
])
def test_bad_csv_rows_are_named(tmp_path: Path, bad: tuple[str, str | None, str],
                                reason: str) -> None:
    pixels = ' '.join(map(str, picture(2).ravel().tolist())) if bad[1] is None else bad[1]
    write_table(tmp_path / 'fer2013.csv', {2: (bad[0], pixels, bad[2])})
    write_votes(tmp_path / 'fer2013new.csv', list(range(7)))
    data = read('fer2013_csv', tmp_path, 'Training')
    assert data.names.tolist() == ['0', '1', '3', '4']
    assert data.problems == (f'line 4: {reason}',)
    assert data.votes is not None and data.votes[2, 3] == 5


def test_csv_errors_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(AffectError, match=r'no fer2013\.csv and no icml_face_data\.csv'):
        read('fer2013_csv', tmp_path, 'Training')
    write_table(tmp_path / 'fer2013.csv', header=('emotion', 'pixels'))
    with pytest.raises(AffectError, match='the column Usage is missing'):
        read('fer2013_csv', tmp_path, 'Training')
    with pytest.raises(AffectError, match="'test' is not one of Training, PublicTest"):
        read('fer2013_csv', tmp_path, 'test')
    (tmp_path / 'fer2013.csv').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(AffectError, match='cannot be read as a CSV table'):
        read('fer2013_csv', tmp_path, 'Training')


def test_votes_are_aligned_by_order(tmp_path: Path) -> None:
    """The numbers in FER+'s image names are not rows of fer2013.csv."""
    write_table(tmp_path / 'fer2013.csv')
    elsewhere = tmp_path / 'elsewhere.csv'
    write_votes(elsewhere, list(range(7)))
    data = read('fer2013_csv', tmp_path, 'Training', {'ferplus': str(elsewhere)})
    assert data.votes is not None
    np.testing.assert_array_equal(data.votes, [row[2] for row in ROWS[:5]])
    for order in (list(range(6)), [5, 0, 1, 2, 3, 4, 6]):
        write_votes(elsewhere, order)
        with pytest.raises(AffectError, match='does not belong to'):
            read('fer2013_csv', tmp_path, 'Training', {'ferplus': str(elsewhere)})


@pytest.mark.parametrize('votes, winner', [
    ((0, 9, 1, 0, 0, 0, 0, 0, 0, 0), 'happiness'),
    ((5, 0, 0, 5, 0, 0, 0, 0, 0, 0), None),          # half is not more than half
    ((4, 1, 1, 1, 1, 1, 1, 0, 0, 0), 'neutral'),     # single votes do not count
    ((1, 1, 1, 1, 1, 1, 1, 1, 1, 1), None),
    ((0, 0, 0, 0, 0, 0, 0, 0, 3, 7), 'NF'),
    ((0, 0, 0, 0, 0, 0, 0, 0, 0, 0), None),
])
def test_majority_by_the_published_rule(votes: tuple[int, ...], winner: str | None) -> None:
    expected = -1 if winner is None else VOTES.index(winner)
    assert majority(np.array([votes], np.float32)).tolist() == [expected]


def test_ferplus_gives_the_label(tmp_path: Path) -> None:
    write_table(tmp_path / 'fer2013.csv')
    with pytest.raises(AffectError, match=r'no fer2013new\.csv'):
        read('ferplus', tmp_path, 'Training')
    write_votes(tmp_path / 'fer2013new.csv', list(range(7)))
    data = read('ferplus', tmp_path, 'Training')
    assert data.names.tolist() == ['0', '1']
    assert [EMOTIONS[label] for label in data.labels] == ['happy', 'angry']
    assert 'left out by the FER+ rule: 1 no majority, 1 contempt, 1 NF' in data.table()


def test_ferplus_of_the_sheets(sheets: Path) -> None:
    """The sheets bring their votes along."""
    given, voted = (read(name, sheets, 'Training') for name in ('fer2013_sheets', 'ferplus'))
    np.testing.assert_array_equal(voted.labels, given.labels)


def write_folders(root: Path, files: list[str]) -> None:
    """Write a picture under each name."""
    for number, name in enumerate(files):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(root / name), picture(number))


def test_folders_with_all_splits(tmp_path: Path) -> None:
    """Classes by any usual name, in any case; a folder test beside validation is PrivateTest."""
    write_folders(tmp_path, ['Train/Anger/1.png', 'Train/HAPPINESS/1.png', 'Train/4_sad/1.png',
                             'Train/5/1.png', 'Train/contempt/1.png', 'validation/surprised/1.png',
                             'test/neutral/1.png'])
    data = read('fer2013_folders', tmp_path, 'Training')
    assert dict(zip(data.names.tolist(), data.labels.tolist())) == {
        'Train/Anger/1.png': 0, 'Train/HAPPINESS/1.png': 3, 'Train/4_sad/1.png': 4,
        'Train/5/1.png': 5}
    assert data.images.shape == (4, 48, 48)
    assert {image.tobytes() for image in data.images} == {picture(i).tobytes() for i in range(4)}
    assert "1 pictures of the folder 'contempt', no class of FER-2013" in data.table()
    assert read('fer2013_folders', tmp_path, 'PublicTest').labels.tolist() == [5]
    for split in ('test', 'PrivateTest'):
        final = read('fer2013_folders', tmp_path, split)
        assert final.labels.tolist() == [6] and final.source == 'FER-2013 PrivateTest'


def test_folders_with_one_test_folder(tmp_path: Path) -> None:
    """Where both tests lie in one folder, names tell them apart, or the split is refused."""
    write_folders(tmp_path, ['train/angry/Training_1.jpg', 'train/fear/PrivateTest_9.jpg',
                             'test/angry/PublicTest_1.jpg', 'test/fear/PrivateTest_2.jpg',
                             'test/fear/PrivateTest_3.jpg', 'test/fear/4.jpg'])
    train = read('fer2013_folders', tmp_path, 'Training')
    assert train.names.tolist() == ['train/angry/Training_1.jpg']
    assert train.problems == ('train/fear/PrivateTest_9.jpg: its name says that it is of '
                              'PrivateTest',)
    public = read('fer2013_folders', tmp_path, 'PublicTest')
    assert public.names.tolist() == ['test/angry/PublicTest_1.jpg']
    assert 'left out: 1 pictures whose name says no split' in public.notes
    assert len(read('fer2013_folders', tmp_path, 'PrivateTest')) == 2
    both = read('fer2013_folders', tmp_path, 'test')
    assert len(both) == 4 and 'officially FER-2013 test has 7178 faces' in both.table()
    for name in ('angry/PublicTest_1', 'fear/PrivateTest_2', 'fear/PrivateTest_3'):
        (tmp_path / 'test' / f'{name}.jpg').rename(tmp_path / 'test' / f'{name[:5]}{name[-1]}.jpg')
    for split in ('PublicTest', 'PrivateTest'):
        with pytest.raises(AffectError, match='would spoil the test: take fer2013.csv'):
            read('fer2013_folders', tmp_path, split)


def test_bad_folders_are_named(tmp_path: Path) -> None:
    write_folders(tmp_path, ['train/angry/1.png', 'train/angry/2.jpg', 'train/happy/3.png'])
    whole = (tmp_path / 'train/angry/2.jpg').read_bytes()
    (tmp_path / 'train/angry/2.jpg').write_bytes(whole[:len(whole) // 2])
    (tmp_path / 'train/happy/3.png').write_bytes(b'')
    (tmp_path / 'train/happy/.hidden.png').write_bytes(b'no row')
    assert read('fer2013_folders', tmp_path, 'Training').problems == (
        'train/angry/2.jpg: is unreadable', 'train/happy/3.png: is unreadable')
    with pytest.raises(AffectError, match="no folder of split 'PublicTest', such as publictest"):
        read('fer2013_folders', tmp_path, 'PublicTest')
    with pytest.raises(AffectError, match="'Holdout' is not one of"):
        read('fer2013_folders', tmp_path, 'Holdout')
    (tmp_path / 'train/angry/1.png').write_bytes(b'x')
    with pytest.raises(AffectError, match="no usable picture of split 'Training'"):
        read('fer2013_folders', tmp_path, 'Training')
