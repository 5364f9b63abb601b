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
Prepared arrays on disk, so that pictures are decoded once and shared by all processes.

Plain .npy files rather than an .npz archive: they are memory-mapped, and several trainings at a
time hold one copy.
"""

from collections.abc import Iterator
from dataclasses import replace
import hashlib
import json
import os
from pathlib import Path
import shutil
import tempfile
from typing import Any

import cv2
from face_affect_ros.affect.types import ImageArray
from face_affect_training.data import read
from face_affect_training.data.types import FaceData
import numpy as np
import numpy.typing as npt

FORMAT = 3


def load(reader: str, path: Path, split: str, *, channels: int, cache: Path | None,
         options: dict[str, Any] | None = None) -> FaceData:
    """
    Return one split of a data set, from the cache where it holds it.

    channels: 1 turns the pictures grey, 3 keeps what the reader gives. cache: folder, or None to
    read the data set itself. options: of the reader.
    """
    if cache is None:
        return _with_channels(read(reader, path, split, options), channels)
    named = [Path(value).expanduser() for value in (options or {}).values()
             if isinstance(value, str)]
    stamp = json.dumps([FORMAT, reader, str(path.resolve()), split, channels,
                        sorted((options or {}).items()),
                        [_state(place, cache) for place in (path, *named)]])
    digest = hashlib.sha256(stamp.encode()).hexdigest()[:12]
    folder = cache / f'{reader}-{split}-{channels}-{digest}'
    if not folder.is_dir():
        _write(_with_channels(read(reader, path, split, options), channels), folder)
    return _load(folder)


def _state(path: Path, cache: Path) -> list[tuple[str, int, int]]:
    """
    Return name, size and time of all files below a folder: changed data, another cache.

    For a file, of itself and of the tables beside it, such as votes. The cache itself may lie in
    the folder.
    """
    if path.is_file():
        beside = [file for file in path.parent.glob('*.csv') if file != path]
        return sorted(_stamp(file.name, file.stat()) for file in (path, *beside))
    return sorted(_files(path, '', cache.resolve()))


def _files(folder: Path, inside: str, cache: Path) -> Iterator[tuple[str, int, int]]:
    if not folder.is_dir() or folder.resolve() == cache:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                yield from _files(Path(entry.path), f'{inside}{entry.name}/', cache)
            elif entry.is_file():
                yield _stamp(inside + entry.name, entry.stat())


def _stamp(name: str, facts: os.stat_result) -> tuple[str, int, int]:
    return name, facts.st_size, int(facts.st_mtime)


def _with_channels(data: FaceData, channels: int) -> FaceData:
    if channels == 3 or data.images.ndim == 3:
        return data
    grey = np.stack([cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in data.images])
    return replace(data, images=grey)


def _write(data: FaceData, folder: Path) -> None:
    """Write a folder at once: a half-written cache is never seen under its name."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix='.unfinished-'))
    arrays: dict[str, npt.NDArray[Any]] = {
        'images': data.images, 'labels': data.labels, 'names': data.names,
        **{f'group_{name}': values for name, values in data.groups.items()}}
    if data.votes is not None:
        arrays['votes'] = data.votes
    for name, array in arrays.items():
        np.save(unfinished / f'{name}.npy', array)
    facts = {'source': data.source, 'task': data.task, 'groups': list(data.groups),
             'problems': list(data.problems), 'notes': list(data.notes)}
    (unfinished / 'facts.json').write_text(json.dumps(facts), encoding='utf-8')
    try:
        os.rename(unfinished, folder)
    except OSError:
        if not folder.is_dir():
            raise
        shutil.rmtree(unfinished)   # another process was quicker


def _load(folder: Path) -> FaceData:
    facts = json.loads((folder / 'facts.json').read_text(encoding='utf-8'))
    mapped: ImageArray = np.load(folder / 'images.npy', mmap_mode='r').view(np.ndarray)
    votes = folder / 'votes.npy'
    return FaceData(source=facts['source'], task=facts['task'], images=mapped,
                    labels=np.load(folder / 'labels.npy'), names=np.load(folder / 'names.npy'),
                    votes=np.load(votes) if votes.is_file() else None,
                    groups={name: np.load(folder / f'group_{name}.npy')
                            for name in facts['groups']},
                    problems=tuple(facts['problems']), notes=tuple(facts['notes']))
