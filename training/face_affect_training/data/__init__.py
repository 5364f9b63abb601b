"""The registry of data readers: a name, and the function that reads one split of a data set."""

from collections.abc import Callable
from pathlib import Path

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.fairface import read_fairface
from face_affect_training.data.fer2013_sheets import read_fer2013_sheets
from face_affect_training.data.types import FaceData

READERS: dict[str, Callable[[Path, str], FaceData]] = {
    'fairface': read_fairface,
    'fer2013_sheets': read_fer2013_sheets,
}


def read(reader: str, path: Path, split: str) -> FaceData:
    """Return one split of a data set. Raises AffectError where it cannot be read."""
    if reader not in READERS:
        raise AffectError(f"data reader '{reader}' does not exist; choose one of "
                          f"{', '.join(READERS)}")
    if not path.is_dir():
        raise AffectError(f'{path}: the data folder does not exist; set data.path in the '
                          'experiment, or FACE_AFFECT_SHARED')
    return READERS[reader](path, split)
