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

"""FER-2013 with FER+'s opinion for a label (Barsoum et al. 2016), by the published rule."""

from dataclasses import replace
from pathlib import Path

from face_affect_ros.affect.types import AffectError
from face_affect_training.data.fer2013_csv import read_fer2013_csv
from face_affect_training.data.fer2013_sheets import read_fer2013_sheets
from face_affect_training.data.ferplus_votes import FERPLUS_COLUMNS, FILE, majority, VOTES
from face_affect_training.data.official import differences
from face_affect_training.data.types import FaceData
import numpy as np

#: Verdicts that are no class of FER-2013.
LEFT_OUT = {-1: 'no majority', **{column: VOTES[column] for column in range(len(VOTES))
                                  if column not in FERPLUS_COLUMNS}}


def read_ferplus(path: Path, split: str, *, ferplus: str = '') -> FaceData:
    """
    Return one official split with the majority of the FER+ votes for a label.

    path: folder of fer2013.csv or of the sheets (labels.csv), or the file fer2013.csv. ferplus:
    fer2013new.csv, where it does not lie beside fer2013.csv. Faces without a majority, and those
    whose majority is contempt, unknown or no face, are left out and counted. Raises AffectError as
    the readers of FER-2013 do, and where there are no votes.
    """
    if (path / 'labels.csv').is_file():
        data = read_fer2013_sheets(path, split)
    else:
        data = read_fer2013_csv(path, split, ferplus=ferplus)
    if data.votes is None:
        raise AffectError(f'{path}: there is no {FILE}; put it beside fer2013.csv or name it in '
                          'data.options.ferplus')
    return relabelled(replace(data, source=f'FER+ {split}', notes=differences(data)))


def relabelled(data: FaceData) -> FaceData:
    """Return the faces that FER+ has a verdict on, with the verdict for a label."""
    assert data.votes is not None
    winner = majority(data.votes)
    voted = data.votes.sum(1) > 0.0
    counts = {reason: int((voted & (winner == verdict)).sum())
              for verdict, reason in LEFT_OUT.items()}
    counts['no votes'] = int((~voted).sum())
    kept = np.isin(winner, FERPLUS_COLUMNS)
    label_of = np.zeros(len(VOTES), np.int64)
    label_of[list(FERPLUS_COLUMNS)] = np.arange(len(FERPLUS_COLUMNS))
    told = ', '.join(f'{count} {reason}' for reason, count in counts.items() if count)
    if not kept.any():
        raise AffectError(f'{data.source}: FER+ has no majority for any face')
    return replace(data.select(kept), labels=label_of[winner[kept]],
                   notes=(*data.notes, f"left out by the FER+ rule: {told or 'none'}"))
