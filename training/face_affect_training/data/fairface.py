"""FairFace (Karkkainen and Joo 2021): a table of file, age, gender and race, and the face chips.

The chips lie in a zip archive or in a folder beside the table.
"""

import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_training.data.tables import read_table
from face_affect_training.data.types import FaceData, pack

GENDER_OF = {'Female': 0, 'Male': 1}
DECODERS = 8


def read_fairface(path: Path, split: str) -> FaceData:
    """Return one split ('train', 'val', or any NAME with NAME.csv there).

    path: folder of [fairface_]SPLIT.csv with the pictures in [fairface_]SPLIT.zip or as files
    under this folder. All chips get the size of the first readable one. Rows without a readable
    picture or with an unknown gender are skipped and named. Raises AffectError where the table or
    all pictures are missing.
    """
    table = _first([path / f'fairface_{split}.csv', path / f'{split}.csv'])
    rows = read_table(table, ('file', 'gender'))
    taken, images, problems = [], [], []
    size: tuple[int, int] | None = None
    for line, (row, picture) in enumerate(_pictures(rows, table), start=2):
        gender = GENDER_OF.get((row['gender'] or '').strip().capitalize())
        if gender is None:
            problems.append(f"line {line}: gender '{row['gender']}' is neither Female nor Male")
            continue
        if picture is None:
            problems.append(f"line {line}: picture '{row['file']}' is missing or unreadable")
            continue
        size = size or (picture.shape[1], picture.shape[0])
        if (picture.shape[1], picture.shape[0]) != size:
            picture = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
        images.append(picture)
        taken.append((gender, row['file'], row.get('race') or '', row.get('age') or ''))
    if not taken:
        raise AffectError(f'{table}: no row with a readable picture; are the pictures in '
                          f"{table.with_suffix('.zip').name} or in the folder beside it?")
    labels, names, race, age = pack(taken, (np.int64, np.str_, np.str_, np.str_))
    return FaceData(source=f'FairFace {split}', task='gender', images=np.stack(images),
                    labels=labels, names=names, groups={'race': race, 'age': age},
                    problems=tuple(problems))


def _first(candidates: list[Path]) -> Path:
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    names = ' and no '.join(candidate.name for candidate in candidates)
    raise AffectError(f'{candidates[0].parent}: there is no {names}')


def _pictures(rows: list[dict[str, str]],
              table: Path) -> Iterator[tuple[dict[str, str], ImageArray | None]]:
    """Yield each row with its BGR picture, None where it cannot be read."""
    archive_file = table.with_suffix('.zip')
    with ExitStack() as stack:
        archive = None
        if archive_file.is_file():
            try:
                archive = stack.enter_context(zipfile.ZipFile(archive_file))
            except (OSError, zipfile.BadZipFile) as error:
                raise AffectError(f'{archive_file}: cannot be read as a zip archive: '
                                  f'{error}') from error
        pool = stack.enter_context(ThreadPoolExecutor(DECODERS))
        remaining = iter(rows)
        while batch := list(islice(remaining, 512)):
            encoded = [_bytes(archive, table.parent, row['file']) for row in batch]
            yield from zip(batch, pool.map(_decode, encoded))


def _bytes(archive: zipfile.ZipFile | None, folder: Path, name: str) -> bytes:
    """Return a picture's file, empty where it is missing or damaged."""
    try:
        return archive.read(name) if archive is not None else (folder / name).read_bytes()
    except (KeyError, OSError, zipfile.BadZipFile):
        return b''


def _decode(encoded: bytes) -> ImageArray | None:
    if not encoded:
        return None
    picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    return None if picture is None else np.asarray(picture, np.uint8)
