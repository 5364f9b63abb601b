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

"""The report: its content, its privacy, and its rendering by a browser."""

import base64
from collections import Counter
from collections.abc import Callable
import json
from pathlib import Path
import re
import shutil
import subprocess
import sys

import bag_files
import cv2
from face_affect_ros.affect.types import AffectError, EMOTIONS
from face_affect_ros.archive.reading import parts_of
from face_affect_ros.archive.schema import COLUMNS
from face_affect_ros.archive.timeline import Span, tracks_of
from face_affect_ros.cli import main
from face_affect_ros.media.portrait import portrait_path
import numpy as np
import pytest

CLIP = 'media/face-demographics-walking-and-pause.gif'
CHROMIUM = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser',
                                                'google-chrome'))), None)


def row(track: str, stamp: float, emotion: str = 'happy', **values: object) -> dict:
    """Return a row of a table with probability 1 for one expression."""
    label = 'neutral' if emotion == 'unknown' else emotion
    return {**{column.name: None for column in COLUMNS}, 'id': track, 'stamp': stamp, 'frame': 0,
            'emotion': emotion, 'score': 0.9, 'width': 10, 'height': 10,
            **{f'emotion_{each}': float(each == label) for each in EMOTIONS}, **values}


@pytest.fixture(scope='module')
def results(tmp_path_factory: pytest.TempPathFactory,
            shared_file: Callable[[str], Path]) -> Path:
    """Return a folder of results of the walking clip."""
    out = tmp_path_factory.mktemp('results') / 'out'
    assert main(['analyze', str(shared_file(CLIP)), '--out', str(out)]) == 0
    return out


def test_spans_are_divided_at_changes_and_absences() -> None:
    rows = [row('f1', stamp) for stamp in (0.0, 0.1, 0.2)]
    rows += [row('f1', stamp, 'unknown') for stamp in (0.3, 0.4)]
    rows += [row('f2', 0.4, 'sad'), row('f1', 5.0), row('f1', 5.5)]
    one, two = tracks_of(rows)
    assert one.spans() == [Span(0.0, 0.3, 'happy'), Span(0.3, 0.4, 'unknown'),
                           Span(5.0, 5.5, 'happy')]
    assert two.spans(shortest=0.05) == [Span(0.4, 0.45, 'sad')]
    assert (one.images, one.labels) == (7, Counter(happy=5, unknown=2))


def test_stamps_that_go_back_change_no_span() -> None:
    """As of images that overtake others, or of a clock that is corrected."""
    ordered = [row('f1', number / 10, label) for number, label in enumerate(
        ['happy'] * 6 + ['sad'] * 6 + ['happy'] * 3)]
    expected, = tracks_of(ordered)
    mixed = np.random.default_rng(0)
    for rows in (ordered[9:] + ordered[:9], ordered[::-1], *(
            [ordered[number] for number in mixed.permutation(len(ordered))] for _ in range(20))):
        track, = tracks_of(rows)
        assert track.spans(shortest=0.1) == expected.spans(shortest=0.1) == [
            Span(0.0, 0.6, 'happy'), Span(0.6, 1.2, 'sad'), Span(1.2, 1.5, 'happy')]
        binned, = tracks_of(rows, width=0.25)
        starts = [each.start for each in binned.bins]
        assert starts == sorted(starts) and sum(each.images for each in binned.bins) == 15
        assert all(0.0 <= each.end - each.start < 0.25 for each in binned.bins)


def test_bins_have_the_mean_of_their_images() -> None:
    rows = [row('f1', 0.0, 'happy'), row('f1', 0.1, 'sad'), row('f1', 0.2, 'sad'),
            row('f1', 1.0, 'angry', emotion_unknown_reason='x'),
            row('f1', 1.9, emotion=None, **{f'emotion_{each}': None for each in EMOTIONS})]
    track, = tracks_of(rows, width=1.0)
    first, second = track.bins
    assert (first.images, first.start, first.end, first.label) == (3, 0.0, 0.2, 'sad')
    assert first.shares == pytest.approx([0, 0, 0, 1 / 3, 2 / 3, 0, 0])
    assert second.images == 2 and second.shares == pytest.approx([1, 0, 0, 0, 0, 0, 0])
    assert track.reasons == Counter(x=1)


def test_the_best_image_is_a_large_one_with_a_known_expression() -> None:
    track, = tracks_of([row('f1', 0.0, frame=1), row('f1', 0.1, 'unknown', frame=2, width=90),
                        row('f1', 0.2, frame=3, width=20), row('f1', 0.3, frame=4, width=15)])
    assert track.best['frame'] == 3


def page_of(results: Path, tmp_path: Path, *options: str) -> str:
    """Return the text of a report, without plotly.js."""
    pytest.importorskip('plotly', reason='plotly is not installed: no report here')
    page = tmp_path / 'deep' / 'report.html'
    assert main(['report', str(results), '--out', str(page), *options]) == 0
    html = page.read_text()
    start, end = html.index('<script>'), html.index('</script></head>')
    assert end - start > 1_000_000
    return html[:start] + html[end:]


def test_a_report_has_the_numbers_of_the_tables_and_no_faces(results: Path,
                                                             tmp_path: Path) -> None:
    page = page_of(results, tmp_path)
    (part,), _ = parts_of(str(results))
    labels = Counter(each['emotion'] for each in part.rows())
    for label, count in labels.items():
        assert f'<td>{label}</td><td class=n>{count}</td>' in page
    assert '41 images in 3.3 s, 3 tracks' in page
    assert 'it is not what the person feels' in page
    metadata = json.loads((results / 'run.json').read_text())
    assert metadata['models']['emotion']['sha256'] in page
    assert '<img' not in page and 'data:image' not in page
    # Nothing is loaded from the network, and the browser would refuse it.
    assert not re.search(r'(src|href)="?(https?:)?//', page)
    assert "default-src 'none'" in page


def test_with_faces_shows_an_image_of_each_track(results: Path, tmp_path: Path,
                                                 shared_file: Callable[[str], Path]) -> None:
    page = page_of(results, tmp_path, '--with-faces')
    pictures = re.findall(r'<img alt="face of (\w+)" src="data:image/jpeg;base64,([^"]*)"', page)
    assert [name for name, _ in pictures] == ['f0001', 'f0002', 'f0003']
    (part,), _ = parts_of(str(results))
    best = {track.id: track.best for track in tracks_of(part.rows())}
    capture = cv2.VideoCapture(str(shared_file(CLIP)))
    frames = [capture.read()[1] for _ in range(41)]
    for name, data in pictures:
        picture = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), 1)
        shown = best[name]
        assert picture.shape[0] == pytest.approx(1.5 * shown['height'], abs=2)
        x, y = (round(shown[axis] + shown[side] / 2) for axis, side in (('x', 'width'),
                                                                         ('y', 'height')))
        middle = picture[picture.shape[0] // 2, picture.shape[1] // 2].astype(int)
        assert np.abs(frames[shown['frame']][y, x] - middle).max() < 30


def test_a_report_names_a_missing_source(results: Path, tmp_path: Path) -> None:
    lines = tmp_path / 'faces.jsonl'
    record = {'source': 'gone.mp4', 'frame': 0, 'stamp': 0.0, 'width': 9, 'height': 9, 'faces': []}
    face = {'id': '<b>', 'roi': [1, 2, 3, 4], 'score': 0.5, 'tracked_for': 0.0,
            'emotion_probabilities': [], 'gender_probabilities': []}
    lines.write_text(''.join(json.dumps(each) + '\n' for each in (
        record, {**record, 'stamp': 1.0, 'faces': [face]})))
    page = page_of(lines, tmp_path, '--with-faces')
    assert 'No images of faces: gone.mp4: no such file' in page
    assert '&lt;b&gt;' in page and '<b>' not in page
    assert '2 images in 1.0 s, 1 tracks' in page


def test_a_track_within_one_bin_has_its_probabilities_as_text(tmp_path: Path) -> None:
    """A chart of one point is empty; a bin of an hour has 7 s."""
    def record(stamp: float, track: str, happy: float) -> dict:
        face = {'id': track, 'roi': [1, 2, 3, 4], 'score': 0.5, 'tracked_for': 0.0,
                'emotion': 'happy', 'emotion_confidence': happy, 'emotion_unknown_reason': '',
                'emotion_probabilities': [0.0, 0.0, 0.0, happy, 0.0, 0.0, 1.0 - happy],
                'gender_probabilities': []}
        return {'source': 'a.mp4', 'frame': 0, 'stamp': stamp, 'width': 9, 'height': 9,
                'faces': [face]}

    records = [record(0.0, 'long', 0.9), record(3600.0, 'long', 0.9),
               record(1003.0, 'short', 0.6), record(1004.0, 'short', 0.8)]
    (tmp_path / 'faces.jsonl').write_text(''.join(json.dumps(each) + '\n' for each in records))
    page = page_of(tmp_path / 'faces.jsonl', tmp_path)
    about_long, about_short = (page.split(f'<h3>{name}</h3>')[1] for name in ('long', 'short'))
    assert 'Plotly.newPlot' in about_long and '90%' not in about_long.partition('<h3>')[0]
    assert 'happy 70%, sad 0%, surprise 0%, neutral 30%' in about_short
    assert 'Plotly.newPlot' not in about_short


def test_lines_of_the_demo_show_no_face_of_another_image(
        tmp_path: Path, shared_file: Callable[[str], Path]) -> None:
    """Their numbers are those of the processed images, and a camera cannot be read again."""
    record = {'frame': 0, 'stamp': 1.7e9, 'width': 9, 'height': 9, 'faces': [{
        'id': 'f1', 'roi': [1, 2, 30, 40], 'score': 0.5, 'tracked_for': 0.0,
        'emotion_probabilities': [], 'gender_probabilities': []}]}
    clip = str(shared_file(CLIP))
    for source, why in (('/dev/video0', '/dev/video0: a camera'),
                        (clip, '1 images are not in the source, or have another number or size')):
        (tmp_path / 'faces.jsonl').write_text(json.dumps({**record, 'source': source}))
        page = page_of(tmp_path / 'faces.jsonl', tmp_path, '--with-faces', '--overwrite')
        assert f'No images of faces: {why}' in page and 'data:image/jpeg' not in page


@pytest.mark.parametrize('size', [(1, 1), (10, 2000), (2000, 10), (511, 512)])
def test_no_face_of_an_image_that_was_replaced_by_one_of_another_size(
        size: tuple[int, int], tmp_path: Path) -> None:
    picture = tmp_path / 'a.png'
    shutil.copy(portrait_path(), picture)
    assert main(['analyze', str(picture), '--out', str(tmp_path / 'out')]) == 0
    assert 'data:image/jpeg' in page_of(tmp_path / 'out', tmp_path, '--with-faces')
    cv2.imwrite(str(picture), np.zeros((*size, 3), np.uint8))
    page = page_of(tmp_path / 'out', tmp_path, '--with-faces', '--overwrite')
    assert 'No images of faces: 1 images are not in the source' in page
    assert 'data:image/jpeg' not in page


def test_the_faces_of_a_bag_are_shown_at_their_stamps(tmp_path: Path) -> None:
    bag = bag_files.write(tmp_path / 'bag', [bag_files.image(stamp=bag_files.START + number)
                                             for number in range(2)])
    assert main(['analyze', str(bag), '--out', str(tmp_path / 'out')]) == 0
    page = page_of(tmp_path / 'out', tmp_path, '--with-faces')
    assert page.count('data:image/jpeg') == 1 and 'No images of faces' not in page


def test_json_lines_and_tables_give_the_same_report(results: Path, tmp_path: Path,
                                                    shared_file: Callable[[str], Path]) -> None:
    lines = tmp_path / 'faces.jsonl'
    assert main(['analyze', str(shared_file(CLIP)), '--json', str(lines)]) == 0
    (table,), _ = parts_of(str(results))
    (other,), metadata = parts_of(str(lines))
    assert metadata == {} and other.summary == table.summary
    for one, two in zip(table.rows(), other.rows(), strict=True):
        del one['stamp_ns'], two['stamp_ns']
        assert {**one, 'tracked_for': 0} == {**two, 'tracked_for': 0} | {
            name: one[name] for name in one if re.fullmatch('.*(eye|nose|mouth)_[xy]', name)}


def line(**values: object) -> str:
    """Return a JSON line without faces, with other values."""
    record = {'source': 'a', 'frame': 0, 'stamp': 0.0, 'width': 9, 'height': 9, 'faces': []}
    return json.dumps({**record, **values}) + '\n'


@pytest.mark.parametrize('content', [b'', b'{', b'[1]', b'5', b'null', b'{"source": 1}', b'\xff',
                                     pytest.param(b'[' * 100_000, id='deep')])
def test_damaged_results_are_named_with_the_remedy(
        content: bytes, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(results.parent / 'report.html')
    for name, complaint in (('sources', 'is not the summary of a source; remove it and run '
                             '`face_affect analyze --resume`'),
                            ('run.json', 'run.json is missing or invalid')):
        path = results / name
        path = path if path.is_file() else next(path.iterdir())
        before = path.read_bytes()
        path.write_bytes(content)
        assert main(['report', str(results), '--out', out]) == 1
        error, = capsys.readouterr().err.splitlines()
        assert complaint in error and path.name in error and str(results) in error
        path.write_bytes(before)


@pytest.mark.parametrize('stamp', ['NaN', 'Infinity', '1e300', '-1e12'])
def test_a_summary_with_impossible_stamps_is_damaged(
        stamp: str, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = next((results / 'sources').iterdir())
    before = path.read_text()
    for name in ('first', 'last'):
        path.write_text(re.sub(f'"{name}": [0-9.]+', f'"{name}": {stamp}', before))
        for command in ('report', 'tiers'):
            assert main([command, str(results), '--out', str(results.parent / 'new')]) == 1
            assert f'{path}: is not the summary of a source' in capsys.readouterr().err
    path.write_text(before)


def test_a_report_never_overwrites_its_input(results: Path, tmp_path: Path,
                                             capsys: pytest.CaptureFixture[str]) -> None:
    lines = tmp_path / 'a.jsonl'
    lines.write_text(line())
    for what, path in ((lines, lines), (results, results / 'run.json')):
        before = path.read_bytes()
        assert main(['report', str(what), '--out', str(path), '--overwrite']) == 1
        assert f'{path}: would overwrite the input' in capsys.readouterr().err
        assert path.read_bytes() == before


@pytest.mark.parametrize(('content', 'complaint'), [
    ('', 'contains no complete source; run `face_affect analyze` again'),
    ('{"a": 1}\n', 'line 1 is not a JSON line'),
    (line() + line()[:-9], 'line 2 is not a JSON line.* is incomplete.*: remove it'),
    ('{"a": 1}', 'line 1 is not a JSON line.*; choose such a file'),
    pytest.param('[' * 100_000, 'line 1 is not a JSON line', id='deep'),
    ('[1]\n', 'line 1 is not a JSON line'), ('nothing', 'line 1 is not a JSON line'),
    (line(faces=1), 'line 1 is not a JSON line'), (line(faces=[1]), 'line 1 is not a JSON line'),
    (line(faces=[{}]), "no 'id'"), (line(stamp='now'), "'now' is not a stamp"),
    (line() + line(stamp=1e300), 'line 2 is not a JSON line'), (line(source=1), 'not a string'),
    (line(faces=[{'id': 3, 'score': 1.0, 'tracked_for': 0.0, 'roi': [0, 0, 9, 9],
                  'emotion_probabilities': [], 'gender_probabilities': []}]), 'id is 3')])
def test_a_path_without_results_is_named(content: str, complaint: str, tmp_path: Path,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'a.jsonl').write_text(content)
    out = tmp_path / 'report.html'
    assert main(['report', str(tmp_path / 'a.jsonl'), '--out', str(out)]) == 1
    assert re.search(complaint, capsys.readouterr().err)
    with pytest.raises(AffectError, match='is not a folder of results'):
        parts_of(str(tmp_path))
    out.write_text('mine')
    assert main(['report', str(tmp_path / 'a.jsonl'), '--out', str(out)]) == 1
    assert 'use --overwrite' in capsys.readouterr().err and out.read_text() == 'mine'


def test_the_error_without_plotly_names_the_extra(results: Path, tmp_path: Path,
                                                  monkeypatch: pytest.MonkeyPatch,
                                                  capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, 'plotly', None)
    out = tmp_path / 'report.html'
    assert main(['report', str(results), '--out', str(out)]) == 1
    assert "pip install 'face_affect_ros[report]'" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason='no Chromium is installed here')
def test_a_browser_draws_the_charts_without_network(results: Path, tmp_path: Path) -> None:
    page_of(results, tmp_path)
    page = tmp_path / 'deep' / 'report.html'
    picture = tmp_path / 'page.png'
    command = [str(CHROMIUM), '--headless', '--no-sandbox', '--disable-gpu', '--hide-scrollbars',
               '--window-size=1100,1900', '--virtual-time-budget=20000',
               f'--user-data-dir={tmp_path / "profile"}', '--host-resolver-rules=MAP * ~NOTFOUND']
    subprocess.run([*command, f'--screenshot={picture}', page.as_uri()], check=True,
                   capture_output=True, timeout=120.0)
    image = cv2.imread(str(picture)).astype(int)
    for colour in ((0x00, 0x72, 0xb2), (0x6b, 0x6b, 0x6b), (0xd9, 0xd9, 0xd9)):   # sad, neutral
        alike = (np.abs(image - np.array(colour[::-1])).max(axis=2) < 3).sum()
        assert alike > 2000, colour
    done = subprocess.run([*command, '--dump-dom', page.as_uri()], check=True,
                          capture_output=True, text=True, timeout=120.0)
    drawn = done.stdout.partition('</head>')[2]
    assert drawn.count('class="main-svg"') >= 4
    for text in ('f0001', 'f0002', 'f0003', '41 images in 3.3 s', 'unknown'):
        assert text in re.sub('<script.*?</script>', '', drawn, flags=re.DOTALL)
