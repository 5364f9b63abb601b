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

"""Files of a data set: CSV tables, and images in a folder or in a zip archive."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
import csv
import lzma
from pathlib import Path, PurePosixPath
import zipfile
import zlib

import cv2
from face_affect_ros.affect.types import AffectError, ImageArray
import numpy as np
import numpy.typing as npt

#: First year and name of the age groups of FairFace (Karkkainen and Joo 2021).
GROUPS = ((0, '0-2'), (3, '3-9'), (10, '10-19'), (20, '20-29'), (30, '30-39'), (40, '40-49'),
          (50, '50-59'), (60, '60-69'), (70, 'more than 70'))
#: Side of resized colour images, pixels.
CHIP = 112
DECODERS = 8
BATCH = 256
SUFFIXES = ('.bmp', '.jpeg', '.jpg', '.png', '.webp')
#: Errors of files that are missing, damaged, encrypted or have an unknown compression.
UNREADABLE = (KeyError, OSError, EOFError, RuntimeError, ValueError, lzma.LZMAError,
              zipfile.BadZipFile, zlib.error)
Place = Path | zipfile.Path


def open_place(path: Path) -> Place:
    """Return a folder, or the root of a zip archive. Raises AffectError for other files."""
    try:
        return zipfile.Path(path) if path.is_file() else path
    except UNREADABLE as error:
        raise AffectError(f'{path}: cannot be read as a zip archive: {error}') from error


def picture_names(place: Place) -> list[str]:
    """Return the sorted names of all image files in all subfolders, without hidden files."""
    names = (place.root.namelist() if isinstance(place, zipfile.Path) else
             [file.relative_to(place).as_posix() for file in place.rglob('*')])
    return sorted(name for name in names if PurePosixPath(name).suffix.lower() in SUFFIXES
                  and not any(part.startswith(('.', '__MACOSX')) for part in name.split('/')))


def read_chips(place: Place, names: Sequence[str]) -> tuple[ImageArray, npt.NDArray[np.bool_]]:
    """Return the readable images, (M, CHIP, CHIP, 3) uint8 BGR, and which these are, (N,)."""
    images = np.empty((len(names), CHIP, CHIP, 3), np.uint8)
    readable = np.zeros(len(names), np.bool_)
    with ThreadPoolExecutor(DECODERS) as pool:
        for start in range(0, len(names), BATCH):
            encoded = [_bytes(place / name) for name in names[start:start + BATCH]]
            for index, image in enumerate(pool.map(decode, encoded), start):
                if image is not None:
                    images[np.count_nonzero(readable)] = resized(image, CHIP)
                    readable[index] = True
    return images[:np.count_nonzero(readable)], readable


def _bytes(file: Place) -> bytes:
    """Return the content of a file, empty if it is missing or damaged."""
    try:
        return file.read_bytes()
    except UNREADABLE:
        return b''


def decode(encoded: bytes) -> ImageArray | None:
    """
    Return an image (H, W, 3) uint8 BGR, or None if it is damaged.

    OpenCV reads incomplete JPEG files without an error, so their end marker is checked here.
    """
    incomplete = (encoded[:2] == b'\xff\xd8'
                  and encoded.find(b'\xff\xd9', len(encoded) // 2) < 0)
    if not encoded or incomplete:
        return None
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:   # for example an invalid size
        return None
    return None if image is None else np.asarray(image, np.uint8)


def resized(image: ImageArray, size: int) -> ImageArray:
    """Return an image resized to size x size pixels."""
    if image.shape[:2] == (size, size):
        return image
    shrinks = min(image.shape[:2]) > size
    return np.asarray(cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA if shrinks
                                 else cv2.INTER_LINEAR), np.uint8)


def iterate_table(path: Path, needed: tuple[str, ...]) -> Iterator[dict[str, str]]:
    """
    Yield the rows of a CSV file with a header, missing values as ''.

    Spaces around the names of columns and before values are ignored.

    Args:
        path: file.
        needed: required columns.

    Raises:
        AffectError: the file cannot be read, or a column is missing.
    """
    try:
        with path.open(newline='', encoding='utf-8-sig') as file:
            reader = csv.DictReader(file, restval='', skipinitialspace=True)
            reader.fieldnames = [name.strip() for name in reader.fieldnames or []]
            missing = [column for column in needed if column not in reader.fieldnames]
            if missing:
                raise AffectError(f"{path}: the column {', '.join(missing)} is missing from its "
                                  f"header, which has {', '.join(reader.fieldnames) or 'none'}; "
                                  'columns must be separated by commas')
            yield from reader
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise AffectError(f'{path}: cannot be read as a CSV table: {error}') from error


def find_file(path: Path, names: tuple[str, ...]) -> Path:
    """
    Return the path if it is a file, or the first existing file of these names in the folder.

    Raises:
        AffectError: there is none.
    """
    for file in (path, *(path / name for name in names)):
        if file.is_file():
            return file
    raise AffectError(f"{path}: there is no {' and no '.join(names)}")


def age_group(years: int) -> str:
    """Return the group of an age in years, 'unknown' if it is negative or above 120."""
    if not 0 <= years <= 120:
        return 'unknown'
    return next(name for first, name in reversed(GROUPS) if years >= first)


def first_problem(problems: Sequence[str]) -> str:
    """Return the number of skipped rows and the problem of the first one, '' for none."""
    return f'; {len(problems)} skipped, the first: {problems[0]}' if problems else ''
