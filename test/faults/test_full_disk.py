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

"""A full disk while results are recorded: one error, and an incomplete file is an error."""

from collections.abc import Callable, Iterator
import os
from pathlib import Path
import re
import resource
import shlex
import subprocess
import sys

import bag_files
from face_affect_ros.affect.types import AffectError
from face_affect_ros.archive import tables
from face_affect_ros.archive.results import Results
from face_affect_ros.archive.schema import rows_of
from face_affect_ros.archive.sources import Source
from face_affect_ros.archive.storage import StorageError
from face_affect_ros.bags import write_bag
from face_affect_ros.commands import report
from face_affect_ros.demo.recorder import Recorder
from face_affect_ros.media import Frame, VideoSink, write_image
from face_affect_ros.media.portrait import portrait_path
from face_affect_ros.media.sinks import VIDEO_SUFFIXES
from face_affect_ros.recordings import open_recording
from faces import face
import numpy as np
import pytest

#: Maximum size of a file in bytes, to simulate a full disk.
ROOM = 100_000
NOISE = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)


@pytest.fixture
def full_disk() -> Iterator[Callable[[], None]]:
    """Return a function that limits the size of all files that this process writes in the test."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_bag_on_a_full_disk(full_disk: Callable[[], None], tmp_path: Path) -> None:
    full_disk()
    frames = [Frame(number, number / 10, NOISE) for number in range(10)]
    with pytest.raises(AffectError, match='bag cannot be written: .*File too large'):
        write_bag(tmp_path / 'bag', frames, start=0)


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_compressed_bag_without_space_for_temporary_files(
        storage: str, full_disk: Callable[[], None], tmp_path: Path) -> None:
    bag = bag_files.write(tmp_path / 'bag', [bag_files.image()] * 3, storage=storage,
                          compression='file')
    full_disk()
    with pytest.raises(AffectError, match='bag: compressed files, .*: File too large; set TMPDIR'):
        open_recording(bag)


def test_an_image_on_a_full_disk(full_disk: Callable[[], None], tmp_path: Path) -> None:
    full_disk()
    with pytest.raises(AffectError, match='full.png: cannot be written'):
        write_image(tmp_path / 'full.png', NOISE)


@pytest.mark.parametrize('files', [[], ['earlier.png']], ids=['new', 'replaced'])
@pytest.mark.parametrize('write', [
    lambda path: write_image(path, NOISE), lambda path: report._write(path, ['page'] * ROOM),
], ids=['image', 'page'])
def test_no_part_of_a_file_is_left(write: Callable[[Path], None], files: list[str],
                                   full_disk: Callable[[], None], tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).write_text('earlier')
    full_disk()
    with pytest.raises(AffectError, match='earlier.png: cannot be written: File too large'):
        write(tmp_path / 'earlier.png')
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == dict.fromkeys(
        files, 'earlier')


@pytest.mark.parametrize('suffix', VIDEO_SUFFIXES)
def test_a_clip(suffix: str, full_disk: Callable[[], None], tmp_path: Path) -> None:
    whole = VideoSink(tmp_path / f'whole{suffix}')
    for _ in range(40):
        whole.write(NOISE)
    whole.close()
    full_disk()
    sink = VideoSink(tmp_path / f'full{suffix}')
    with pytest.raises(AffectError,
                       match=f'full{suffix}: the video is not complete, .* free space'):
        for _ in range(40):
            sink.write(NOISE)
        sink.close()
    sink.close()


@pytest.mark.parametrize('form', tables.FORMATS)
def test_a_table(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A StorageError ends the whole run. Closing the file fails as well."""
    if form == 'parquet':
        pytest.importorskip('pyarrow', reason='pyarrow is not installed: no Parquet here')
    monkeypatch.setattr(tables, 'GROUP', 1)
    source = Source('a')
    (tmp_path / 'faces').mkdir()
    (tmp_path / 'faces' / f'.{source.key}.{form}.{os.uname().nodename}.{os.getpid()}').symlink_to(
        '/dev/full')
    with pytest.raises(StorageError, match='No space left on device; choose another folder'), \
            Results(tmp_path).table(source, {'format': form}) as table:
        for number in range(100):
            table.write(rows_of([face()], source='a', topic='', frame=Frame(number, 0.0, NOISE)))
    assert not list((tmp_path / 'faces').iterdir())


def test_the_lines_of_the_demo(tmp_path: Path) -> None:
    (tmp_path / 'faces.jsonl').symlink_to('/dev/full')
    recorder = Recorder(tmp_path, source='', rate=10.0)
    with pytest.raises(AffectError, match='faces.jsonl: cannot be written: No space left'):
        for number in range(200):
            recorder.faces([face()], stamp=number, width=320, height=240, latency=0.0)
        recorder.close()


def test_the_command_ends_with_one_line(tmp_path: Path) -> None:
    (tmp_path / 'faces.jsonl').symlink_to('/dev/full')
    done = subprocess.run(
        [sys.executable, '-c', 'import sys\nfrom face_affect_ros.cli import main\n'
         'from face_affect_ros.media.portrait import portrait_path\n'
         f'sys.exit(main(["analyze", str(portrait_path()), "--json", "{tmp_path}/faces.jsonl"]))'],
        capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert 'No space left' in done.stderr and 'Traceback' not in done.stderr


@pytest.mark.parametrize(('output', 'complaint'), [
    ('/dev/full', 'error: standard output.* cannot be written: No space left'),
    ('&-', 'error: standard output is closed; choose a file with --json'),
    (' >(true)', '')], ids=['full', 'closed', 'pipe whose reader has ended'])
def test_standard_output(output: str, complaint: str) -> None:
    done = command(f'analyze {shlex.quote(str(portrait_path()))} >{output}')
    errors = [line for line in done.stderr.splitlines()
              if not line.endswith('1 frames, 1 faces, 1 tracks')]
    assert done.returncode == 1
    assert len(errors) == bool(complaint) and re.search(complaint, ''.join(errors))


def test_the_help_on_a_full_disk() -> None:
    done = command('--help >/dev/full')
    assert done.returncode == 1
    assert re.fullmatch('error: standard output cannot be written: No space left.*\n', done.stderr)


def command(arguments: str) -> 'subprocess.CompletedProcess[str]':
    """Run the command `face_affect` in a shell; Python buffers its standard output."""
    environment = {key: value for key, value in os.environ.items() if key != 'PYTHONUNBUFFERED'}
    return subprocess.run(
        ['bash', '-c', f'{shlex.quote(sys.executable)} -m face_affect_ros.cli {arguments}'],
        stderr=subprocess.PIPE, text=True, check=False, env=environment)
