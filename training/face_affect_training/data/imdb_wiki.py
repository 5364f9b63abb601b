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
IMDB-WIKI (Rothe, Timofte and Van Gool 2015): imdb.mat or wiki.mat, and the pictures.

There are no official splits: 'imdb' and 'wiki' are the two parts.
"""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import cv2
from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_training.data.pictures import Pictures
from face_affect_training.data.tables import age_group, find_file
from face_affect_training.data.types import FaceData
import numpy as np
import numpy.typing as npt

SPLITS = ('imdb', 'wiki')
FORMS = ('auto', 'crop', 'full')
#: The published crops reach this share of the face's box beyond it, on each side.
PUBLISHED_CONTEXT = 0.4
#: Matlab counts days from year 0, Python from year 1.
MATLAB_DAYS = 366


def read_imdb_wiki(path: Path, split: str, *, size: int = 112, pictures: str = 'auto',
                   context: float = 0.25, min_face_score: float = 1.0,
                   max_second_score: float = 0.0) -> FaceData:
    """
    Return the faces of one part, 'imdb' or 'wiki', that show one person for certain.

    path: the .mat file, or a folder of imdb.mat, imdb_crop/imdb.mat or imdb/imdb.mat; the
    pictures lie beside it. pictures: 'crop' for the published face crops, 'full' for the full
    pictures, from which face_location is cut, 'auto' for crop where the folder's name ends in
    _crop. context: share of the face's box around it in the chip, on each side, at most 0.4.
    size: of the chips.

    Left out and counted: gender unknown, no face found, face_score below min_face_score,
    second_face_score above max_second_score. Rows without a usable picture are skipped and named.
    Raises AffectError for a file that is not of this form, or without any usable row.
    """
    if split not in SPLITS or pictures not in FORMS:
        raise AffectError(f"{path}: split '{split}' must be one of {', '.join(SPLITS)}, "
                          f"data.options.pictures '{pictures}' one of {', '.join(FORMS)}")
    if not 0.0 <= context <= PUBLISHED_CONTEXT:
        raise AffectError(f'data.options.context is {context:g}, it must be 0 to '
                          f'{PUBLISHED_CONTEXT:g}')
    table = find_file(path, tuple(f'{folder}{split}.mat' for folder in
                                  ('', f'{split}_crop/', f'{split}/')))
    meta = _meta(table, split)
    chosen, note = _chosen(meta, min_face_score, max_second_score)
    full = pictures == 'full' or pictures == 'auto' and not table.parent.name.endswith('_crop')
    rows = np.flatnonzero(chosen)
    boxes = [meta['face_location'][row] for row in rows]

    def crop(picture: ImageArray, index: int) -> ImageArray | None:
        return cut_out(picture, boxes[index] if full else None, context)

    names = np.array([meta['full_path'][row] for row in rows], np.str_)
    with Pictures(table.parent) as files:
        images, readable = files.chips(names.tolist(), size, crop=crop)
    if not len(images):
        raise AffectError(f'{table}: no usable row with a readable picture in {table.parent}')
    kept = rows[readable]
    ages = [_age_group(meta['dob'][row], meta['photo_taken'][row]) for row in kept]
    return FaceData(source=f'IMDB-WIKI {split}', task='gender', images=images,
                    labels=meta['gender'][kept].astype(np.int64), names=names[readable],
                    groups={'age': np.array(ages)}, notes=(note,),
                    problems=tuple(f"row {rows[index] + 1}: picture '{names[index]}' is missing, "
                                   'unreadable or without its face'
                                   for index in np.flatnonzero(~readable)))


def _meta(table: Path, split: str) -> dict[str, Any]:
    """Return the columns of the .mat file, float64 (N,), and two lists."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError
    try:
        record = loadmat(table, variable_names=[split])[split][0, 0]
        columns = {key: record[key].ravel() for key in
                   ('dob', 'photo_taken', 'full_path', 'gender', 'face_location', 'face_score',
                    'second_face_score')}
        meta: dict[str, Any] = {key: column.astype(np.float64) for key, column in columns.items()
                                if key not in ('full_path', 'face_location')}
        meta['full_path'] = [str(cell[0]) for cell in columns['full_path']]
        meta['face_location'] = [cell.astype(np.float64).ravel()
                                 for cell in columns['face_location']]
    except (OSError, KeyError, IndexError, ValueError, TypeError, AttributeError,
            NotImplementedError, MatReadError) as error:
        raise AffectError(f"{table}: is not the .mat file of IMDB-WIKI's part '{split}': "
                          f'{error}') from error
    if len({len(column) for column in meta.values()}) != 1:
        raise AffectError(f'{table}: its columns have different lengths')
    return meta


def _chosen(meta: dict[str, Any], min_score: float,
            max_second: float) -> tuple[npt.NDArray[np.bool_], str]:
    """Return which rows are taken, and why the others are not. The first reason counts."""
    gender, score, second = meta['gender'], meta['face_score'], meta['second_face_score']
    reasons = np.select([~np.isin(gender, (0.0, 1.0)), ~np.isfinite(score), score < min_score,
                         np.nan_to_num(second, nan=-np.inf) > max_second],
                        ['gender unknown', 'no face found', f'face score below {min_score:g}',
                         f'second face above {max_second:g}'], '')
    counts = Counter(reason for reason in reasons.tolist() if reason)
    told = ', '.join(f'{count} {reason}' for reason, count in counts.items()) or 'none'
    return reasons == '', f'left out, of {len(reasons)} rows: {told}'


def cut_out(picture: ImageArray, box: npt.NDArray[np.float64] | None,
            context: float) -> ImageArray | None:
    """
    Return the square around a face, edges repeated; None where the face is outside.

    box: left, top, right, bottom, counted from 1; None where the picture is a published crop, with
    the face in its middle. context: share of the face's larger side around it, on each side.
    """
    height, width = picture.shape[:2]
    if box is None:
        middle = np.array([width, height]) / 2.0
        face = max(width, height) / (1.0 + 2.0 * PUBLISHED_CONTEXT)
    else:
        if box.shape != (4,) or not np.isfinite(box).all() or (box[2:] <= box[:2]).any():
            return None
        middle = (box[:2] + box[2:]) / 2.0 - 0.5
        face = float((box[2:] - box[:2]).max() + 1.0)
    if (middle < 0.0).any() or (middle > [width, height]).any():
        return None
    side = max(2, round(face * (1.0 + 2.0 * context)))
    left, top = np.round(middle - side / 2.0).astype(int).tolist()
    inside = picture[max(top, 0):top + side, max(left, 0):left + side]
    if not inside.size:
        return None
    return np.asarray(cv2.copyMakeBorder(
        inside, max(-top, 0), max(top + side - height, 0), max(-left, 0),
        max(left + side - width, 0), cv2.BORDER_REPLICATE), np.uint8)


def _age_group(born: float, year: float) -> str:
    """Return the age group at the middle of the year of the photograph."""
    if not (np.isfinite(born) and np.isfinite(year) and born > MATLAB_DAYS):
        return 'unknown'
    birthday = date.fromordinal(min(int(born) - MATLAB_DAYS, date.max.toordinal()))
    return age_group(int(year) - birthday.year - (birthday.month >= 7))
