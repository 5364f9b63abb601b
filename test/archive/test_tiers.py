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

"""Time lines for annotation tools: times, and files read back in their formats."""

from collections.abc import Iterator
import csv
import dataclasses
import json
import os
from pathlib import Path
import sys

from bag_files import START
from face_affect_ros.affect.types import EMOTIONS
from face_affect_ros.archive import reading
from face_affect_ros.archive.reading import Part, parts_of
from face_affect_ros.archive.results import Results, Summary
from face_affect_ros.archive.schema import COLUMNS, VERSION
from face_affect_ros.archive.sources import Source
from face_affect_ros.archive.tables import Row
from face_affect_ros.archive.tiers import Annotation, annotations_of
from face_affect_ros.cli import main
from face_affect_ros.records import to_record
from faces import face
import pytest

EXPECTED = [
    Annotation('f0001 present', 0, 300, 'f0001'), Annotation('f0001 present', 4000, 4100, 'f0001'),
    Annotation('f0001 expression', 0, 100, 'happy'),
    Annotation('f0001 expression', 100, 300, 'unknown'),
    Annotation('f0001 expression', 4000, 4100, 'sad'),
    Annotation('f0002 present', 100, 200, 'f0002'),
    Annotation('f0002 expression', 100, 200, 'neutral')]


def rows(begin: float) -> Iterator[Row]:
    """Yield the rows of two tracks."""
    for track, stamp, label in (('f0001', 0.0, 'happy'), ('f0001', 0.1, 'unknown'),
                                ('f0002', 0.1, 'neutral'), ('f0001', 0.2, 'unknown'),
                                ('f0001', 4.0, 'sad')):
        yield {**{column.name: None for column in COLUMNS}, 'id': track, 'stamp': begin + stamp,
               'source': 'a', 'frame': 0, 'emotion': label, 'score': 0.9,
               'x': 0, 'y': 0, 'width': 9, 'height': 9,
               **{f'emotion_{each}': 0.1 for each in EMOTIONS}}


def summary(source: str, *, topic: str = '', begin: float = 0.0) -> Summary:
    """Return the summary of a source of 41 images at 10 Hz."""
    return Summary(source, topic, frames=41, faces=5, tracks=2, skipped=0, first=begin,
                   last=begin + 4.0)


@pytest.fixture
def results(tmp_path: Path) -> str:
    """Return a folder of results of one clip."""
    metadata = {'schema_version': VERSION, 'format': 'jsonl'}
    folder = Results(str(tmp_path / 'results'))
    folder.begin(metadata, resume=False)
    with folder.table(Source('clip.mp4'), metadata) as table:
        table.write(list(rows(0.0)))
    folder.finish(Source('clip.mp4'), summary('clip.mp4'))
    return str(tmp_path / 'results')


def tiers(results: str, tmp_path: Path, form: str) -> Path:
    """Return the file that the command writes for the clip."""
    out = tmp_path / f'out {form}'
    assert main(['tiers', results, '--format', form, '--out', str(out)]) == 0
    file, = out.iterdir()
    assert file.suffix == f'.{form}' and file.name.startswith('clip.mp4-')
    return file


@pytest.mark.parametrize(('begin', 'topic'), [
    (0.0, ''), (START * 1e-9, '/image'), (50.0, '/image'), (START * 1e-9, '')],
    ids=['clip', 'bag', 'bag of a simulation', 'lines of the demo'])
def test_times_count_from_the_start_of_a_clip_or_from_the_first_stamp(begin: float,
                                                                      topic: str) -> None:
    part = Part(summary('a', topic=topic, begin=begin), lambda: rows(begin))
    assert annotations_of(part) == EXPECTED


def test_a_pause_of_the_recording_does_not_make_tracks_longer() -> None:
    part = Part(dataclasses.replace(summary('a'), last=3600.0), lambda: rows(0.0))
    assert annotations_of(part) == EXPECTED


def test_sources_are_in_the_order_of_their_names(results: str) -> None:
    """Also files of one name in several folders, whose keys differ by a checksum."""
    names = [f'P{number:02}/clip.mp4' for number in range(20)]
    for name in reversed(names):
        Results(results).finish(Source(name), summary(name))
    assert [part.title for part in parts_of(results)[0]] == [*names, 'clip.mp4']


def test_only_the_lines_of_a_source_are_decoded(tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the time for the lines of many images grows by the square of their number."""
    names = [*map(str, range(20)), '3']   # of two runs
    path = tmp_path / 'a.jsonl'
    path.write_text(''.join(json.dumps(to_record(
        [face()], source=name, width=64, height=48, frame=0, stamp=number)) + '\n'
        for number, name in enumerate(names)))
    parts, _ = parts_of(str(path))
    decoded: list[str] = []
    loads = json.loads
    monkeypatch.setattr(reading.json, 'loads', lambda line: loads(decoded.append(line) or line))
    found = {part.summary.source: [row['stamp'] for row in part.rows()] for part in parts}
    assert found == {str(number): [number] for number in range(20)} | {'3': [3, 20]}
    assert len(decoded) == 19 + 18


def test_a_csv_has_the_columns_that_elan_imports(results: str, tmp_path: Path) -> None:
    with tiers(results, tmp_path, 'csv').open(newline='') as file:
        names, *found = csv.reader(file)
    assert names == ['tier', 'begin_ms', 'end_ms', 'annotation']
    assert found == [[each.tier, str(each.start), str(each.end), each.label] for each in EXPECTED]


def test_elan_reads_the_document(results: str, tmp_path: Path) -> None:
    elan = pytest.importorskip('pympi.Elan', reason='pympi-ling is not installed: no ELAN here')
    document = elan.Eaf(str(tiers(results, tmp_path, 'eaf')))
    found = [(tier, start, end, label) for tier in document.get_tier_names()
             for start, end, label in document.get_annotation_data_for_tier(tier)]
    assert sorted(found) == sorted(EXPECTED)
    media, = document.get_linked_files()
    assert media['MEDIA_URL'] == (Path.cwd() / 'clip.mp4').as_uri()
    assert media['MIME_TYPE'] == 'video/mp4'


def test_players_read_the_subtitles(results: str, tmp_path: Path) -> None:
    webvtt = pytest.importorskip('webvtt', reason='webvtt-py is not installed: no WebVTT here')
    file = tiers(results, tmp_path, 'vtt')
    captions = webvtt.read(str(file))
    assert [(caption.start, caption.end, caption.raw_text) for caption in captions] == [
        ('00:00:00.000', '00:00:00.100', '<v f0001>happy'),
        ('00:00:00.100', '00:00:00.300', '<v f0001>unknown'),
        ('00:00:00.100', '00:00:00.200', '<v f0002>neutral'),
        ('00:00:04.000', '00:00:04.100', '<v f0001>sad')]
    assert file.read_text().startswith('WEBVTT\n')


def test_a_file_that_cannot_be_written_is_named(results: str, tmp_path: Path,
                                                monkeypatch: pytest.MonkeyPatch,
                                                capsys: pytest.CaptureFixture[str]) -> None:
    for module, form in (('pympi', 'eaf'), ('webvtt', 'vtt')):
        monkeypatch.setitem(sys.modules, module, None)
        assert main(['tiers', results, '--format', form, '--out', str(tmp_path / 'a')]) == 1
        assert "pip install 'face_affect_ros[tiers]'" in capsys.readouterr().err
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full/mine').touch()
    assert main(['tiers', results, '--out', str(tmp_path / 'full')]) == 1
    assert 'is not empty' in capsys.readouterr().err
    assert main(['tiers', results, '--out', '/proc/nowhere']) == 1
    assert '/proc/nowhere/clip.mp4' in capsys.readouterr().err
    assert parts_of(results)[0][0].key in str(list(tmp_path.rglob('*.jsonl')))


def test_tiers_never_overwrite_the_tables(results: str,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    shared = Path(results, 'shared')
    shared.mkdir()
    key = parts_of(results)[0][0].key
    table = next(Path(results, 'faces').iterdir())
    os.link(table, shared / f'{key}.csv')
    before = table.read_bytes()
    assert main(['tiers', results, '--out', str(shared), '--overwrite']) == 1
    assert f'{key}.csv: would overwrite the input' in capsys.readouterr().err
    assert table.read_bytes() == before
