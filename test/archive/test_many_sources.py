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

"""Many sources: results of several processes, and of processes that die."""

from collections.abc import Callable, Iterator
import contextlib
import glob
import io
import json
import multiprocessing
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys
import time
from typing import Any

import bag_files
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.archive.analysis import metadata_of, Run
from face_affect_ros.archive.bar import Bar
from face_affect_ros.archive.local import _Workers, cores, run_locally
from face_affect_ros.archive.results import Results
from face_affect_ros.archive.sources import _glob, find_sources, Source
from face_affect_ros.cli import main
from face_affect_ros.media.portrait import portrait_path
from face_affect_ros.recordings import open_recording
import pytest
from support import running, SOURCE, wait_until

CLIP = 'media/face-demographics-walking-and-pause.gif'


@pytest.fixture
def sources(tmp_path: Path, shared_file: Callable[[str], Path],
            monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Return two clips and a folder of three images, by names relative to the working folder."""
    monkeypatch.chdir(tmp_path)
    Path('pictures').mkdir()
    for number in range(3):
        shutil.copy(portrait_path(), f'pictures/{number}.png')
    for name in ('a.gif', 'b.gif'):
        shutil.copy(shared_file(CLIP), name)
    yield ['a.gif', 'b.gif', 'pictures']


def files_of(folder: str) -> dict[str, bytes]:
    """Return the files of a folder of results, hidden ones as well."""
    found = {}
    for path in Path(folder).rglob('*'):
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):   # removed meanwhile
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def analyze(*arguments: str, code: int = 0) -> None:
    """Run the command on the sources into a folder of tables."""
    assert main(['analyze', *arguments, '--format', 'csv']) == code


@pytest.mark.slow
def test_results_do_not_depend_on_the_number_of_processes(
        sources: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    analyze(*sources, 'nowhere.png', '--out', 'one', code=1)
    err = capsys.readouterr().err
    assert 'a.gif: 41 frames, 123 faces, 3 tracks' in err
    assert '5 of 6 sources complete, 85 frames, 249 faces, 9 tracks' in err
    assert err.endswith('1 of 6 sources failed: nowhere.png\n')
    analyze(*sources, 'nowhere.png', '--out', 'two', '--jobs', '2', code=1)
    assert capsys.readouterr().err.endswith('1 of 6 sources failed: nowhere.png\n')
    assert files_of('one') == files_of('two')
    assert len(files_of('one')) == 11


@pytest.mark.slow
def test_a_killed_run_is_resumed(sources: list[str]) -> None:
    analyze(*sources, '--out', 'whole')
    command = [sys.executable, '-m', 'face_affect_ros.cli', 'analyze', 'pictures', 'a.gif',
               'b.gif', '--out', 'cut', '--format', 'csv', '--jobs', '2']
    with running(*command, environment={'PYTHONPATH': os.pathsep.join(
            [str(SOURCE), *filter(None, sys.path)])}) as process:
        assert wait_until(lambda: len(list(Path('cut/sources').glob('*.json'))) >= 3,
                          timeout=120.0), process.output()
        process.popen.kill()
        process.wait()
        # The other processes detect it, and remove incomplete tables.
        assert wait_until(lambda: not [name for name in files_of('cut')
                                       if Path(name).name.startswith('.')])
    whole, done = files_of('whole'), files_of('cut')
    assert 7 <= len(done) < len(whole), 'it was killed too late'
    assert done.items() <= whole.items()
    before = {name: os.stat(f'cut/{name}').st_mtime_ns for name in done}
    analyze(*sources, '--out', 'cut', '--resume')
    assert files_of('cut') == whole
    assert {name: os.stat(f'cut/{name}').st_mtime_ns for name in done} == before


@pytest.mark.slow
def test_only_the_source_of_a_process_that_dies_fails(sources: list[str]) -> None:
    run = Run(PipelineSettings(track_id_prefix='f'), 'out', 'csv')
    metadata = metadata_of(run)
    results = Results('out')
    results.begin(metadata, resume=False)
    killed: list[Source] = []

    def kill(source: Source, frames: int, share: float) -> None:
        if not killed:
            killed.append(source)
            for process in multiprocessing.active_children():
                os.kill(process.pid or 0, signal.SIGKILL)

    found = find_sources(sources)
    outcomes = list(run_locally(found, run, metadata, jobs=2, watch=kill))
    assert {outcome.source for outcome in outcomes} == set(found)
    failed = [outcome for outcome in outcomes if outcome.summary is None]
    assert killed[0] in [outcome.source for outcome in failed] and len(failed) <= 2
    assert all('its process ended with signal SIGKILL' in each.problem for each in failed)
    assert len(results.summaries()) == len(found) - len(failed)
    again = list(run_locally([each.source for each in failed], run, metadata, jobs=2,
                          watch=lambda *_: None))
    assert all(outcome.summary for outcome in again)


@pytest.mark.slow
def test_an_interrupted_run_removes_the_temporary_files_of_its_processes(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of compressed bags and of URLs are as large as the sources."""
    monkeypatch.setenv('TMPDIR', str(tmp_path / 'temporary'))
    Path(tmp_path, 'temporary').mkdir()
    frames = [bag_files.image(stamp=bag_files.START + number) for number in range(5000)]
    bags = [Source(str(bag_files.write(tmp_path / name, frames, compression='file')))
            for name in ('a', 'b')]
    run = Run(PipelineSettings(), str(tmp_path / 'out'), 'csv')
    metadata = metadata_of(run)
    Results(run.out).begin(metadata, resume=False)
    seen: dict[Source, list[str]] = {}
    others = set(multiprocessing.active_children())

    def interrupt(source: Source, frames: int, share: float) -> None:
        seen[source] = os.listdir(tmp_path / 'temporary')
        if len(seen) < len(bags):   # the other process may still import modules
            return
        end = time.monotonic() + 5.0
        for process in set(multiprocessing.active_children()) - others:
            # `timeout` and systemd signal this process, and so does the parent
            while process.is_alive() and time.monotonic() < end:
                process.terminate()
                time.sleep(0.001)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(run_locally(bags, run, metadata, jobs=2, watch=interrupt))
    assert all(seen.values()) and not os.listdir(tmp_path / 'temporary')
    assert not os.listdir(tmp_path / 'out' / 'faces')


def test_ctrl_c_does_not_reach_a_process_that_starts(capfd: pytest.CaptureFixture[str]) -> None:
    run = Run(PipelineSettings(), 'out', 'csv')
    connection, process = _Workers(run, {}, lambda *_: None)._start()
    os.kill(process.pid, signal.SIGINT)
    connection.close()
    process.join()
    assert (process.exitcode, capfd.readouterr().err) == (0, '')


def test_a_process_that_is_ended_after_its_last_source_ends_silently() -> None:
    code = ('import multiprocessing, os, signal\n'
            'from face_affect_ros.archive.local import _serve\n'
            'ours, theirs = multiprocessing.Pipe()\n'
            'ours.close()\n'
            '_serve(theirs, None, {})\n'
            'os.kill(os.getpid(), signal.SIGTERM)\n')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')


@pytest.mark.slow
def test_a_process_that_dies_between_two_sources(sources: list[str],
                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    """As by a lack of memory; a broken pipe would end the command silently."""
    run = Run(PipelineSettings(), 'out', 'csv')
    metadata = metadata_of(run)
    Results('out').begin(metadata, resume=False)
    start, started = _Workers._start, []

    def start_and_kill(workers: _Workers) -> tuple[Any, Any]:
        connection, process = start(workers)
        started.append(process)
        if len(started) == 1:
            process.kill()
            process.join()
        return connection, process

    monkeypatch.setattr(_Workers, '_start', start_and_kill)
    outcomes = list(run_locally(find_sources(['pictures']), run, metadata, jobs=2,
                                watch=lambda *_: None))
    problems = [outcome.problem for outcome in outcomes if outcome.summary is None]
    assert len(outcomes) == 3 and len(problems) == 1
    assert 'pictures/0.png: its process ended with signal SIGKILL' in problems[0]


@pytest.mark.slow
def test_a_missing_model_ends_all_processes(sources: list[str]) -> None:
    run = Run(PipelineSettings(), 'out', 'csv')
    metadata = metadata_of(run) | {'models': {}}
    outcomes = list(run_locally(find_sources(sources), run, metadata, jobs=2,
                                watch=lambda *_: None))
    assert outcomes[-1].fatal and len(outcomes) < 5
    assert multiprocessing.active_children() == []


def test_folders_and_patterns_are_expanded_to_sources(sources: list[str]) -> None:
    assert [source.name for source in find_sources(['pictures/*.png', 'a.gif', '**/2.png'])] == [
        'pictures/0.png', 'pictures/1.png', 'pictures/2.png', 'a.gif']
    assert find_sources(['nothing*.png']) == [Source('nothing*.png')]
    Path('[1].png').touch()
    assert find_sources(['[1].png']) == [Source('[1].png')]
    assert find_sources(['pictures'], sequence=True) == [Source('pictures')]


@pytest.mark.parametrize('name', ['~', '~root', '~a b'])
def test_a_folder_whose_name_is_like_a_home_folder(name: str, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name, '~deep').mkdir(parents=True)
    shutil.copy(portrait_path(), Path(name, 'a.png'))
    Path(name, '~deep', 'metadata.yaml').touch()
    for given in ([f'./{name}'], ['./*/a.png', './*/~deep'], ['*/a.png', '*/*/metadata.yaml']):
        first, bag = find_sources(given)
        assert (first.name, bag.name.removesuffix('/metadata.yaml')) == (
            f'./{name}/a.png', f'./{name}/~deep')
        with open_recording(first.name) as media:
            assert len(list(media)) == 1
    monkeypatch.chdir(name)
    assert [source.name for source in find_sources(['.'])] == ['a.png', './~deep']


def test_a_bag_in_several_files_is_one_source(sources: list[str]) -> None:
    """As of ros2 bag record --max-bag-duration: each file stands for the whole bag."""
    for name in ('split', 'alone'):
        Path('runs', name).mkdir(parents=True)
        for number in range(3):
            Path('runs', name, f'{name}_{number}.mcap').touch()
    Path('runs/split/metadata.yaml').touch()
    alone = [f'runs/alone/alone_{number}.mcap' for number in range(3)]
    assert [source.name for source in find_sources(['runs/**/*.mcap'])] == [
        *alone, 'runs/split/split_0.mcap']
    assert find_sources(['runs/split', 'runs/split/split_1.mcap', 'runs/split/metadata.yaml'],
                        topics=['/a', '/b']) == [Source('runs/split', '/a'),
                                                 Source('runs/split', '/b')]


def test_a_source_is_processed_once(sources: list[str],
                                    capsys: pytest.CaptureFixture[str]) -> None:
    analyze('pictures/0.png', 'pictures/0.png', 'pictures', '--out', 'out')
    assert '3 of 3 sources complete' in capsys.readouterr().err
    names = [json.loads(path.read_text())['source'] for path in Path('out/sources').iterdir()]
    assert sorted(names) == ['pictures/0.png', 'pictures/1.png', 'pictures/2.png']
    os.rename('pictures', 'deep')
    assert main(['analyze', '**/*.png', 'deep', '--json', 'lines.jsonl']) == 0
    lines = [json.loads(line)['source'] for line in Path('lines.jsonl').read_text().splitlines()]
    assert lines == ['deep/0.png', 'deep/1.png', 'deep/2.png']


def test_a_file_reached_by_links_is_one_source(sources: list[str],
                                               capsys: pytest.CaptureFixture[str]) -> None:
    Path('pictures/3.png').symlink_to('0.png')
    Path('linked').symlink_to('pictures')
    Path('pictures/loop').symlink_to('.')
    for names in (['pictures', 'linked'], ['./pictures', os.path.abspath('linked')]):
        found = [os.path.basename(source.name) for source in find_sources(names)]
        assert found == ['0.png', '1.png', '2.png']
        assert '3.png' in capsys.readouterr().err.partition(': ignored, because they are other')[0]
    assert len(find_sources(['pictures/**/*.png'])) == 3   # many names, because of the loop
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert find_sources(['pictures', 'linked'], sequence=True) == [Source('pictures')]
    Path('gone.png').symlink_to('nowhere.png')
    assert find_sources(['gone.png']) == [Source('gone.png')]


@pytest.mark.parametrize('pattern', [
    '**', '**/*', '**/*.png', 'a/**', 'a/**/*.png', '*/**/*.png', '**/b/**/*.png', '**/[[]*',
    'a/**/b/*.png', '**/.*', 'a/**b/*', '**/**/x.png', 'HERE/a/**/*.png', 'HERE/**', 'none/**/x'])
def test_patterns_match_as_those_of_glob(pattern: str, tmp_path: Path,
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    for file in ('x.png', '.h.png', 'a/x.png', 'a/b/x.png', 'a/b/c/b/x.png', '.hidden/x.png',
                 'a/[1]/x.png', 'a/**/x.png', 'a/.hidden/b/x.png', 'ab/y'):
        Path(tmp_path, file).parent.mkdir(parents=True, exist_ok=True)
        Path(tmp_path, file).touch()
    Path(tmp_path, 'linked').symlink_to('a')
    Path(tmp_path, 'ab', 'gone').symlink_to('nowhere')
    monkeypatch.chdir(tmp_path)
    pattern = pattern.replace('HERE', str(tmp_path))
    assert _glob(pattern) == set(glob.glob(pattern, recursive=True))


@pytest.mark.timeout(60)
def test_patterns_end_where_links_lead_to_parents(sources: list[str]) -> None:
    Path('pictures/deep/er').mkdir(parents=True)
    shutil.copy('pictures/0.png', 'pictures/deep/er/4.png')
    for number in range(3):
        Path(f'pictures/loop{number}').symlink_to('.')
        Path(f'pictures/deep/up{number}').symlink_to('..')
        Path(f'pictures/deep/er/out{number}').symlink_to('../../..')
        Path(f'other{number}').mkdir()
        Path(f'other{number}/next').symlink_to(f'../other{(number + 1) % 3}')
    for pattern in ('pictures/**/*.png', '**/*.png', 'pictures/**', 'pictures/*/**/*.png'):
        found = {os.path.realpath(source.name) for source in find_sources([pattern])}
        assert found >= {os.path.realpath(f'pictures/{name}.png')
                         for name in ('0', '1', '2', 'deep/er/4')}, pattern


def test_keys_of_sources_are_unique_file_names() -> None:
    names = ['a/b.mcap', 'c/b.mcap', '..', '', 'x' * 300, 's3://bucket/b.mcap', 'ä\n/', '\udcff']
    keys = [Source(name).key for name in names] + [Source('a/b.mcap', '/image').key]
    assert len(set(keys)) == len(keys)
    assert all(key.isascii() and '/' not in key and len(key) < 80 and key[0] != '.'
               for key in keys)
    assert cores() >= 1


@pytest.mark.filterwarnings('error')
def test_the_bar_does_not_exceed_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By rounding, which tqdm reports as `TqdmWarning: clamping frac`."""
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    path = tmp_path / 'a.mp4'
    path.write_bytes(b'123')
    source = Source(str(path))
    terminal = Terminal()
    monkeypatch.setattr(sys, 'stderr', terminal)
    with Bar([source]) as bar:
        for frames in range(1, 41):
            bar.watch(source, frames, frames / 40)
        bar.done(source, 40)
        bar.say('ended')
    assert '100%' in terminal.getvalue()


def test_a_source_has_one_key_however_its_path_is_written() -> None:
    """Else --resume would analyse bag/ again after bag, and each row would be there twice."""
    assert len({Source(name, '/t').key for name in ('bag', 'bag/', './bag', './/bag/.')}) == 1
    assert Source('s3://a/bag/').key == Source('s3://a/bag').key != Source('s3:/a/bag').key
    assert Source('~/bag').key == Source(os.path.expanduser('~/bag')).key != Source('./~/bag').key
