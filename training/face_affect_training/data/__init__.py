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

"""Data sets by the name of their reader, their cache and checks, and .npz files of faces."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
import sys
from typing import Any

import cv2
from face_affect_ros.affect.types import AffectError
from face_affect_training.data.faces import FaceData, repeats
from face_affect_training.data.fer2013 import read_fer2013_csv, read_fer2013_sheets
from face_affect_training.data.files import UNREADABLE
from face_affect_training.data.gender import read_fairface, read_utkface
from face_affect_training.experiment import Data, data_path
import joblib
import numpy as np
import numpy.typing as npt

#: Functions of path and split.
READERS: dict[str, Callable[[Path, str], FaceData]] = {
    'fairface': read_fairface,
    'fer2013_csv': read_fer2013_csv,
    'fer2013_sheets': read_fer2013_sheets,
    'utkface': read_utkface,
}
#: Data sets and licences by reader, for the card of a model.
ORIGINS = {
    'fairface': 'FairFace (CC BY 4.0)',
    'fer2013_csv': 'FER-2013 (ICML 2013 challenge)',
    'fer2013_sheets': 'FER-2013 (ICML 2013 challenge), FER+ votes (MIT)',
    'utkface': 'UTKFace (non-commercial research only)',
}


def read(reader: str, path: Path, split: str) -> FaceData:
    """
    Return one split of a data set.

    Args:
        reader: name in READERS.
        path: folder or file.
        split: see the reader.

    Raises:
        AffectError: the data cannot be read.
    """
    if reader not in READERS:
        raise AffectError(f"data reader '{reader}' does not exist; choose one of "
                          f"{', '.join(READERS)}")
    if not path.exists():
        raise AffectError(f'{path}: the data folder does not exist; set data.path in the '
                          'experiment, or FACE_AFFECT_SHARED')
    return READERS[reader](path, split)


def faces_of_reader(reader: str, path: str, split: str, *, without: str = '') -> FaceData:
    """
    Return one split of a data set, and print the skipped rows.

    path: ${FACE_AFFECT_SHARED} and ~ are replaced. without: another split. Images that are also in
    it, with equal pixels, are left out.
    """
    folder = data_path(path)
    faces = read(reader, folder, split)
    if faces.problems:
        print(faces.table(), file=sys.stderr)
    if not without:
        return faces
    seen, _ = repeats(faces, read(reader, folder, without))
    if seen.all():
        raise AffectError(f"{folder}: all images of '{split}' are also in '{without}'")
    return replace(faces.select(~seen), source=f'{faces.source} without images of {without}')


def read_npz(path: Path) -> FaceData:
    """
    Return the faces of an .npz file, with task ''.

    Arrays: images (N, H, W), (N, H, W, 1) or (N, H, W, 3) RGB, uint8; labels (N,) integers;
    optional groups (N,) or (N, G), and any number of group_NAME (N,). Others are ignored.

    Raises:
        AffectError: the file cannot be read, or an array is missing or invalid.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            known = file.files
            arrays = {key: file[key] for key in known
                      if key in ('images', 'labels', 'groups') or key.startswith('group_')}
    except (*UNREADABLE, AttributeError, TypeError) as error:
        raise AffectError(f'{path}: cannot be read as an .npz file of numbers and strings: '
                          f'{error}') from error
    missing = [key for key in ('images', 'labels') if key not in arrays]
    if missing:
        raise AffectError(f"{path}: the array {' and '.join(missing)} is missing; there are "
                          f"{', '.join(known) or 'none'}")
    images, labels = arrays['images'], arrays['labels']
    if images.dtype != np.uint8 or not (images.ndim == 3 or images.ndim == 4
                                        and images.shape[3] in (1, 3)):
        raise AffectError(f'{path}: images must be uint8 (N,H,W) or (N,H,W,3), they are '
                          f'{images.dtype} {images.shape}')
    if images.size == 0:
        raise AffectError(f'{path}: images is empty, {images.shape}')
    if labels.dtype.kind not in 'iu' or labels.ndim != 1:
        raise AffectError(f'{path}: labels must be integers (N,), they are {labels.dtype} '
                          f'{labels.shape}')
    if len(labels) != len(images):
        raise AffectError(f'{path}: {len(images)} images, but {len(labels)} labels')
    colour = images.shape[3:] == (3,)
    images = images[..., ::-1] if colour else images.reshape(images.shape[:3])
    return FaceData(source=path.name, task='', images=np.ascontiguousarray(images),
                    labels=labels.astype(np.int64), names=np.arange(len(labels)).astype(str),
                    groups=_groups(arrays, len(labels), path))


def _groups(arrays: dict[str, npt.NDArray[Any]], count: int,
            path: Path) -> dict[str, npt.NDArray[np.str_]]:
    columns = {key.removeprefix('group_'): values for key, values in arrays.items()
               if key.startswith('group_')}
    table = arrays.get('groups')
    if table is not None:
        columns |= ({f'group{index}': column for index, column in enumerate(table.T)}
                    if table.ndim == 2 else {'group': table})
    for name, values in columns.items():
        if values.shape != (count,) or values.dtype.kind not in 'biufU':
            raise AffectError(f"{path}: the group '{name}' must be strings or numbers, one for "
                              f'each of the {count} images, it is {values.dtype} {values.shape}')
    return {name: values.astype(np.str_) for name, values in columns.items()}


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
    return reader == 'utkface' or ('test' in name or 'utk' in name) and name != 'publictest'


def _read(reader: str, path: Path, split: str, channels: int, state: Any = None) -> FaceData:
    """Read a split; state: see _state, by which the cache tells data sets apart."""
    data = read(reader, path, split)
    if channels == 3 or data.images.ndim == 3:
        return data
    return replace(data, images=np.stack([cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
                                          for image in data.images]))


def _state(path: Path, cache: Path) -> list[tuple[str, int, int]]:
    """Return name, size and time of a file and its tables, or of the files of a folder."""
    files = ([path, *path.parent.glob('*.csv')] if path.is_file() else
             [file for file in path.rglob('*') if file.is_file()   # the cache may be there
              and cache.resolve() not in file.resolve().parents])
    return sorted({(str(file.resolve()), file.stat().st_size, int(file.stat().st_mtime))
                   for file in files})
