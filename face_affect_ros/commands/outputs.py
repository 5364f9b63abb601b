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

"""Checks of output paths before anything is opened: no command overwrites its input."""

from collections.abc import Iterable, Sequence
import contextlib
import os
from pathlib import Path
import stat
from typing import TypeAlias

from face_affect_ros.affect.model_store import CARD, read_card
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import folder_files, MEDIA_SUFFIXES
from face_affect_ros.paths import expanded

#: Identity of a file: device and inode, or the resolved path of a missing file.
_Key: TypeAlias = tuple[int, int] | str
#: Suffixes of files that a user may expect from a command that writes a folder.
FILE_SUFFIXES = (*MEDIA_SUFFIXES, '.csv', '.eaf', '.html', '.json', '.jsonl', '.parquet', '.vtt')
#: The beginning of each JSON line of these commands.
LINE = b'{"source": '


class Inputs:
    """
    The files that a command reads, compared by identity and not by name: links are followed.

    A folder includes its images and clips. Pipes and devices, such as /dev/stdout, are ignored.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        """Read the identities of all files and folders; missing ones are ignored."""
        self._files: dict[_Key, Path] = {}
        self._folders: dict[_Key, Path] = {}
        for path in [expanded(each) for each in paths if each]:
            folder = os.path.isdir(path)
            for key in _keys(path):
                (self._folders if folder else self._files)[key] = path
            for each in _contents(path) if folder else ():
                self._files.update(dict.fromkeys(_keys(each), each))

    def file_at(self, path: Path) -> Path | None:
        """Return the input that is the same file as a path, None if there is none."""
        return next((self._files[key] for key in _keys(path) if key in self._files), None)

    def folder_of(self, path: Path) -> Path | None:
        """Return the input folder that contains a path, None if there is none."""
        return next((self._folders[key] for key in _keys(path.parent) if key in self._folders),
                    None)


def check_outputs(outputs: Sequence[tuple[str, Path]], inputs: Inputs) -> None:
    """
    Check that outputs overwrite neither inputs nor each other.

    Args:
        outputs: Each option with its path.
        inputs: The files that are read.

    Raises:
        AffectError: An output is an input, another output, or an image or clip in a folder that
            is read, where it would be an input of the next run.
    """
    named: dict[_Key, str] = {}
    for option, path in outputs:
        file, folder = inputs.file_at(path), inputs.folder_of(path)
        if file is not None:
            raise AffectError(f'{option} {path}: would overwrite the input {file}; choose another '
                              'file')
        if folder is not None and path.suffix.lower() in MEDIA_SUFFIXES:
            raise AffectError(f'{option} {path}: is in the input folder {folder}, and would be '
                              'an input of the next run; choose another folder')
        for key in _keys(path):
            if key in named:
                raise AffectError(f'{option} {path}: is the same file as {named[key]}; choose '
                                  'another file')
            named[key] = f'{option} {path}'


def check_folder(option: str, name: str, remedy: str) -> None:
    """Raise AffectError for a missing folder with the suffix of a file and no final slash."""
    path = expanded(name)
    if path.suffix.lower() in FILE_SUFFIXES and not name.endswith('/') and not os.path.isdir(path):
        raise AffectError(f'{option} {name}: is the name of a file, and {option} writes a folder; '
                          f'{remedy}')


def check_new(option: str, path: Path) -> None:
    """
    Raise AffectError if an output is an existing file that is not empty.

    For `--out *.png` a shell inserts the first image as the output.
    """
    if os.path.isfile(path) and os.path.getsize(path):
        raise AffectError(f'{option} {path}: exists and would be overwritten; choose another '
                          'file, or use --overwrite')


def check_lines(option: str, path: Path) -> None:
    """Raise AffectError if JSON lines would overwrite a file of another kind."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return
        with path.open('rb') as file:
            head = file.read(len(LINE))
    except (OSError, ValueError):   # missing or without permission: reported when it is opened
        return
    if head and head != LINE:
        raise AffectError(f'{option} {path}: exists, is not a file of JSON lines, and would be '
                          'overwritten; choose another file, or remove it')


def model_files(settings: PipelineSettings) -> list[Path]:
    """Return the files of the models that are given by paths, for Inputs."""
    files: list[Path] = []
    names = (settings.detector, settings.emotion_model, settings.gender_model)
    for path in (expanded(name) for name in names if '/' in name):
        if path.name == CARD:
            path = path.parent
        files += _listed(path) if os.path.isdir(path) else [path]
        # A card may refer to a network in another folder.
        with contextlib.suppress(AffectError, KeyError, TypeError):
            files.append(path / read_card(path / CARD)['file'])
    return files


def result_files(results: str) -> list[Path]:
    """Return the files of RESULTS (archive.reading.parts_of), for Inputs; none at a URL."""
    path = expanded(results)
    if not os.path.isdir(path):
        return [path]
    return [each for each in path.rglob('*') if os.path.isfile(each)]


def _contents(folder: Path) -> list[Path]:
    try:
        return folder_files(folder)[0]
    except AffectError:   # reported when it is opened
        return []


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:   # reported when it is opened
        return []


def _keys(path: Path) -> list[_Key]:
    """Return the identity of a file or folder, nothing for pipes and devices."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return [os.path.realpath(path)]
    known = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    return [(status.st_dev, status.st_ino)] if known else []
