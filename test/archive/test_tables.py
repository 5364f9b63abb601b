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

"""Tables of faces: equal rows in each format, the schema, complete or absent."""

import codecs
import csv
import dataclasses
import json
import os
from pathlib import Path
import subprocess

from face_affect_ros.affect.model_store import load_card
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import (
    AffectError,
    Estimate,
    Face,
    Position,
)
from face_affect_ros.archive import tables
from face_affect_ros.archive.analysis import analyse_source, metadata_of, Run
from face_affect_ros.archive.reading import parts_of
from face_affect_ros.archive.results import Results
from face_affect_ros.archive.schema import COLUMNS, rows_of, VERSION
from face_affect_ros.archive.sources import Source
from face_affect_ros.archive.storage import StorageError
from face_affect_ros.cli import main
from face_affect_ros.media import Frame
from face_affect_ros.media.portrait import portrait_path
from face_affect_ros.records import to_record
import node_pages
import numpy as np
import pytest

EMOTION = np.array([0.1, 0.2, 0.05, 0.3, 0.15, 0.12, 0.08], np.float32)


def a_face() -> Face:
    """Return a face with distinct values."""
    return Face(
        id='f0007', box=np.array([10.4, 20.0, 30.0, 40.6], np.float32), score=0.87654321,
        landmarks=np.array([[1.126, 2], [3, 4], [np.nan, np.nan], [7, 8]], np.float32),
        estimates={'emotion': Estimate('unknown', 0.3, EMOTION, 'too_small')}, tracked_for=1.25,
        position=Position(np.array([0.1, -0.2, 1.5]), np.diag([0.0001, 0.0004, 0.04])))


def rows_of_a_face() -> list[dict]:
    """Return the rows of an image of a bag with one face."""
    frame = Frame(3, 1700000000.5, np.zeros((48, 64), np.uint8), frame_id='camera',
                  exact=1_700_000_000_500_000_001)
    return rows_of([a_face()], source='a.mcap', topic='/image', frame=frame)


def test_a_row_has_every_value_of_a_face() -> None:
    row, = rows_of_a_face()
    assert list(row) == [column.name for column in COLUMNS]
    expected = {
        'source': 'a.mcap', 'topic': '/image', 'frame': 3, 'stamp': 1700000000.5,
        'stamp_ns': 1_700_000_000_500_000_001, 'frame_id': 'camera', 'image_width': 64,
        'image_height': 48, 'id': 'f0007', 'x': 10, 'y': 20, 'width': 30, 'height': 41,
        'score': 0.87654, 'tracked_for': 1.25, 'right_eye_x': 1.13, 'right_eye_y': 2.0,
        'nose_x': None, 'nose_y': None, 'mouth_x': 7.0, 'emotion': 'unknown',
        'emotion_unknown_reason': 'too_small', 'emotion_confidence': 0.3, 'emotion_angry': 0.1,
        'emotion_disgust': 0.2, 'emotion_neutral': 0.08, 'gender': None,
        'gender_unknown_reason': None, 'gender_confidence': None, 'gender_man': None,
        'position_x': 0.1, 'position_y': -0.2, 'position_z': 1.5, 'position_x_std': 0.01,
        'position_y_std': 0.02, 'position_z_std': 0.2}
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize('form', tables.FORMATS)
def test_a_table_is_read_back_unchanged(form: str, tmp_path: Path) -> None:
    if form == 'parquet':
        pytest.importorskip('pyarrow', reason='pyarrow is not installed: no Parquet here')
    rows = rows_of_a_face() * 3
    path = tmp_path / f'a.{form}'
    with tables.open_table(path, form, {}) as table:
        table.write(rows[:1])
        table.write(rows[1:])
    assert list(tables.read_table(path)) == rows
    with tables.open_table(path, form, {}):
        pass
    assert list(tables.read_table(path)) == []


def test_texts_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    """As saved by Excel and PowerShell, with CR LF."""
    rows = rows_of_a_face()
    for form in ('csv', 'jsonl'):
        path = tmp_path / f'table.{form}'
        with tables.open_table(path, form, {}) as table:
            table.write(rows)
        path.write_bytes(codecs.BOM_UTF8 + path.read_bytes().replace(b'\n', b'\r\n'))
        assert list(tables.read_table(path)) == rows
    lines = tmp_path / 'lines.jsonl'
    record = to_record([a_face()], source='a.png', width=64, height=48, frame=0, stamp=0.0)
    lines.write_text(json.dumps(record) + '\n', encoding='utf-8-sig')
    (part,), _ = parts_of(str(lines))
    assert [row['id'] for row in part.rows()] == ['f0007']


@pytest.mark.parametrize('form', tables.FORMATS)
def test_any_text_is_read_back(form: str, tmp_path: Path) -> None:
    if form == 'parquet':
        pytest.importorskip('pyarrow', reason='pyarrow is not installed: no Parquet here')
    texts = ['cam\r', 'cam\r\n', 'two\nlines', '\r', '"', "a,'b'", 'a;\tb', ' x ', '#', '\u00e9',
             '\u2028', '\U0001f600']
    rows = [{**row, 'frame_id': text, 'topic': text} for text in texts for row in rows_of_a_face()]
    with tables.open_table(tmp_path / f'a.{form}', form, {}) as table:
        table.write(rows)
    assert list(tables.read_table(tmp_path / f'a.{form}')) == rows


@pytest.mark.parametrize('form', tables.FORMATS)
@pytest.mark.parametrize('name', ['run-12:30', 's3:run', 'a%41?b#c', os.fsdecode(b'caf\xe9')],
                         ids=ascii)
def test_tables_in_a_folder_of_any_name(form: str, name: str, tmp_path: Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    if form == 'parquet':
        pytest.importorskip('pyarrow', reason='pyarrow is not installed: no Parquet here')
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir()
    path = Path(name, f'a.{form}')
    with tables.open_table(path, form, {}) as table:
        table.write(rows_of_a_face())
    assert list(tables.read_table(path)) == rows_of_a_face()
    assert [each.name for each in Path(name).iterdir()] == [path.name]


def test_the_three_formats_are_equal_and_parquet_contains_units_and_models(tmp_path: Path) -> None:
    parquet = pytest.importorskip('pyarrow.parquet', reason='pyarrow is not installed')
    found = {}
    picture = str(tmp_path / 'Screenshot at 3.45\u202fPM.png')   # as named by macOS
    Path(picture).symlink_to(portrait_path())
    for form in tables.FORMATS:
        out = tmp_path / form
        assert main(['analyze', picture, '--out', str(out), '--format', form]) == 0
        results = Results(str(out))
        (key, summary), = results.summaries().items()
        assert (summary.frames, summary.faces, summary.tracks) == (1, 1, 1)
        found[form] = list(results.rows(key))
    assert found['jsonl'] == found['csv'] == found['parquet']
    assert found['csv'][0]['source'] == summary.source == picture
    assert found['csv'][0]['emotion'] == 'happy' and found['csv'][0]['id'] == 'f0001'
    path, = (tmp_path / 'parquet/faces').glob('*.parquet')
    schema = parquet.read_schema(path)
    assert schema.field('tracked_for').metadata[b'unit'] == b's'
    assert schema.field('x').metadata[b'unit'] == b'px'
    metadata = json.loads(schema.metadata[b'face_affect'])
    assert metadata == json.loads((tmp_path / 'parquet/run.json').read_text())
    defaults = PipelineSettings()
    for task, name in (('detector', defaults.detector), ('emotion', defaults.emotion_model),
                       ('gender', defaults.gender_model)):
        assert metadata['models'][task] == {'name': name, 'sha256': load_card(name).sha256}
    assert metadata['schema_version'] == 1
    path, = (tmp_path / 'csv/faces').glob('*.csv')
    with path.open(newline='') as file:
        assert float(next(csv.DictReader(file))['emotion_happy']) > 0.5


def test_the_page_lists_every_column() -> None:
    text = node_pages.TABLES.read_text()
    assert node_pages.with_list(text, node_pages.columns()) == text, (
        'write it anew: python tools/node_pages.py')


def test_a_broken_table_is_named(tmp_path: Path) -> None:
    (tmp_path / 'a.csv').write_text('frame,emotion\n1,happy\n')
    (tmp_path / 'a.jsonl').write_text('{"source": 1\n')
    (tmp_path / 'a.parquet').write_bytes(b'PAR1')
    columns = {column.name: None for column in COLUMNS}
    (tmp_path / 'list.jsonl').write_text('[1]\n')
    (tmp_path / 'deep.jsonl').write_text('[' * 100_000)
    (tmp_path / 'empty.jsonl').write_text(json.dumps(columns))
    (tmp_path / 'text.jsonl').write_text(json.dumps(
        {**columns, 'source': 'a', 'frame': 0, 'stamp': 'now'}))
    (tmp_path / 'long.csv').write_text(f'{",".join(columns)}\n{"x" * 200_000}\n')
    for name, complaint in (('a.csv', 'columns are not those'), ('a.jsonl', 'cannot be read'),
                            ('list.jsonl', 'columns are not those'),
                            ('deep.jsonl', 'cannot be read'),
                            ('empty.jsonl', 'source is missing'), ('long.csv', 'field larger'),
                            ('text.jsonl', "stamp is 'now', which is not of the type number"),
                            ('a.parquet', 'cannot be read'), ('a.xml', 'suffix is not that')):
        if name != 'a.parquet' or pytest.importorskip('pyarrow'):
            with pytest.raises(AffectError, match=complaint):
                list(tables.read_table(tmp_path / name))


def test_the_error_without_pyarrow_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(__import__('sys').modules, 'pyarrow', None)
    out = tmp_path / 'out'
    assert main(['analyze', str(portrait_path()), '--out', str(out), '--format', 'parquet']) == 1
    assert "pip install 'face_affect_ros[tables]'" in capsys.readouterr().err
    assert not out.exists()


def test_a_source_that_fails_leaves_no_table(tmp_path: Path) -> None:
    (tmp_path / 'bad.png').write_bytes(b'no image')
    run = Run(PipelineSettings(), str(tmp_path / 'out'), 'csv')
    metadata = metadata_of(run)
    Results(run.out).begin(metadata, resume=False)
    outcome = analyse_source(Source(str(tmp_path / 'bad.png')), run, metadata)
    assert outcome.summary is None and 'bad.png' in outcome.problem and not outcome.fatal
    assert sorted(path.name for path in (tmp_path / 'out').rglob('*')) in (
        ['run.json'], ['faces', 'run.json'])


def test_a_table_is_complete_or_absent(tmp_path: Path) -> None:
    results = Results(str(tmp_path))
    source = Source('a')
    with pytest.raises(RuntimeError), results.table(source, {'format': 'jsonl'}) as table:
        table.write(rows_of_a_face())
        raise RuntimeError
    assert list((tmp_path / 'faces').iterdir()) == []
    with results.table(source, {'format': 'jsonl'}) as table:
        table.write(rows_of_a_face())
        assert [path.name[0] for path in (tmp_path / 'faces').iterdir()] == ['.']
    assert [path.name for path in (tmp_path / 'faces').iterdir()] == [f'{source.key}.jsonl']


def test_a_second_run_removes_only_the_files_of_ended_runs(tmp_path: Path) -> None:
    """As --resume beside a run that has not ended."""
    results, metadata = Results(tmp_path), {'schema_version': VERSION, 'format': 'jsonl'}
    results.begin(metadata, resume=False)
    (tmp_path / 'faces').mkdir()
    ended = subprocess.Popen(['true'])
    ended.wait()
    names = [f'.a.jsonl.{host}.{process}' for host, process in (
        (os.uname().nodename, os.getppid()), ('elsewhere', ended.pid),
        (os.uname().nodename, ended.pid), (os.uname().nodename, os.getpid()))]
    for name in names:
        (tmp_path / 'faces' / name).touch()
    results.begin(metadata, resume=True)
    assert {path.name for path in (tmp_path / 'faces').iterdir()} == set(names[:2])


def test_a_full_disk_ends_the_run_with_one_error(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    def full(self: object, rows: object) -> None:
        raise OSError(28, 'No space left on device')
    monkeypatch.setattr(tables._Csv, 'write', full)
    picture = str(portrait_path())
    (tmp_path / 'b.png').write_bytes(Path(picture).read_bytes())
    out = tmp_path / 'out'
    assert main(['analyze', picture, str(tmp_path / 'b.png'), '--out', str(out), '--format',
                 'csv']) == 1
    err = capsys.readouterr().err
    assert err.count('No space left on device; choose another folder with --out') == 1
    assert '1 sources were not started' in err
    with pytest.raises(StorageError), Results('/proc/nowhere').table(Source('a'), {
            'format': 'csv'}):
        pass


@pytest.mark.parametrize(('arguments', 'complaint'), [
    (['--format', 'csv'], '--format applies to tables; choose a folder for them with --out'),
    (['--resume'], '--resume applies to tables'),
    (['--jobs', '2'], '--jobs applies to tables'),
    (['--out', 'results', '--jobs', '-1'], '--jobs is -1; it must be from 0 to 1024'),
    (['--out', 'results', '--json', 'a.jsonl'], '--json and --out cannot be combined'),
    (['--out', 'results', '--annotate', 'a.png'], '--annotate and --out cannot be combined'),
    (['--out', 'other'], 'other: is not a folder of results'),
    (['--out', 'other', '--resume'], 'other: is not a folder of results'),
    (['--out', 'results', '--emotion-model', 'nothing'], "model 'nothing' not found"),
])
def test_incompatible_options_are_refused(arguments: list[str], complaint: str, tmp_path: Path,
                                          monkeypatch: pytest.MonkeyPatch,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    Path('other').mkdir()
    Path('other/thesis.docx').write_text('mine')
    assert main(['analyze', str(portrait_path()), *arguments]) == 1
    assert complaint in capsys.readouterr().err
    assert sorted(str(path) for path in Path().rglob('*')) == ['other', 'other/thesis.docx']


def test_bytes_of_a_name_that_are_not_utf_8_are_escaped(tmp_path: Path) -> None:
    """Readers of JSON, such as DuckDB, refuse the surrogates that Python has for them."""
    (tmp_path / os.fsdecode(b'caf\xe9.png')).symlink_to(portrait_path())
    results = Results(tmp_path / 'out')
    assert main(['analyze', str(tmp_path), '--out', results.folder]) == 0
    (key, summary), = results.summaries().items()
    row, = results.rows(key)
    assert row['source'] == summary.source == f'{tmp_path}/caf\\udce9.png'


def test_a_run_that_opened_no_source_is_replaced(tmp_path: Path) -> None:
    """As after a misspelt name, with the options corrected as well."""
    out = str(tmp_path / 'out')
    assert main(['analyze', 'nowhere.png', '--out', out]) == 1
    again = ['analyze', str(portrait_path()), '--out', out, '--format', 'csv']
    assert main([*again, '--resume']) == 1   # another run may be writing to the folder
    assert main(again) == 0
    assert Results(out).metadata()['format'] == 'csv'


def test_results_are_resumed_only_with_the_same_models(tmp_path: Path,
                                                       capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / 'out')
    command = ['analyze', str(portrait_path()), '--out', out]
    assert main([*command, '--gender-model', '']) == 0
    assert main([*command, '--gender-model', '']) == 1
    assert 'already contains results; use --resume' in capsys.readouterr().err
    assert main([*command, '--resume']) == 1
    assert 'was started with other models, settings: {"detector": ' in capsys.readouterr().err
    assert main([*command, '--gender-model', '', '--resume']) == 0
    counts = '1 of 1 sources complete, 1 of them before, 1 frames, 1 faces'
    assert counts in capsys.readouterr().err
    run = Run(dataclasses.replace(PipelineSettings(), gender_model=''), out, 'jsonl')
    metadata = metadata_of(run)
    outcome = analyse_source(Source('another.png'), run, metadata | {'models': {}})
    assert outcome.fatal and 'models differs from that of the machine' in outcome.problem
    elsewhere = dataclasses.replace(run, out=str(tmp_path / 'elsewhere'))
    outcome = analyse_source(Source('another.png'), elsewhere, metadata)
    assert outcome.fatal and 'does not contain this run on this machine' in outcome.problem
    assert not Path(elsewhere.out).exists()
