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

"""Time lines in formats of annotation tools and video players: ELAN, WebVTT, CSV."""

from collections.abc import Iterable, Iterator
import csv
import itertools
import mimetypes
import os
from pathlib import Path
import statistics
from typing import NamedTuple

from face_affect_ros.affect.types import AffectError
from face_affect_ros.archive.reading import Part
from face_affect_ros.archive.thumbnails import EPOCH
from face_affect_ros.archive.timeline import Span, Track, tracks_of
from face_affect_ros.extras import import_extra
from face_affect_ros.paths import expanded, is_url, replaced

#: Duration in seconds of an image whose duration is unknown.
SHORTEST = 0.04


class Annotation(NamedTuple):
    """
    An interval on a tier.

    Attributes:
        tier: '<track> expression', or '<track> present'.
        start: Milliseconds since the start of the clip, or since the earliest stamp of a bag or of
            the demo.
        end: Likewise; an image lasts until the time of the next one.
        label: An apparent expression or 'unknown'; on tiers 'present', the track id.
    """

    tier: str
    start: int
    end: int
    label: str


def annotations_of(part: Part) -> list[Annotation]:
    """Return the time line of a source, track by track; intervals of a tier do not overlap."""
    summary, tracks = part.summary, tracks_of(part.rows())
    steps = [after.start - before.start for track in tracks
             for before, after in itertools.pairwise(track.bins)]
    mean = (summary.last - summary.first) / max(summary.frames - 1, 1)
    # the median, because a pause in the recording makes the mean larger
    shortest = (statistics.median(steps) if steps else mean) or SHORTEST
    origin = summary.first if summary.topic or summary.first > EPOCH else 0.0
    return [Annotation(f'{track.id} {name}', start, end, span.label)
            for track in tracks
            for name, spans in (('present', _presence(track, shortest)),
                                ('expression', track.spans(shortest=shortest)))
            for span in spans
            for start, end in [_milliseconds(span, origin)]]


def _presence(track: Track, shortest: float) -> Iterator[Span]:
    """Yield the intervals in which a track was present, labelled by its id."""
    found: Span | None = None
    for span in track.spans(shortest=shortest):
        if found is not None and span.start <= found.end:
            found = Span(found.start, span.end, track.id)
        else:
            if found is not None:
                yield found
            found = Span(span.start, span.end, track.id)
    if found is not None:
        yield found


def _milliseconds(span: Span, origin: float) -> tuple[int, int]:
    start = max(0, round((span.start - origin) * 1000))
    return start, max(start + 1, round((span.end - origin) * 1000))


def write_csv(annotations: Iterable[Annotation], path: Path, part: Part) -> None:
    """Write a CSV file for ELAN, with a header line."""
    with path.open('w', encoding='utf-8', newline='') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(('tier', 'begin_ms', 'end_ms', 'annotation'))
        writer.writerows(annotations)


def write_vtt(annotations: Iterable[Annotation], path: Path, part: Part) -> None:
    """Write the expressions as WebVTT, each with its track as the voice."""
    import_extra('webvtt', 'tiers', '--format vtt')
    from webvtt import Caption, WebVTT
    cues = sorted((each for each in annotations if each.tier.endswith(' expression')),
                  key=lambda each: (each.start, each.tier))
    captions = [Caption(_clock(each.start), _clock(each.end),
                        f'<v {each.tier.rpartition(" ")[0]}>{each.label}') for each in cues]
    WebVTT(captions=captions).save(str(path))


def write_eaf(annotations: Iterable[Annotation], path: Path, part: Part) -> None:
    """Write an ELAN document with two tiers for each track."""
    import_extra('pympi', 'tiers', '--format eaf')
    from pympi.Elan import Eaf
    document = Eaf(author='face_affect_ros')
    document.remove_tier('default')
    source = part.summary.source
    kind = mimetypes.guess_type(source)[0]
    if kind is not None and not is_url(source):
        document.add_linked_file(expanded(os.path.abspath(expanded(source))).as_uri(),
                                 mimetype=kind)
    tiers = set()
    for each in annotations:
        if each.tier not in tiers:
            tiers.add(each.tier)
            document.add_tier(each.tier)
        document.add_annotation(each.tier, each.start, each.end, each.label)
    document.to_file(str(path))


def _clock(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f'{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{rest:03}'


WRITERS = {'csv': write_csv, 'eaf': write_eaf, 'vtt': write_vtt}


def tiers_path(part: Part, folder: Path, form: str) -> Path:
    """Return the file of the time line of a source in a folder, in a format of WRITERS."""
    return folder / f'{part.key}.{form}'


def write_tiers(part: Part, folder: Path, form: str) -> Path:
    """
    Write the time line of a source.

    Args:
        part: The source.
        folder: Target folder.
        form: Format, one of WRITERS.

    Returns:
        The written file.

    Raises:
        AffectError: A package is missing or the disk is full.
    """
    path = tiers_path(part, folder, form)
    annotations = annotations_of(part)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with replaced(path) as new:
            WRITERS[form](annotations, new, part)
    except OSError as error:
        raise AffectError(f'{path}: cannot be written: {error.strerror}; choose another folder '
                          'with --out') from error
    return path
