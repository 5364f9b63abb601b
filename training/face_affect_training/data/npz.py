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

"""Labelled faces in .npz files."""

from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.faces import FaceData
from face_affect_training.data.files import UNREADABLE
import numpy as np
import numpy.typing as npt

GROUP = 'group_'


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
                      if key in ('images', 'labels', 'groups') or key.startswith(GROUP)}
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
    columns = {key.removeprefix(GROUP): values for key, values in arrays.items()
               if key.startswith(GROUP)}
    table = arrays.get('groups')
    if table is not None:
        columns |= ({f'group{index}': column for index, column in enumerate(table.T)}
                    if table.ndim == 2 else {'group': table})
    for name, values in columns.items():
        if values.shape != (count,) or values.dtype.kind not in 'biufU':
            raise AffectError(f"{path}: the group '{name}' must be strings or numbers, one for "
                              f'each of the {count} images, it is {values.dtype} {values.shape}')
    return {name: values.astype(np.str_) for name, values in columns.items()}
