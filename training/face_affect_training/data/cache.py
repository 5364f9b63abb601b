"""Prepared arrays on disk, so that pictures are decoded once and shared by all processes.

Plain .npy files rather than an .npz archive: they are memory-mapped, and several trainings at a
time hold one copy.
"""

import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import cv2
import numpy as np

from face_affect_ros.affect.types import ImageArray
from face_affect_training.data import read
from face_affect_training.data.types import FaceData

FORMAT = 2


def load(reader: str, path: Path, split: str, *, channels: int,
         cache: Path | None) -> FaceData:
    """Return one split of a data set, from the cache where it holds it.

    channels: 1 turns the pictures grey, 3 keeps what the reader gives. cache: folder, or None to
    read the data set itself.
    """
    if cache is None:
        return _with_channels(read(reader, path, split), channels)
    stamp = json.dumps([FORMAT, reader, str(path.resolve()), split, channels, _state(path)])
    digest = hashlib.sha256(stamp.encode()).hexdigest()[:12]
    folder = cache / f'{reader}-{split}-{channels}-{digest}'
    if not folder.is_dir():
        _write(_with_channels(read(reader, path, split), channels), folder)
    return _load(folder)


def _state(path: Path) -> list[tuple[str, int]]:
    """Return the names and sizes of a data folder's own files: another data set, another cache."""
    if not path.is_dir():
        return []
    return sorted((file.name, file.stat().st_size) for file in path.iterdir() if file.is_file())


def _with_channels(data: FaceData, channels: int) -> FaceData:
    if channels == 3 or data.images.ndim == 3:
        return data
    grey = np.stack([cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in data.images])
    return FaceData(**{**vars(data), 'images': grey})


def _write(data: FaceData, folder: Path) -> None:
    """Write a folder at once: a half-written cache is never seen under its name."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix='.unfinished-'))
    arrays = {'images': data.images, 'labels': data.labels, 'names': data.names,
              **{f'group_{name}': values for name, values in data.groups.items()}}
    if data.votes is not None:
        arrays['votes'] = data.votes
    for name, array in arrays.items():
        np.save(unfinished / f'{name}.npy', array)
    facts = {'source': data.source, 'task': data.task, 'groups': list(data.groups),
             'problems': list(data.problems)}
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
                    problems=tuple(facts['problems']))
