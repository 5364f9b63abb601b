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

"""What keeps an experiment honest: no test face in training or selection, none in both."""

import hashlib

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.types import FaceData
import numpy as np
import numpy.typing as npt

#: Readers of data that this project tests on and never trains on.
TEST_ONLY = ('utkface',)


def is_test(reader: str, split: str) -> bool:
    """
    Return whether a split is for tests only.

    PublicTest is not: it is FER-2013's split to choose on, in spite of its name.
    """
    name = split.lower()
    return reader in TEST_ONLY or ('test' in name or 'utk' in name) and name != 'publictest'


def check_protocol(reader: str, train: str, validation: str, *, allow_test: bool = False) -> None:
    """Raise AffectError where an experiment would train or choose on a test split."""
    for entry, split in (('train', train), ('validation', validation)):
        if is_test(reader, split) and not allow_test:
            raise AffectError(
                f"data.{entry}: '{split}' of {reader} is a test split. A network that has been "
                'trained or chosen on it has no clean test figure any more; take another split '
                '(FER-2013: Training and PublicTest; FairFace: train and val), or say '
                'data.allow_test: true')


def repeats(faces: FaceData, judged: FaceData) -> tuple[npt.NDArray[np.bool_],
                                                        npt.NDArray[np.bool_]]:
    """
    Return which of the faces are among the judged ones, pixel by pixel, and the reverse.

    (N,) and (M,) bool, for N faces and M judged ones.
    """
    ours, theirs = _digests(faces), _digests(judged)
    both = set(ours) & set(theirs)
    return (np.array([digest in both for digest in ours], np.bool_),
            np.array([digest in both for digest in theirs], np.bool_))


def _digests(faces: FaceData) -> list[bytes]:
    return [hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=16).digest()
            for image in faces.images]
