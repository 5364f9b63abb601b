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

"""The registry of data readers: a name, and the function that reads one split of a data set."""

from collections.abc import Callable
from dataclasses import replace
import inspect
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.fairface import read_fairface
from face_affect_training.data.fer2013_csv import read_fer2013_csv
from face_affect_training.data.fer2013_folders import read_fer2013_folders
from face_affect_training.data.fer2013_sheets import read_fer2013_sheets
from face_affect_training.data.ferplus import read_ferplus
from face_affect_training.data.imdb_wiki import read_imdb_wiki
from face_affect_training.data.official import differences
from face_affect_training.data.types import FaceData
from face_affect_training.data.utkface import read_utkface

#: Called with a path and a split; the keyword-only parameters are the reader's options.
READERS: dict[str, Callable[..., FaceData]] = {
    'fairface': read_fairface,
    'fer2013_csv': read_fer2013_csv,
    'fer2013_folders': read_fer2013_folders,
    'fer2013_sheets': read_fer2013_sheets,
    'ferplus': read_ferplus,
    'imdb_wiki': read_imdb_wiki,
    'utkface': read_utkface,
}
#: Readers that take one file as well as a folder.
OF_FILES = ('fer2013_csv', 'ferplus', 'imdb_wiki', 'utkface')
#: Where the faces come from and under which terms, for the card of a model.
ORIGINS = {
    'fairface': 'FairFace (CC BY 4.0)',
    'fer2013_csv': 'FER-2013 (ICML 2013 challenge)',
    'fer2013_folders': 'FER-2013 (ICML 2013 challenge)',
    'fer2013_sheets': 'FER-2013 (ICML 2013 challenge), FER+ votes (MIT)',
    'ferplus': 'FER-2013 (ICML 2013 challenge), FER+ votes (MIT)',
    'imdb_wiki': 'IMDB-WIKI (academic research only)',
    'utkface': 'UTKFace (non-commercial research only)',
}


def read(reader: str, path: Path, split: str,
         options: dict[str, Any] | None = None) -> FaceData:
    """
    Return one split of a data set.

    path: folder, or file where the reader takes one. options: by name, see the reader. Raises
    AffectError where the data cannot be read, and for an option that the reader does not have.
    """
    if reader not in READERS:
        raise AffectError(f"data reader '{reader}' does not exist; choose one of "
                          f"{', '.join(READERS)}")
    if not (path.is_dir() or reader in OF_FILES and path.is_file()):
        raise AffectError(f'{path}: the data folder does not exist; set data.path in the '
                          'experiment, or FACE_AFFECT_SHARED')
    data = READERS[reader](path, split, **_checked(reader, options or {}))
    return replace(data, notes=(*data.notes, *differences(data)))


def _checked(reader: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options, whole numbers made floats where the reader takes floats."""
    known = {name: parameter.default for name, parameter
             in inspect.signature(READERS[reader]).parameters.items()
             if parameter.kind is inspect.Parameter.KEYWORD_ONLY}
    checked = {}
    for name, value in options.items():
        if name not in known:
            raise AffectError(f"data.options.{name}: reader '{reader}' has "
                              + (f"the options {', '.join(known)}" if known else 'no options'))
        kind = type(known[name])
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind or name == 'size' and value < 1:
            raise AffectError(f'data.options.{name}: {value!r} is not a usable {kind.__name__}')
        checked[name] = value
    return checked
