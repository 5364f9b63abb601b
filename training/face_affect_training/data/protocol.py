"""What keeps an experiment honest: no test face in training or selection, none in both."""

import hashlib

import numpy as np
import numpy.typing as npt

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.types import FaceData

#: Readers of data that this project tests on and never trains on.
TEST_ONLY = ('utkface',)


def is_test(reader: str, split: str) -> bool:
    """Return whether a split is for tests only.

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
    """Return which of the faces are among the judged ones, pixel by pixel, and the reverse.

    (N,) and (M,) bool, for N faces and M judged ones.
    """
    ours, theirs = _digests(faces), _digests(judged)
    both = set(ours) & set(theirs)
    return (np.array([digest in both for digest in ours], np.bool_),
            np.array([digest in both for digest in theirs], np.bool_))


def _digests(faces: FaceData) -> list[bytes]:
    return [hashlib.blake2b(np.ascontiguousarray(image).tobytes(), digest_size=16).digest()
            for image in faces.images]
