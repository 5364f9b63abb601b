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

"""The log of a run: one line a CSV file for each epoch, and the same numbers for TensorBoard."""

import csv
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

#: Column and how its numbers are written.
COLUMNS = {'epoch': 'd', 'seconds': '.1f', 'learning_rate': '.3g', 'loss': '.4f',
           'accuracy': '.4f', 'val_loss': '.4f', 'val_accuracy': '.4f', 'best': '.4f'}
#: One accuracy for each zoom at which the validation faces are judged, parted by spaces.
EACH = 'val_accuracy_each'
HEADER = (*list(COLUMNS)[:-1], EACH, 'best')


class Log:
    """
    Writes log.csv and, in the folder tensorboard/, an event file.

    folder: of the run. A log that lies there is gone on with.
    """

    def __init__(self, folder: Path) -> None:
        self._path, self._events = folder / 'log.csv', folder / 'tensorboard'
        self._writer: Any = None

    def write(self, row: dict[str, Any], each: list[float]) -> dict[str, str]:
        """Append the numbers of an epoch, keys of COLUMNS; return them as they are written."""
        texts = {name: format(row[name], form) for name, form in COLUMNS.items()}
        texts[EACH] = ' '.join(f'{value:.4f}' for value in each)
        self._append([texts])
        if self._writer is None:
            # what an interrupted run has written of later epochs is void
            self._writer = SummaryWriter(str(self._events), purge_step=row['epoch'])
        for name in texts:
            if name in row and name != 'epoch':
                self._writer.add_scalar(name, row[name], row['epoch'])
        self._writer.flush()
        return texts

    def trim(self, epoch: int) -> None:
        """Drop the lines of epochs after this one: they will be trained again."""
        if not self._path.is_file():
            return
        with self._path.open(newline='', encoding='utf-8') as file:
            rows = [row for row in csv.DictReader(file) if int(row['epoch']) <= epoch]
        self._path.unlink()
        self._append(rows)

    def close(self) -> None:
        """Close the event file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _append(self, rows: list[dict[str, str]]) -> None:
        fresh = not self._path.is_file()
        with self._path.open('a', newline='', encoding='utf-8') as file:
            writer = csv.DictWriter(file, HEADER, lineterminator='\n')
            if fresh:
                writer.writeheader()
            writer.writerows(rows)


def last_seconds(folder: Path) -> float:
    """Return how long a run has been trained, seconds; 0 where it has no log."""
    path = folder / 'log.csv'
    if not path.is_file():
        return 0.0
    with path.open(newline='', encoding='utf-8') as file:
        return max((float(row['seconds']) for row in csv.DictReader(file)), default=0.0)
