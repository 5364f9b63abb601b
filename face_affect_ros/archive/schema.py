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

"""
Columns of the table of faces, with type, unit and description.

The meaning of a column does not change within a version. docs/tables.md lists the columns
(tools/node_pages.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from face_affect_ros.affect.boxes import whole_pixels
from face_affect_ros.affect.types import EMOTIONS, Face, LABELS, LANDMARKS, REASONS
from face_affect_ros.media import Frame
from face_affect_ros.records import METRE_DIGITS, numbers, PIXEL_DIGITS, SHARE_DIGITS
import numpy as np

#: Incremented when a column is removed or changes its meaning.
VERSION = 1
#: Decimals of seconds.
SECOND_DIGITS = 6
#: The Python types of the kinds of columns.
KINDS: dict[str, Any] = {'string': str, 'integer': int, 'number': (int, float)}
#: Columns without which a row cannot be shown.
NEEDED = frozenset({'source', 'frame', 'stamp', 'id', 'x', 'y', 'width', 'height', 'score'})
#: Stamps are before the year 9999, in seconds.
LATEST = 2.5e11


@dataclass(frozen=True)
class Column:
    """
    One column.

    Attributes:
        name: Name of the column.
        kind: 'string', 'integer' (64 bits) or 'number' (float64).
        unit: SI unit or 'px', '' for none.
        description: One sentence.
        nullable: Whether the value may be missing: null in JSON and Parquet, an empty cell in CSV.
    """

    name: str
    kind: str
    unit: str
    description: str
    nullable: bool = False


def _columns() -> tuple[Column, ...]:
    found = [
        Column('source', 'string', '', 'File, folder, bag or URL, as given.'),
        Column('topic', 'string', '', 'Image topic of a bag.', True),
        Column('frame', 'integer', '', 'Number of the image in its source, from 0.'),
        Column('stamp', 'number', 's', 'Time since the start of a clip; for a bag, the stamp of '
               'the header, since 1970, or the time of recording if the stamp is 0.'),
        Column('stamp_ns', 'integer', 'ns', 'The same time, not rounded.'),
        Column('frame_id', 'string', '', 'Frame id in the header of the image.', True),
        Column('image_width', 'integer', 'px', 'Width of the image.'),
        Column('image_height', 'integer', 'px', 'Height of the image.'),
        Column('id', 'string', '', 'Track: the same face in the images of one source and topic. '
               'It does not identify a person.'),
        Column('x', 'integer', 'px', 'Left edge of the box.'),
        Column('y', 'integer', 'px', 'Upper edge of the box.'),
        Column('width', 'integer', 'px', 'Width of the box.'),
        Column('height', 'integer', 'px', 'Height of the box.'),
        Column('score', 'number', '', "The detector's confidence, 0 to 1."),
        Column('tracked_for', 'number', 's', 'Time since the track was first seen.')]
    for name in LANDMARKS:
        found += [Column(f'{name}_{axis}', 'number', 'px',
                         f"{name.replace('_', ' ').capitalize()}, {axis} in the image; left and "
                         "right are the person's.", True) for axis in 'xy']
    for task, labels in LABELS.items():
        what = 'expression' if labels == EMOTIONS else 'gender'
        found += [
            Column(task, 'string', '', f"Apparent {what}: {', '.join(labels)} or unknown; null if "
                   'the model is switched off.', True),
            Column(f'{task}_unknown_reason', 'string', '', f'If {task} is unknown, the reason: '
                   f"{', '.join(REASONS)}.", True),
            Column(f'{task}_confidence', 'number', '', f'Probability of {task}; if it is unknown, '
                   'of the most probable label, 0 to 1.', True)]
        found += [Column(f'{task}_{label}', 'number', '', f'Probability of {label}, 0 to 1.', True)
                  for label in labels]
    for axis, way in zip('xyz', ('right', 'down', 'forward')):
        found.append(Column(f'position_{axis}', 'number', 'm', 'Point between the eyes in the '
                            f'optical frame of the camera, {way}; null without camera_info.',
                            True))
    for axis in 'xyz':
        found.append(Column(f'position_{axis}_std', 'number', 'm',
                            f'Standard deviation of position_{axis}.', True))
    return tuple(found)


COLUMNS = _columns()


def described() -> list[dict[str, Any]]:
    """Return the columns as JSON-serialisable mappings."""
    return [asdict(column) for column in COLUMNS]


def problem_with_row(row: Mapping[str, Any]) -> str:
    """
    Check the types of a row that was read from a file.

    Args:
        row: A value or None for each column.

    Returns:
        The problem, '' for a valid row.
    """
    for column in COLUMNS:
        value = row[column.name]
        if value is None:
            if column.name in NEEDED:
                return f'{column.name} is missing'
        elif not isinstance(value, KINDS[column.kind]):
            return f'{column.name} is {value!r:.40}, which is not of the type {column.kind}'
    return problem_with_stamp(row['stamp'])


def problem_with_stamp(stamp: object) -> str:
    """Return why a value is not a stamp in seconds, '' if it is one."""
    valid = isinstance(stamp, (int, float)) and abs(stamp) < LATEST
    return '' if valid else f'{stamp!r:.40} is not a stamp in seconds'


def rows_of(faces: Sequence[Face], *, source: str, topic: str, frame: Frame
            ) -> list[dict[str, Any]]:
    """Return one row per face of an image, with a value or None for each column."""
    height, width = frame.image.shape[:2]
    shared = {'source': source, 'topic': topic or None, 'frame': frame.index,
              'stamp': round(frame.stamp, SECOND_DIGITS), 'stamp_ns': frame.nanoseconds,
              'frame_id': frame.frame_id or None, 'image_width': width, 'image_height': height}
    return [{column.name: None for column in COLUMNS} | shared | _values(face) for face in faces]


def _values(face: Face) -> dict[str, Any]:
    values: dict[str, Any] = {'id': face.id, 'score': round(float(face.score), SHARE_DIGITS),
                              'tracked_for': round(face.tracked_for, SECOND_DIGITS)}
    values |= zip(('x', 'y', 'width', 'height'), whole_pixels(face.box))
    for name, point in zip(LANDMARKS, face.landmarks):
        if np.isfinite(point).all():
            values |= zip((f'{name}_x', f'{name}_y'), numbers(point, PIXEL_DIGITS))
    for task, estimate in face.estimates.items():
        values[task] = estimate.label
        values[f'{task}_unknown_reason'] = estimate.reason or None
        values[f'{task}_confidence'] = round(float(estimate.confidence), SHARE_DIGITS)
        values |= zip([f'{task}_{label}' for label in LABELS[task]],
                      numbers(estimate.probabilities, SHARE_DIGITS))
    if face.position is not None:
        spread = np.sqrt(face.position.covariance.diagonal())
        for axis, metres, std in zip('xyz', face.position.point, spread):
            values[f'position_{axis}'] = round(float(metres), METRE_DIGITS)
            values[f'position_{axis}_std'] = round(float(std), METRE_DIGITS)
    return values
