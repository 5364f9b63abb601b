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

"""A self-contained HTML page about results: time lines, charts and counts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timezone
from html import escape
from typing import Any

from face_affect_ros import __version__
from face_affect_ros.affect.types import EMOTIONS, LABELS, UNKNOWN
from face_affect_ros.archive.charts import plotly_source, probabilities, time_line
from face_affect_ros.archive.reading import Part
from face_affect_ros.archive.thumbnails import EPOCH, thumbnails_of
from face_affect_ros.archive.timeline import Track, tracks_of
from face_affect_ros.paths import shown

#: Sources with charts, and tracks with charts in a source: the longest ones.
MAX_SOURCES, MAX_TRACKS = 30, 12
#: Bins of a chart over the duration of a source.
BINS = 500
LIMITS = ('The expression is the class that a network assigns to a face; it is not what the '
          'person feels. The gender is one of two classes that a network assigns; it is not a '
          'gender identity. Both are often wrong, for some people more often than for others. Do '
          'not use this page to decide about a person.')
STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; margin: 2em auto; max-width: 1100px; color: #222;
  padding: 0 1em }
h1 { font-size: 1.6em } h2 { font-size: 1.2em; margin-top: 2em; overflow-wrap: anywhere }
h3 { font-size: 1em; margin-bottom: 0 }
table { border-collapse: collapse } td, th { padding: .15em .8em .15em 0; text-align: left }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
p.limits { border-left: 4px solid #d55e00; padding-left: 1em }
code { font-size: .9em } img { max-height: 96px; margin-right: 1em; vertical-align: middle }
"""
#: The browser blocks all network access of the page.
POLICY = ("default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
          'img-src data: blob:; font-src data:')


def write_page(parts: Sequence[Part], metadata: Mapping[str, Any], *, title: str,
               with_faces: bool = False) -> Iterator[str]:
    """
    Write a report as HTML.

    Args:
        parts: The sources.
        metadata: Metadata of the run, may be empty.
        title: Title of the page.
        with_faces: Whether an image of each track is shown, which is read from its source.

    Yields:
        The page in pieces of HTML.

    Raises:
        AffectError: Plotly is missing.
    """
    yield ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
           f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
           f'<title>{escape(title)}</title><style>{STYLE}</style>'
           f'<script>{plotly_source()}</script></head><body>\n<h1>{escape(title)}</h1>\n'
           f'<p class="limits">{escape(LIMITS)}</p>\n')
    yield _overview(parts)
    for part in parts[:MAX_SOURCES]:
        yield from _about(part, with_faces=with_faces)
    if len(parts) > MAX_SOURCES:
        yield (f'<p>Only the first {MAX_SOURCES} of {len(parts)} sources have charts; the tables '
               'contain all of them.</p>\n')
    yield _models(metadata)
    yield '</body></html>\n'


def _overview(parts: Sequence[Part]) -> str:
    rows = [[part.title, *(getattr(part.summary, name) for name in (
        'frames', 'skipped', 'faces', 'tracks')),
        f'{part.summary.last - part.summary.first:.1f} s'] for part in parts]
    total = ['all', *(sum(row[column] for row in rows) for column in range(1, 5)), '']
    return '<h2>Sources</h2>\n' + _table(
        ('source', 'images', 'skipped', 'faces', 'tracks', 'length'),
        [*rows, total] if len(rows) > 1 else rows)


def _about(part: Part, *, with_faces: bool) -> Iterator[str]:
    summary = part.summary
    length = summary.last - summary.first
    tracks = tracks_of(part.rows(), width=length / BINS)
    begin = (f', from {datetime.fromtimestamp(summary.first, timezone.utc):%Y-%m-%d %H:%M:%S} UTC'
             if summary.first > EPOCH else '')
    yield (f'<h2>{escape(shown(part.title))}</h2>\n<p>{summary.frames} images in {length:.1f} s'
           f'{begin}, {len(tracks)} tracks. A track is a tracked face; a person who leaves and '
           'returns gets a new one.</p>\n')
    if not tracks:
        return
    tracks.sort(key=lambda track: -track.images)
    chosen = sorted(tracks[:MAX_TRACKS], key=lambda track: track.bins[0].start)
    if len(tracks) > len(chosen):
        yield f'<p>Only the {len(chosen)} longest tracks have charts.</p>\n'
    pictures: dict[str, str] = {}
    if with_faces:
        pictures, problem = thumbnails_of(part, chosen)
        if problem:
            yield f'<p>No images of faces: {escape(shown(problem))}</p>\n'
    if length > 0.0:   # else it is a single image
        yield '<h3>Tracks over time, by apparent expression</h3>\n'
        yield time_line(chosen, first=summary.first, last=summary.last)
    yield _counts(tracks)
    for track in chosen:
        picture = pictures.get(track.id)
        yield f'<h3>{escape(track.id)}</h3>\n<p>' + (
            f'<img alt="face of {escape(track.id)}" src="{picture}">' if picture else ''
        ) + escape(_words(track)) + '</p>\n'
        if length > 0.0 and len(_inferred(track)) > 1:
            yield probabilities(track, first=summary.first, last=summary.last)


def _words(track: Track) -> str:
    """Return a sentence about a track."""
    parts = [f'{track.images} images']
    for name, counts in (('expression', track.labels), ('gender', track.genders)):
        if counts:
            parts.append(f'apparent {name}: ' + _listed(counts))
    inferred = _inferred(track)
    if len(inferred) == 1:   # too few for a chart
        parts.append(', '.join(f'{label} {share:.0%}'
                               for label, share in zip(EMOTIONS, inferred[0])))
    if track.reasons:
        parts.append('reasons of unknown: ' + _listed(track.reasons))
    return '; '.join(parts)


def _inferred(track: Track) -> list[list[float]]:
    """Return the mean probabilities of the bins that have some."""
    return [each.shares for each in track.bins if each.shares is not None]


def _listed(counts: Counter[str]) -> str:
    return ', '.join(f'{label} {count}' for label, count in counts.most_common())


def _counts(tracks: Sequence[Track]) -> str:
    """Return a table of the faces by label, over all tracks."""
    labels: Counter[str] = sum((track.labels for track in tracks), Counter())
    total = sum(labels.values())
    if not total:
        return ''
    return '<h3>Faces in images by apparent expression</h3>\n' + _table(
        ('expression', 'faces', 'share'),
        [[label, labels[label], f'{labels[label] / total:.0%}'] for label in (*EMOTIONS, UNKNOWN)])


def _models(metadata: Mapping[str, Any]) -> str:
    made = f'<p>Written by face_affect_ros {escape(__version__)}'
    models = metadata.get('models', {})
    if not models:
        return f'{made}.</p>\n'
    rows = [[task, each['name'], each['sha256']] for task, each in models.items()]
    return (f"<h2>Models</h2>\n{_table(('task', 'model', 'sha256'), rows)}{made} from results of "
            f"{escape(str(metadata.get('package_version', '')))}, version "
            f"{escape(str(metadata.get('schema_version', '')))} of the table; labels of "
            f"{', '.join(task for task in LABELS if task in models) or 'nothing'}.</p>\n")


def _table(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def cell(tag: str, value: object, *, number: bool) -> str:
        return f'<{tag}{" class=n" if number else ""}>{escape(shown(value))}</{tag}>'
    body = [list(row) for row in rows]
    numeric = [any(isinstance(row[column], int) for row in body) for column in range(len(names))]
    lines = [''.join(cell('th', name, number=number) for name, number in zip(names, numeric))]
    lines += [''.join(cell('td', value, number=number) for value, number in zip(row, numeric))
              for row in body]
    return '<table>' + ''.join(f'<tr>{line}</tr>\n' for line in lines) + '</table>\n'
