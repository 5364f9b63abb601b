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

"""What a command is about to write, checked before anything is opened: it destroys no input."""

from collections.abc import Iterable, Sequence
import contextlib
import os
from pathlib import Path
import stat
from typing import TypeAlias

from face_affect_ros.affect.model_files import read_card
from face_affect_ros.affect.model_store import CARD
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import folder_files, MEDIA_SUFFIXES
from face_affect_ros.paths import expanded

#: What tells that two paths are one file: device and inode, or where it would be made.
_Key: TypeAlias = tuple[int, int] | str
#: What each line begins with that these commands write.
LINE = b'{"source": '


class Inputs:
    """
    The files that a command reads, by what they are and not by their names: links are followed.

    Of a folder these are its pictures and clips. Pipes and devices, such as /dev/stdout, are
    nobody's files.
    """

    def __init__(self, paths: Iterable[str | Path]) -> None:
        """Look at all files and folders; what is not there is told of by who opens it."""
        self._files: dict[_Key, Path] = {}
        self._folders: dict[_Key, Path] = {}
        for path in [expanded(each) for each in paths if each]:
            folder = os.path.isdir(path)
            for key in _keys(path):
                (self._folders if folder else self._files)[key] = path
            for each in _contents(path) if folder else ():
                self._files.update(dict.fromkeys(_keys(each), each))

    def file_at(self, path: Path) -> Path | None:
        """Return the name of the input that a path is, None where it is none."""
        return next((self._files[key] for key in _keys(path) if key in self._files), None)

    def folder_of(self, path: Path) -> Path | None:
        """Return the folder among the inputs in which a path lies, None where there is none."""
        return next((self._folders[key] for key in _keys(path.parent) if key in self._folders),
                    None)


def check_outputs(outputs: Sequence[tuple[str, Path]], inputs: Inputs) -> None:
    """
    Raise AffectError where an output is an input or another output, or would become an input.

    outputs: each with the option that named it. A picture or clip in a folder that is read would
    be taken for one of its own by the next run.
    """
    named: dict[_Key, str] = {}
    for option, path in outputs:
        file, folder = inputs.file_at(path), inputs.folder_of(path)
        if file is not None:
            raise AffectError(f'{option} {path}: would overwrite the input {file}; name another '
                              'file')
        if folder is not None and path.suffix.lower() in MEDIA_SUFFIXES:
            raise AffectError(f'{option} {path}: lies in the folder {folder} that is read, and '
                              'the next run would take it for an input; name another folder')
        for key in _keys(path):
            if key in named:
                raise AffectError(f'{option} {path}: is the file of {named[key]} as well; name '
                                  'another file')
            named[key] = f'{option} {path}'


def check_new(option: str, path: Path) -> None:
    """
    Raise AffectError where a file that holds something is named as an output.

    A shell puts the first picture there for `--out *.png`.
    """
    if os.path.isfile(path) and os.path.getsize(path):
        raise AffectError(f'{option} {path}: exists and would be overwritten; name another file, '
                          'or give --overwrite')


def check_lines(option: str, path: Path) -> None:
    """Raise AffectError where JSON lines would overwrite something else than such lines."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return
        with path.open('rb') as file:
            head = file.read(len(LINE))
    except (OSError, ValueError):   # not there, or forbidden: told when it is opened
        return
    if head and head != LINE:
        raise AffectError(f'{option} {path}: holds something else than the JSON lines of an '
                          'earlier run and would be overwritten; name another file, or remove it')


def model_files(settings: PipelineSettings) -> list[Path]:
    """Return the files of the models that are named by their paths, for Inputs."""
    files: list[Path] = []
    names = (settings.detector, settings.emotion_model, settings.gender_model)
    for path in (expanded(name) for name in names if '/' in name):
        if path.name == CARD:
            path = path.parent
        files += _listed(path) if os.path.isdir(path) else [path]
        # A card may name a network elsewhere.
        with contextlib.suppress(AffectError, KeyError, TypeError):
            files.append(path / read_card(path / CARD)['file'])
    return files


def _contents(folder: Path) -> list[Path]:
    try:
        return folder_files(folder)[0]
    except AffectError:   # told by who opens it
        return []


def _listed(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:   # told by who opens it
        return []


def _keys(path: Path) -> list[_Key]:
    """Return what two paths of one file or folder have in common, nothing for other things."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return [os.path.realpath(path)]
    known = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    return [(status.st_dev, status.st_ino)] if known else []
