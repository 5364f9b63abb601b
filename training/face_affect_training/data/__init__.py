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
import inspect
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.faces import FaceData
from face_affect_training.data.fer2013 import read_fer2013_csv, read_fer2013_sheets, read_ferplus
from face_affect_training.data.gender import read_fairface, read_utkface

#: Called with a path and a split; the keyword-only parameters are the reader's options.
READERS: dict[str, Callable[..., FaceData]] = {
    'fairface': read_fairface,
    'fer2013_csv': read_fer2013_csv,
    'fer2013_sheets': read_fer2013_sheets,
    'ferplus': read_ferplus,
    'utkface': read_utkface,
}
#: Where the faces come from and under which terms, for the card of a model.
ORIGINS = {
    'fairface': 'FairFace (CC BY 4.0)',
    'fer2013_csv': 'FER-2013 (ICML 2013 challenge)',
    'fer2013_sheets': 'FER-2013 (ICML 2013 challenge), FER+ votes (MIT)',
    'ferplus': 'FER-2013 (ICML 2013 challenge), FER+ votes (MIT)',
    'utkface': 'UTKFace (non-commercial research only)',
}


def read(reader: str, path: Path, split: str,
         options: dict[str, Any] | None = None) -> FaceData:
    """
    Return one split of a data set.

    Args:
        reader: a name of READERS.
        path: folder, or file where the reader takes one.
        split: see the reader.
        options: by name, see the reader.

    Raises:
        AffectError: the data cannot be read, or the reader does not have such an option.
    """
    if reader not in READERS:
        raise AffectError(f"data reader '{reader}' does not exist; choose one of "
                          f"{', '.join(READERS)}")
    if not path.exists():
        raise AffectError(f'{path}: the data folder does not exist; set data.path in the '
                          'experiment, or FACE_AFFECT_SHARED')
    known = {name: type(parameter.default) for name, parameter
             in inspect.signature(READERS[reader]).parameters.items()
             if parameter.kind is inspect.Parameter.KEYWORD_ONLY}
    for name, value in (options or {}).items():
        if name not in known:
            raise AffectError(f"data.options.{name}: reader '{reader}' has "
                              + (f"the options {', '.join(known)}" if known else 'no options'))
        if type(value) is not known[name] or name == 'size' and value < 1:
            raise AffectError(f'data.options.{name}: {value!r} is not a usable '
                              f'{known[name].__name__}')
    return READERS[reader](path, split, **(options or {}))
