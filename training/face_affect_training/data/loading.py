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

"""Loading of the data sets of an experiment, with a cache and checks."""

from dataclasses import replace
from pathlib import Path
import sys
from typing import Any

import cv2
from face_affect_ros.affect.types import AffectError
from face_affect_training.data import read
from face_affect_training.data.faces import FaceData, repeats
from face_affect_training.experiment import Data, data_path
import joblib
import numpy as np

#: Readers of data sets for tests only.
TEST_ONLY = ('utkface',)


def load_split(data: Data, split: str, *, channels: int, cache: Path | None) -> FaceData:
    """
    Return a split of a data set.

    Args:
        data: settings.
        split: see the reader.
        channels: 1 converts colour images to grey.
        cache: folder of decoded images, which are memory-mapped and read again if the files of
            the data set change; None for no cache.
    """
    path = data_path(data.path)
    if cache is None:
        return _read(data.reader, path, split, channels)
    kept = joblib.Memory(cache, mmap_mode='r', verbose=0).cache(_read, ignore=['path'])
    faces: FaceData = kept(data.reader, path, split, channels, _state(path, cache))
    return replace(faces, images=faces.images.view(np.ndarray))


def load_splits(data: Data, task: str, *, channels: int,
                cache: Path | None) -> tuple[FaceData, FaceData]:
    """
    Return the training and validation faces, and print their counts.

    Raises:
        AffectError: a split is a test split, the labels are of another task, or the number of
            faces is not the expected one.
    """
    splits = []
    for entry, split in (('train', data.train), ('validation', data.validation)):
        if is_test(data.reader, split):
            raise AffectError(
                f"data.{entry}: '{split}' of {data.reader} is a test split and must not be used "
                'for training or selection; use another split (FER-2013: Training and '
                'PublicTest; FairFace: train and val)')
        faces = load_split(data, split, channels=channels, cache=cache)
        print(faces.table(), file=sys.stderr, flush=True)
        expected = getattr(data, f'expect_{entry}')
        if faces.task != task:
            raise AffectError(f'{faces.source}: has labels of {faces.task}, but the experiment '
                              f'needs {task}')
        if expected and len(faces) != expected:
            raise AffectError(f'{faces.source}: {len(faces)} faces, but the experiment expects '
                              f'{expected}; complete the data, or set data.expect_{entry} to 0')
        splits.append(faces)
    faces, validation = splits
    trained, tested = repeats(faces, validation)
    print(f'{tested.sum()} of {len(validation)} images of {validation.source} are also in '
          f'{faces.source}, {trained.sum()} of {len(faces)} there', file=sys.stderr, flush=True)
    return faces, validation


def is_test(reader: str, split: str) -> bool:
    """Return whether a split is for tests only. PublicTest is the validation split of FER-2013."""
    name = split.lower()
    return reader in TEST_ONLY or ('test' in name or 'utk' in name) and name != 'publictest'


def _read(reader: str, path: Path, split: str, channels: int, state: Any = None) -> FaceData:
    """Read a split; state: see _state, by which the cache tells data sets apart."""
    data = read(reader, path, split)
    if channels == 3 or data.images.ndim == 3:
        return data
    return replace(data, images=np.stack([cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
                                          for image in data.images]))


def _state(path: Path, cache: Path) -> list[tuple[str, int, int]]:
    """
    Return name, size and time of a file and the tables beside it, or of all files of a folder.

    The cache may be in this folder and is ignored.
    """
    files = ([path, *path.parent.glob('*.csv')] if path.is_file() else
             [file for file in path.rglob('*') if file.is_file()
              and cache.resolve() not in file.resolve().parents])
    return sorted({(str(file.resolve()), file.stat().st_size, int(file.stat().st_mtime))
                   for file in files})
