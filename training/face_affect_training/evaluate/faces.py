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

"""Labelled faces to judge a model on: an .npz file, or a split of a data set."""

import dataclasses
from pathlib import Path
from typing import Any
import zipfile
import zlib

from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_training.data import read
from face_affect_training.data.protocol import repeats
from face_affect_training.data.types import FaceData
import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]
GROUP = 'group_'
UNREADABLE = (OSError, ValueError, EOFError, RuntimeError, NotImplementedError, MemoryError,
              zipfile.BadZipFile, zlib.error)


def faces_of_npz(path: Path) -> FaceData:
    """
    Return the faces of an .npz file, with an empty task.

    images: (N, H, W), (N, H, W, 1) or (N, H, W, 3) RGB, uint8. labels: (N,) integers. Groups are
    optional: groups (N,), (N, G) or (N,) with named fields, and any number of arrays group_NAME
    (N,). Raises AffectError, naming the file and the array, for anything else.
    """
    arrays = _arrays(path)
    missing = [key for key in ('images', 'labels') if key not in arrays]
    if missing:
        raise AffectError(f"{path}: the array {' and '.join(missing)} is missing; it holds "
                          f"{', '.join(arrays) or 'nothing'}")
    images = _images(arrays['images'], path)
    labels = arrays['labels']
    if labels.dtype.kind not in 'iu' or labels.ndim != 1:
        raise AffectError(f'{path}: labels must be integers (N,), they are {labels.dtype} '
                          f'{labels.shape}')
    if len(labels) != len(images):
        raise AffectError(f'{path}: {len(images)} images, but {len(labels)} labels')
    names = np.arange(len(labels)).astype(str)
    return FaceData(source=path.name, task='', images=images, labels=labels.astype(np.int64),
                    names=names, groups=_groups(arrays, len(labels), path))


def faces_of_reader(reader: str, path: Path, split: str, *, without: str = '') -> FaceData:
    """
    Return one split of a data set.

    without: another split, whose pictures are left out where they are in both, pixel by pixel.
    Raises AffectError where all are.
    """
    faces = read(reader, path, split)
    if not without:
        return faces
    seen, _ = repeats(faces, read(reader, path, without))
    if seen.all():
        raise AffectError(f"{path}: every picture of '{split}' is in '{without}' as well")
    kept = faces.select(~seen)
    return dataclasses.replace(kept, source=f'{faces.source} without what is in {without}')


def _arrays(path: Path) -> Arrays:
    try:
        file = np.load(path, allow_pickle=False)
        if not isinstance(file, np.lib.npyio.NpzFile):
            raise AffectError(f'{path}: is one array, not an .npz file; write it by numpy.savez('
                              'file, images=..., labels=...)')
        with file:
            return {key: file[key] for key in file.files
                    if key in ('images', 'labels', 'groups') or key.startswith(GROUP)}
    except UNREADABLE as error:
        raise AffectError(f'{path}: cannot be read as an .npz file of numbers and strings: '
                          f'{error}') from error


def _images(images: npt.NDArray[Any], path: Path) -> ImageArray:
    """Return the images, those in colour as BGR."""
    grey = images.ndim == 3 or images.ndim == 4 and images.shape[3] == 1
    colour = images.ndim == 4 and images.shape[3] == 3
    if images.dtype != np.uint8 or not (grey or colour):
        raise AffectError(f'{path}: images must be uint8 (N,H,W) or (N,H,W,3), they are '
                          f'{images.dtype} {images.shape}')
    if images.size == 0:
        raise AffectError(f'{path}: images is empty, {images.shape}')
    if colour:
        return np.ascontiguousarray(images[..., ::-1])
    return np.ascontiguousarray(images.reshape(images.shape[:3]))


def _groups(arrays: Arrays, count: int, path: Path) -> dict[str, npt.NDArray[np.str_]]:
    columns = {key[len(GROUP):] or 'group': values for key, values in arrays.items()
               if key.startswith(GROUP)}
    table = arrays.get('groups')
    if table is not None and table.dtype.names:
        columns.update({name: table[name] for name in table.dtype.names})
    elif table is not None and table.ndim == 2 and table.shape[1] > 1:
        columns.update({f'group{index}': table[:, index] for index in range(table.shape[1])})
    elif table is not None:
        columns['group'] = table[:, 0] if table.ndim == 2 and table.shape[1] else table
    for name, values in columns.items():
        if values.shape != (count,) or values.dtype.kind not in 'biufUS':
            raise AffectError(f"{path}: the group '{name}' must be strings or numbers, one for "
                              f'each of the {count} images, it is {values.dtype} {values.shape}; '
                              'groups may be (N,) or (N,G)')
    return {name: _names(values) for name, values in columns.items()}


def _names(values: npt.NDArray[Any]) -> npt.NDArray[np.str_]:
    if values.dtype.kind == 'S':
        return np.char.decode(values, 'utf-8', 'replace')
    return values.astype(np.str_)
