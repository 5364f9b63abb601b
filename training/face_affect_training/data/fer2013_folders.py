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

"""
FER-2013 as pictures in folders, split/class/picture, as Kaggle's pages offer it.

The best known form has train and test only, and test holds PublicTest and PrivateTest together.
Where its files are named as PublicTest_123.jpg, the official splits are found again by name.
"""

from collections import Counter
from pathlib import Path
import re

from face_affect_ros.affect.types import AffectError, EMOTIONS
from face_affect_training.data.fer2013_csv import SIDE
from face_affect_training.data.fer2013_sheets import SPLITS
from face_affect_training.data.pictures import Pictures
from face_affect_training.data.types import FaceData
import numpy as np

#: Names of folders, in any case.
FOLDERS = {'Training': ('training', 'train', 'fer2013train'),
           'PublicTest': ('publictest', 'public_test', 'fer2013valid', 'validation', 'valid',
                          'val'),
           'PrivateTest': ('privatetest', 'private_test', 'fer2013test')}
TEST = 'test'
CLASSES = {'angry': ('angry', 'anger'), 'disgust': ('disgust', 'disgusted'),
           'fear': ('fear', 'fearful', 'afraid', 'scared'),
           'happy': ('happy', 'happiness', 'joy'), 'sad': ('sad', 'sadness'),
           'surprise': ('surprise', 'surprised'), 'neutral': ('neutral',)}
LABELS = {word: EMOTIONS.index(name) for name, words in CLASSES.items() for word in words}


def read_fer2013_folders(path: Path, split: str) -> FaceData:
    """
    Return one split ('Training', 'PublicTest', 'PrivateTest', or 'test' for both tests).

    path: folder of train/angry/*.jpg and the like. Unreadable pictures, and those whose name says
    that they are of another split, are skipped and named; folders that are no class of FER-2013
    are left out and counted. Pictures of another size are brought to 48 x 48. Raises AffectError
    where the split is not there, or cannot be told from the other test split.
    """
    if split not in (*SPLITS, TEST):
        raise AffectError(f"{path}: split '{split}' is not one of {', '.join((*SPLITS, TEST))}")
    folders = {child.name.lower(): child for child in sorted(path.iterdir()) if child.is_dir()}
    if split == TEST and _named(folders, FOLDERS['PublicTest']):
        split = 'PrivateTest'   # it has a folder of its own, so that test is not a mixture
    place, mixed = _place(path, folders, split)
    with Pictures(place) as pictures:
        names, problems, notes = _sorted_out(pictures.names(), place.name, split, mixed)
        labels = np.array([_label_of(name) for name in names], np.int64)
        images, readable = pictures.chips(names, SIDE, grey=True)
    if not len(images):
        raise AffectError(f"{place}: no usable picture of split '{split}'; expected "
                          f'{place.name}/angry/*.jpg and so on')
    full = np.array([f'{place.name}/{name}' for name in names])
    problems += [f'{name}: is unreadable' for name in full[~readable]]
    return FaceData(source=f'FER-2013 {split}', task='emotion', images=images,
                    labels=labels[readable], names=full[readable], problems=tuple(problems),
                    notes=tuple(notes))


def _named(folders: dict[str, Path], names: tuple[str, ...]) -> Path | None:
    return next((folders[name] for name in names if name in folders), None)


def _place(path: Path, folders: dict[str, Path], split: str) -> tuple[Path, bool]:
    """Return the folder of a split, and whether other splits lie in it as well."""
    own, test = _named(folders, FOLDERS.get(split, ())), folders.get(TEST)
    if own is not None:
        return own, False
    if split == 'Training' or test is None:
        wanted = ', '.join(FOLDERS.get(split, (TEST,)))
        raise AffectError(f"{path}: there is no folder of split '{split}', such as {wanted}")
    if split == TEST or _named(folders, FOLDERS['PublicTest']):
        return test, False
    if any(_said(name) == split for name in Pictures(test).names()):
        return test, True
    raise AffectError(f"{path}: there is no folder of split '{split}', and the names in {test} do "
                      'not say which of its pictures are of PublicTest and which of PrivateTest. '
                      'To choose a checkpoint on it would spoil the test: take fer2013.csv and '
                      'the reader fer2013_csv')


def _sorted_out(names: list[str], folder: str, split: str,
                mixed: bool) -> tuple[list[str], list[str], list[str]]:
    """Return the pictures of a split, the misplaced ones as problems, and notes on the rest."""
    taken, problems, left_out = [], [], Counter[str]()
    welcome = ('PublicTest', 'PrivateTest', '') if split == TEST else (split, '')
    for name in names:
        if mixed and not _said(name):
            left_out['whose name says no split'] += 1
        elif mixed and _said(name) != split:
            continue
        elif _said(name) not in welcome:
            problems.append(f'{folder}/{name}: its name says that it is of {_said(name)}')
        elif _label_of(name) < 0:
            folder_name = name.split('/')[0] if '/' in name else '.'
            left_out[f"of the folder '{folder_name}', no class of FER-2013"] += 1
        else:
            taken.append(name)
    return taken, problems, [f'left out: {count} pictures {why}' for why, count in
                             left_out.items()]


def _said(name: str) -> str:
    """Return the official split that a file's name begins with, '' where there is none."""
    found = re.match(r'(training|publictest|privatetest)[_-]', name.split('/')[-1].lower())
    return {split.lower(): split for split in SPLITS}[found.group(1)] if found else ''


def _label_of(name: str) -> int:
    """Return the class of class/picture, -1 for none. Numbers may stand before: '0 angry'."""
    folder = name.split('/')[0].lower() if '/' in name else ''
    word = re.sub(r'^\d+[\s_.-]*', '', folder)
    if folder.isdecimal():
        return int(folder) if int(folder) < len(EMOTIONS) else -1
    return LABELS.get(word, -1)
