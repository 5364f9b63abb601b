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

"""`face_affect analyze` with folders, invalid files, and unusual names."""

from collections.abc import Callable
import io
import json
import os
from pathlib import Path
import resource
import signal
import sys

import cv2
from face_affect_ros.cli import main
from face_affect_ros.commands.analyze import _Lines
from face_affect_ros.media import open_media, VideoSink
from face_affect_ros.media.portrait import portrait_path
import numpy as np
from PIL import Image
import pytest
from support import running, SOURCE, wait_until

PORTRAIT = Image.open(portrait_path()).convert('RGB').resize((160, 160))
MIRRORED = PORTRAIT.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def analyze(*arguments: str, code: int = 0) -> list[dict]:
    """Run the command with --json; return the records."""
    assert main(['analyze', *arguments, '--json', 'out.jsonl']) == code
    return [json.loads(line) for line in Path('out.jsonl').open()]


def gif(path: str, pictures: list[Image.Image]) -> None:
    """Write an animation, 10 images a second."""
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100)


def clip(path: str, frames: int = 3) -> None:
    """Write a clip of the portrait, 10 images a second."""
    with VideoSink(path, 10.0) as sink:
        for _ in range(frames):
            sink.write(np.ascontiguousarray(np.asarray(PORTRAIT)[:, :, ::-1]))


def form(path: Path) -> str:
    """Return the kind of a copy: 'picture', or 'N frames'."""
    with open_media(str(path)) as media:
        return 'picture' if media.rate is None else f'{len(list(media))} frames'


def test_images_of_a_folder_are_independent(shared_file: Callable[[str], Path],
                                            capsys: pytest.CaptureFixture[str]) -> None:
    portraits = shared_file('cases/portraits')
    alone = {}
    for path in sorted(portraits.iterdir()):
        record, = analyze(str(path), '--min-score', '0.5')
        alone[str(path)] = record
    records = analyze(str(portraits), '--min-score', '0.5')
    assert [record['source'] for record in records] == list(alone)
    assert len({face['id'] for record in records for face in record['faces']}) == 6
    for record in records:
        face, = record['faces']
        assert {**face, 'id': ''} == {**alone[record['source']]['faces'][0], 'id': ''}


def test_a_folder_is_a_clip_with_the_option_sequence(capsys: pytest.CaptureFixture[str]) -> None:
    Path('film').mkdir()
    for number in (1, 2, 10):
        PORTRAIT.save(f'film/{number}.png')
    one_by_one = analyze('film')
    assert [record['source'] for record in one_by_one] == [
        f'film/{number}.png' for number in (1, 2, 10)]
    assert {(record['frame'], record['stamp']) for record in one_by_one} == {(0, 0.0)}
    assert len({face['id'] for record in one_by_one for face in record['faces']}) == 3
    records = analyze('film', '--sequence', '5', '--annotate', 'film.mp4')
    assert [record['stamp'] for record in records] == pytest.approx([0.0, 0.2, 0.4])
    assert {face['id'] for record in records for face in record['faces']} == {'f0001'}
    assert form(Path('film.mp4')) == '3 frames'
    assert main(['analyze', 'film/1.png', '--sequence', '5']) == 1
    assert '--sequence applies to a folder of images' in capsys.readouterr().err


def test_each_file_of_a_folder_is_analysed_or_named(capsys: pytest.CaptureFixture[str]) -> None:
    Path('folder/sub').mkdir(parents=True)
    PORTRAIT.save('folder/2.jpg')
    gif('folder/10.gif', [PORTRAIT, MIRRORED])
    clip('folder/11.mp4')
    Path('folder/3.png').write_bytes(b'no image')
    Path('folder/4.mp4').write_bytes(b'no clip either' * 99)
    Path('folder/labels.csv').write_text('1,2')
    records = analyze('folder', '--annotate', 'copies', code=1)
    assert [(record['source'], record['frame']) for record in records] == [
        ('folder/2.jpg', 0), ('folder/10.gif', 0), ('folder/10.gif', 1), ('folder/11.mp4', 0),
        ('folder/11.mp4', 1), ('folder/11.mp4', 2)]
    err = capsys.readouterr().err
    assert 'ignored, because they are folders, hidden, or not named as images or clips' in err
    assert 'labels.csv' in err and 'sub' in err
    assert '2 of 5 files failed: folder/3.png, folder/4.mp4' in err
    assert {path.name: form(path) for path in Path('copies').iterdir()} == {
        '2_annotated.png': 'picture', '10_annotated.mp4': '2 frames',
        '11_annotated.mp4': '3 frames'}


def test_only_an_invalid_file_fails(capsys: pytest.CaptureFixture[str]) -> None:
    PORTRAIT.save('good.png')
    PORTRAIT.save('last.png')
    Path('empty.png').touch()
    Path('bad.jpg').write_bytes(PORTRAIT.tobytes()[:99])
    Path('bare').mkdir()
    Path('bag.mcap').write_bytes(b'\x89MCAP0\r\n')
    bad = ['nowhere.png', 'empty.png', 'bad.jpg', 'bare', 'bag.mcap', '/dev/null']
    records = analyze('good.png', *bad, 'last.png', code=1)
    assert [record['source'] for record in records] == ['good.png', 'last.png']
    *_, summary = capsys.readouterr().err.splitlines()
    assert summary == f'6 of 8 files failed: {", ".join(bad)}'


def test_an_exception_of_a_decoder_fails_that_file_only(
        monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from face_affect_ros.commands import analyze as module
    PORTRAIT.save('a.png')
    PORTRAIT.save('b.png')

    def raising(source: str, **_: object) -> object:
        if source == 'a.png':
            raise PermissionError(13, 'Permission denied')
        return open_media(source)
    monkeypatch.setattr(module, 'open_recording', raising)
    assert [record['source'] for record in analyze('a.png', 'b.png', code=1)] == ['b.png']
    assert 'error: a.png: PermissionError' in capsys.readouterr().err


def test_missing_models_end_the_run(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ('a.png', 'b.png'):
        PORTRAIT.save(name)
    assert main(['analyze', 'a.png', 'b.png', '--emotion-model', 'nothing']) == 1
    assert capsys.readouterr().err.count("model 'nothing' not found") == 1


def test_an_invalid_option_does_not_empty_an_existing_file() -> None:
    PORTRAIT.save('a.png')
    records = analyze('a.png')
    lines = '\n'.join(map(json.dumps, records))
    Path('out.jsonl').write_text(lines)
    for option in (['--emotion-model', 'nothing'], ['--detector', 'nothing'],
                   ['--min-score', '7'], ['--topic', '/a']):
        assert main(['analyze', 'a.png', '--json', 'out.jsonl', *option]) == 1
        assert Path('out.jsonl').read_text() == lines


@pytest.mark.parametrize('out', ['copies/', 'there', 'there/', 'deep/er/'])
def test_a_folder_for_the_copy_of_one_file(out: str) -> None:
    Path('there').mkdir()
    PORTRAIT.save('a.jpg')
    analyze('a.jpg', '--annotate', out)
    assert form(Path(out, 'a_annotated.png')) == 'picture'


def test_a_copy_is_an_image_or_a_clip_like_its_source() -> None:
    PORTRAIT.save('still.gif')
    PORTRAIT.save('still.webp')
    PORTRAIT.save('still.tiff')
    gif('moving.gif', [PORTRAIT, MIRRORED])
    gif('moving.webp', [PORTRAIT, MIRRORED])
    gif('moving.png', [PORTRAIT, MIRRORED])
    PORTRAIT.save('misnamed.mp4', 'PNG')
    sources = sorted(os.listdir())
    analyze(*sources, '--annotate', 'out')
    forms = {path.name: form(path) for path in Path('out').iterdir()}
    assert forms == {
        'still_annotated.png': 'picture', 'still_annotated_2.png': 'picture',
        'still_annotated_3.png': 'picture', 'moving_annotated.mp4': '2 frames',
        'moving_annotated_2.mp4': '2 frames', 'moving_annotated_3.mp4': '2 frames',
        'misnamed_annotated.png': 'picture'}


def test_a_copy_shows_each_page_for_a_second() -> None:
    PORTRAIT.save('a.tif', save_all=True, append_images=[PORTRAIT, PORTRAIT])
    analyze('a.tif', '--annotate', 'a.mp4')
    with open_media('a.mp4') as media:
        assert [frame.stamp for frame in media] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize('suffix', ['.gif', '.webp', '.png', '.tif', '.mp4'])
def test_a_copy_of_a_folder_with_one_clip_is_a_clip(suffix: str) -> None:
    Path('film').mkdir()
    if suffix == '.mp4':
        clip('film/a.mp4')
    else:
        gif(f'film/a{suffix}', [PORTRAIT, MIRRORED, PORTRAIT])
    analyze('film', '--sequence', '5', '--annotate', 'out/')
    assert form(Path('out/film_annotated.mp4')) == '3 frames'


def test_a_copy_is_never_written_over_an_input_by_its_number() -> None:
    Path('x').mkdir()
    PORTRAIT.save('a.png')
    PORTRAIT.save('x/a.png')
    PORTRAIT.save('a_annotated_2.png')
    before = Path('a_annotated_2.png').read_bytes()
    analyze('a.png', 'x/a.png', 'a_annotated_2.png', '--annotate', '.')
    assert Path('a_annotated_2.png').read_bytes() == before
    assert form(Path('a_annotated.png')) == form(Path('a_annotated_3.png')) == 'picture'


def test_copies_have_different_names_on_every_disk() -> None:
    """FAT, NTFS and APFS regard these names as one."""
    for name in ('A.PNG', 'a.png', '\u00e9.png', 'e\u0301.png'):
        PORTRAIT.save(name)
    analyze('A.PNG', 'a.png', '\u00e9.png', 'e\u0301.png', '--annotate', 'out/')
    assert set(os.listdir('out')) == {'A_annotated.png', 'a_annotated_2.png',
                                      '\u00e9_annotated.png', 'e\u0301_annotated_2.png'}


@pytest.mark.parametrize(('out', 'complaint'), [
    ('copy.png', 'copy.png: an image file cannot contain the frames of a clip; use the suffix '
                 '.mp4'),
    ('/dev/null/copy.mp4', '/dev/null/copy.mp4'), ('/proc/nowhere/', '/proc/nowhere'),
])
def test_a_bad_copy_does_not_end_the_run(out: str, complaint: str,
                                         capsys: pytest.CaptureFixture[str]) -> None:
    gif('moving.gif', [PORTRAIT, MIRRORED, PORTRAIT])
    assert [record['frame'] for record in analyze('moving.gif', '--annotate', out, code=1)] == [
        0, 1, 2]
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith('error:')]
    assert len(errors) == 1 and complaint in errors[0]


@pytest.mark.parametrize('out', ['copy', 'copy.xyz', 'copy.webm', 'copy.é'])
def test_a_suffix_that_cannot_be_written_is_refused_before_the_analysis(
        out: str, capsys: pytest.CaptureFixture[str]) -> None:
    gif('moving.gif', [PORTRAIT, MIRRORED, PORTRAIT])
    assert main(['analyze', 'moving.gif', '--annotate', out, '--json', 'out.jsonl']) == 1
    assert not Path('out.jsonl').exists()
    error, = capsys.readouterr().err.splitlines()
    assert error.startswith(f'error: {out}: the suffix is neither')
    assert 'use .png or .jpg, for a clip .mp4' in error


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_lines_and_the_copy(number: signal.Signals) -> None:
    """As of `timeout` and of a closed terminal."""
    clip('a.mp4', frames=1000)
    # not ignored, as it is if nohup started the tests
    command = ['env', f'--default-signal={number.name}', sys.executable, '-m',
               'face_affect_ros.cli', 'analyze', 'a.mp4', '--json', 'out.jsonl', '--annotate',
               'b.mp4', '--emotion-model', '', '--gender-model', '', '--detector-size', '64']
    with running(*command, environment={'PYTHONPATH': os.pathsep.join(
            [str(SOURCE), *filter(None, sys.path)])}) as process:
        assert wait_until(lambda: size_of('b.mp4') > 30_000, timeout=120.0), process.output()
        assert process.stop(number) == 128 + number
        assert process.output() == ''
    records = [json.loads(line) for line in Path('out.jsonl').read_text().splitlines()]
    assert 0 < len(records) < 1000
    assert form(Path('b.mp4')) in (f'{len(records)} frames', f'{len(records) - 1} frames')


def test_the_file_of_lines_ends_with_a_whole_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of processes that append to one file, and of one that is killed."""
    clip('a.mp4', frames=30)
    contents = []

    def annotate(image: np.ndarray, faces: object) -> np.ndarray:
        contents.append(Path('out.jsonl').read_text())
        return image

    monkeypatch.setattr('face_affect_ros.commands.analyze.annotate', annotate)
    records = analyze('a.mp4', '--annotate', 'b.mp4')
    assert [len(text.splitlines()) for text in contents] == list(range(1, 31))
    assert [json.loads(text.splitlines()[-1]) for text in contents] == records


def test_a_long_line_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of an image with many faces; other processes may append to the file."""
    written = []

    class Raw(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:
            written.append(bytes(data))
            return len(data)

    monkeypatch.setattr(sys, 'stdout', io.TextIOWrapper(io.BufferedWriter(Raw())))
    with _Lines('-') as lines:
        lines.write({'faces': 'a' * 10_000})
    assert len(written) == 1 and written[0].endswith(b'"}\n')


def size_of(path: str) -> int:
    """Return the size of a file in bytes, 0 if it does not exist."""
    return os.path.getsize(path) if os.path.exists(path) else 0


def test_a_full_disk_fails_that_copy_only(monkeypatch: pytest.MonkeyPatch,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300, 3), np.uint8)
    cv2.imwrite('big.png', noise)
    PORTRAIT.resize((32, 32)).save('small.png')
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        records = analyze('big.png', 'small.png', '--annotate', 'out', code=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [record['source'] for record in records] == ['big.png', 'small.png']
    assert form(Path('out/small_annotated.png')) == 'picture'
    err = capsys.readouterr().err
    assert 'error: out/big_annotated.png: cannot be written: File too large' in err
    assert '1 of 2 files failed: big.png' in err
    assert 'written to' not in err.splitlines()[0]


@pytest.mark.parametrize('name', [
    '2026-05-01T12:30:05', '100%', 'a%03d', '\u00b25', 'two\nlines', '-a', '2024', '~',
    os.fsdecode(b'caf\xe9'), 'x' * 250], ids=ascii)
@pytest.mark.parametrize('suffix', ['.png', '.mp4'])
def test_a_file_name_is_printed_in_one_line_and_recorded(
        name: str, suffix: str, capfd: pytest.CaptureFixture[str]) -> None:
    file = './' + name[:251] + suffix
    if suffix == '.png':
        PORTRAIT.save('plain.png')
    else:
        clip('plain.mp4', 1)
    Path(f'plain{suffix}').rename(file)
    assert main(['analyze', file, 'nowhere', '--annotate', 'out:1/']) == 1
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith('INFO')]
    assert len(lines) == 3 and '1 frames, 1 faces' in lines[0], lines
    escaped = file.encode('utf-8', 'backslashreplace').decode()   # readers refuse surrogates
    assert [json.loads(line)['source'] for line in out.splitlines()] == [escaped]
    copy, = Path('out:1').iterdir()
    assert form(copy) == ('picture' if suffix == '.png' else '1 frames')


@pytest.mark.parametrize('out', ['12:30.mp4', '12:30.png', '%d.mp4', '-x.png',
                                 os.fsdecode(b'\xff.mp4'), os.fsdecode(b'\xff.png')], ids=ascii)
def test_outputs_of_any_name(out: str) -> None:
    PORTRAIT.save('a.png')
    assert main(['analyze', 'a.png', f'--annotate={out}', '--json=12:30.jsonl']) == 0
    assert os.path.isfile(out) and os.path.isfile('12:30.jsonl')


def test_folders_with_a_number_or_a_dot_as_name() -> None:
    Path('2024').mkdir()
    PORTRAIT.save('2024/a.png')
    assert [record['source'] for record in analyze('2024')] == ['2024/a.png']
    os.chdir('2024')
    assert [record['source'] for record in analyze('.', '--annotate', '../out')] == ['a.png']
    assert os.listdir('../out') == ['a_annotated.png']


def test_home_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('HOME', os.getcwd())
    PORTRAIT.save('a.png')
    assert main(['analyze', '~/a.png', '--json=~/a.jsonl', '--annotate=~/b.png']) == 0
    assert Path('a.jsonl').exists() and Path('b.png').exists()
