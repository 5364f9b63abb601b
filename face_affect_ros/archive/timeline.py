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

"""The rows of one source as tracks over time, divided into bins."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from face_affect_ros.affect.types import EMOTIONS, LABELS, UNKNOWN
from face_affect_ros.archive.tables import Row

#: Seconds without a face after which a track counts as interrupted.
GAP = 1.5


@dataclass
class Bin:
    """
    The images of a track within a short time.

    Attributes:
        start: Earliest stamp of an image in seconds.
        end: Latest stamp of an image in seconds.
        images: Number of images.
        labels: Counts of the apparent expressions, including UNKNOWN.
        sums: Sums of the probabilities, in the order of EMOTIONS.
        inferred: Number of images with probabilities.
    """

    start: float
    end: float
    images: int = 0
    labels: Counter[str] = field(default_factory=Counter)
    sums: list[float] = field(default_factory=lambda: [0.0] * len(EMOTIONS))
    inferred: int = 0

    @property
    def label(self) -> str:
        """Return the most frequent expression, UNKNOWN if none was inferred."""
        return self.labels.most_common(1)[0][0] if self.labels else UNKNOWN

    @property
    def shares(self) -> list[float] | None:
        """Return the mean probabilities, None if there are none."""
        return [each / self.inferred for each in self.sums] if self.inferred else None


@dataclass(frozen=True)
class Span:
    """An interval in which a track had the same label: stamps in seconds, and the label."""

    start: float
    end: float
    label: str


@dataclass
class Track:
    """
    One face over time.

    Attributes:
        id: Track id.
        bins: Bins in the order of time.
        labels: Counts of the apparent expressions.
        genders: Counts of the apparent genders.
        reasons: Counts of the reasons of an unknown expression.
        best: The row with the largest product of score and box area, rows with a known expression
            first.
    """

    id: str  # noqa: A003
    bins: list[Bin] = field(default_factory=list)
    labels: Counter[str] = field(default_factory=Counter)
    genders: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    best: Row = field(default_factory=dict)
    _index: int | None = None

    @property
    def images(self) -> int:
        """Return the number of images of the track."""
        return sum(each.images for each in self.bins)

    def add(self, row: Row, width: float) -> None:
        """
        Add a row.

        Args:
            row: A row of the table.
            width: Width of a bin in seconds, 0 for a bin for each image.
        """
        stamp = float(row['stamp'])
        index = int(stamp / width) if width > 0.0 else None
        if not self.bins or index is None or index != self._index:
            self.bins.append(Bin(stamp, stamp))
        self._index = index
        last = self.bins[-1]
        last.start, last.end = min(last.start, stamp), max(last.end, stamp)
        last.images += 1
        shares = [row[f'emotion_{label}'] for label in EMOTIONS]
        if None not in shares:
            last.sums = [total + share for total, share in zip(last.sums, shares)]
            last.inferred += 1
        if row['emotion'] is not None:
            last.labels[row['emotion']] += 1
            self.labels[row['emotion']] += 1
        if row['gender'] is not None:
            self.genders[row['gender']] += 1
        if row['emotion_unknown_reason']:
            self.reasons[row['emotion_unknown_reason']] += 1
        if not self.best or _worth(row) > _worth(self.best):
            self.best = row

    def spans(self, *, shortest: float = 0.0) -> list[Span]:
        """
        Return the intervals of the track, divided where its expression changes or it was absent.

        Args:
            shortest: Minimum duration of a span in seconds, for a face in one image only.
        """
        found: list[Span] = []
        for each in self.bins:
            end = max(each.end, each.start + shortest)
            last = found[-1] if found else None
            if last is not None and each.start - last.end <= GAP:
                if last.label == each.label:
                    found[-1] = Span(last.start, max(last.end, end), last.label)
                    continue
                found[-1] = Span(last.start, each.start, last.label)
            found.append(Span(each.start, end, each.label))
        return found


def _worth(row: Row) -> tuple[bool, float]:
    return row['emotion'] not in (None, UNKNOWN), row['score'] * row['width'] * row['height']


def tracks_of(rows: Iterable[Row], *, width: float = 0.0) -> list[Track]:
    """
    Return the tracks of one source and topic, in the order of their first images.

    Args:
        rows: Rows of the table. Only their bins are kept in memory.
        width: Width of a bin in seconds, 0 for a bin for each image.

    Returns:
        The tracks.
    """
    tracks: dict[str, Track] = {}
    for row in rows:
        tracks.setdefault(row['id'], Track(row['id'])).add(row, width)
    for track in tracks.values():   # stamps may go back
        track.bins.sort(key=lambda each: each.start)
    return list(tracks.values())


def rows_of_records(records: Iterable[dict[str, Any]], names: Iterable[str]) -> Iterator[Row]:
    """
    Convert JSON lines (face_affect_ros.records) to rows of a table.

    Args:
        records: The decoded lines.
        names: Names of the columns.

    Yields:
        A row for each face.
    """
    empty = dict.fromkeys(names)
    for record in records:
        shared = {name: record.get(name) for name in ('source', 'topic', 'frame', 'stamp')}
        shared |= {'image_width': record['width'], 'image_height': record['height']}
        for face in record['faces']:
            row = empty | shared | {name: face[name] for name in ('id', 'score', 'tracked_for')}
            row |= zip(('x', 'y', 'width', 'height'), face['roi'])
            for task, labels in LABELS.items():
                shares = face[f'{task}_probabilities']
                if shares:
                    row |= {task: face[task], f'{task}_confidence': face[f'{task}_confidence'],
                            f'{task}_unknown_reason': face[f'{task}_unknown_reason'] or None}
                    row |= zip([f'{task}_{label}' for label in labels], shares)
            yield row
