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

"""Readers of data sets by name."""

from collections.abc import Callable
from pathlib import Path

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.faces import FaceData
from face_affect_training.data.fer2013 import read_fer2013_csv, read_fer2013_sheets
from face_affect_training.data.gender import read_fairface, read_utkface

#: Functions of path and split.
READERS: dict[str, Callable[[Path, str], FaceData]] = {
    'fairface': read_fairface,
    'fer2013_csv': read_fer2013_csv,
    'fer2013_sheets': read_fer2013_sheets,
    'utkface': read_utkface,
}
#: Data sets and licences by reader, for the card of a model.
ORIGINS = {
    'fairface': 'FairFace (CC BY 4.0)',
    'fer2013_csv': 'FER-2013 (ICML 2013 challenge)',
    'fer2013_sheets': 'FER-2013 (ICML 2013 challenge), FER+ votes (MIT)',
    'utkface': 'UTKFace (non-commercial research only)',
}


def read(reader: str, path: Path, split: str) -> FaceData:
    """
    Return one split of a data set.

    Args:
        reader: name in READERS.
        path: folder or file.
        split: see the reader.

    Raises:
        AffectError: the data cannot be read.
    """
    if reader not in READERS:
        raise AffectError(f"data reader '{reader}' does not exist; choose one of "
                          f"{', '.join(READERS)}")
    if not path.exists():
        raise AffectError(f'{path}: the data folder does not exist; set data.path in the '
                          'experiment, or FACE_AFFECT_SHARED')
    return READERS[reader](path, split)
