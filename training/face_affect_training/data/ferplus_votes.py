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

"""FER+ (Barsoum et al. 2016): fer2013new.csv, the votes of ten taggers on each FER-2013 face."""

from pathlib import Path

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.tables import iterate_table
import numpy as np
import numpy.typing as npt

FILE = 'fer2013new.csv'
#: Columns of FER+ votes; NF says that there is no face.
VOTES = ('neutral', 'happiness', 'surprise', 'sadness', 'anger', 'disgust', 'fear', 'contempt',
         'unknown', 'NF')
#: FER+ columns that stand for the seven classes of FER-2013, in FER-2013 order.
FERPLUS_COLUMNS = (4, 5, 6, 1, 3, 2, 0)


class FerPlusVotes:
    """
    The votes of a fer2013new.csv, whose rows are those of fer2013.csv in the same order.

    The numbers in its image names do not count the rows of fer2013.csv, so that the order alone
    tells. Raises AffectError for a file that cannot be read, and for votes that are no numbers.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._usages: list[str] = []
        self._votes: list[list[float]] = []
        for index, row in enumerate(iterate_table(path, ('Usage', *VOTES))):
            try:
                self._votes.append([float(row[column]) for column in VOTES])
            except ValueError as error:
                raise AffectError(f'{path}: line {index + 2}: {error}') from error
            self._usages.append(row['Usage'].strip())

    def check(self, usages: list[str], table: Path) -> None:
        """
        Raise AffectError unless the rows of fer2013.csv are of the same splits, one by one.

        usages: of all its rows, '' where one is corrupt.
        """
        differs = [index for index, (theirs, ours) in enumerate(zip(self._usages, usages))
                   if ours not in ('', theirs)]
        if differs or len(usages) != len(self._usages):
            where = differs[0] if differs else min(len(usages), len(self._usages))
            raise AffectError(f'{self._path}: does not belong to {table}: {len(self._usages)} and '
                              f'{len(usages)} rows, not the same from line {where + 2} on; take '
                              'both as they were published, or move the votes away')

    def of(self, rows: list[int]) -> npt.NDArray[np.float32]:
        """Return the counts of these rows, (N, 10)."""
        return np.array([self._votes[row] for row in rows], np.float32)


def majority(votes: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """
    Return the FER+ column that wins each row, (N,) int64, -1 where none does.

    votes: (N, 10). The published rule: single votes do not count, and the winner needs more than
    half of the votes that are left.
    """
    counted = np.where(votes > 1.0, votes, 0.0)
    clear = counted.max(1, initial=0.0) > 0.5 * counted.sum(1)
    return np.where(clear, counted.argmax(1), -1).astype(np.int64)
