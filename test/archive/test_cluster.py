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

"""Results of a cluster, also if a worker dies; sources and results at URLs."""

from collections.abc import Callable, Iterator
import os
from pathlib import Path
import shutil
import signal
import socket
import sys
import threading
from typing import Any

import bag_files
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.affect.types import AffectError
from face_affect_ros.archive import analysis
from face_affect_ros.archive.analysis import analyse_source, metadata_of, Run
from face_affect_ros.archive.results import Results
from face_affect_ros.archive.sources import find_sources, Source
from face_affect_ros.cli import main
from face_affect_ros.media.portrait import portrait_path
import pytest
from support import SOURCE, wait_until

CLIP = 'media/face-demographics-walking-and-pause.gif'


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return a Dask cluster of two worker processes on this machine."""
    distributed = pytest.importorskip('distributed', reason='distributed is not installed')
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(SOURCE), *filter(None, sys.path)]))
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True,
                                  dashboard_address=None, host='127.0.0.1') as workers:
        yield workers


@pytest.fixture
def memory() -> Iterator[Any]:
    """Return fsspec's file system in memory, empty before and afterwards."""
    fsspec = pytest.importorskip('fsspec', reason='fsspec is not installed: no URLs here')
    system = fsspec.filesystem('memory')
    system.rm('/', recursive=True)
    yield system
    system.rm('/', recursive=True)


def files_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder of results, hidden ones as well."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob('*')
            if path.is_file()}


@pytest.mark.slow
def test_a_cluster_with_a_killed_worker_gives_the_results_of_one_machine(
        cluster: Any, tmp_path: Path, shared_file: Callable[[str], Path],
        capsys: pytest.CaptureFixture[str]) -> None:
    names = []
    for number in range(4):
        names.append(str(tmp_path / f'{number}.gif'))
        shutil.copy(shared_file(CLIP), names[-1])
    bag = bag_files.write(tmp_path / 'bag', [bag_files.compressed(stamp=bag_files.START)])
    names += [str(portrait_path()), str(bag), str(tmp_path / 'nowhere.png')]
    here, there = tmp_path / 'here', tmp_path / 'there'
    assert main(['analyze', *names, '--out', str(here), '--format', 'csv']) == 1
    capsys.readouterr()
    killed: list[int] = []

    def kill() -> None:
        """Kill the worker that processes a clip, as soon as its table is being written."""
        if wait_until(lambda: list(there.glob('faces/.*.gif-*')), timeout=120.0):
            file = next(there.glob('faces/.*.gif-*'), None)
            if file is not None:
                killed.append(int(file.name.rpartition('.')[2]))
                os.kill(killed[0], signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    code = main(['analyze', *names, '--out', str(there), '--format', 'csv', '--scheduler',
                 cluster.scheduler_address])
    thread.join()
    err = capsys.readouterr().err
    assert code == 1 and len(killed) == 1
    assert killed[0] not in [worker.pid for worker in cluster.workers.values()]
    assert '6 of 7 sources complete, 166 frames, 494 faces, 14 tracks' in err
    assert '1 of 7 sources failed: ' in err and 'nowhere.png: no such file' in err
    assert main(['analyze', *names, '--out', str(there), '--format', 'csv', '--resume']) == 1
    assert files_of(there) == files_of(here)


@pytest.mark.slow
def test_errors_of_the_scheduler_option_contain_the_remedy(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('distributed', reason='distributed is not installed')
    monkeypatch.chdir(tmp_path)
    shutil.copy(portrait_path(), 'a.png')
    out, picture = str(tmp_path / 'out'), str(tmp_path / 'a.png')
    address = ['--scheduler', 'tcp://127.0.0.1:1']
    for arguments, complaint in (
            ([picture, '--out', out, '--resume', *address], ':1: cannot be reached'),
            (['a.png', '--out', out, '--resume', *address], 'a.png: workers have other working'),
            ([picture, '--out', 'out', '--resume', *address], 'out: workers have other working'),
            ([picture, '--out', out, '--jobs', '2', *address],
             '--jobs and --scheduler cannot be combined'),
            ([picture, *address], '--scheduler applies to tables')):
        assert main(['analyze', *arguments]) == 1
        assert complaint in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, 'distributed', None)
    assert main(['analyze', picture, '--out', out, '--resume', *address]) == 1
    assert "pip install 'face_affect_ros[cluster]'" in capsys.readouterr().err


def test_a_network_error_is_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = pytest.importorskip('face_affect_ros.archive.cluster')
    run = Run(PipelineSettings(gender_model=''), str(tmp_path / 'out'), 'csv')
    metadata = metadata_of(run)
    Results(run.out).begin(metadata, resume=False)
    source = Source(str(portrait_path()))

    def failing(name: str) -> Any:
        raise TimeoutError('no answer')
    with monkeypatch.context() as patch:
        patch.setattr(analysis, 'fetched', failing)
        outcome = analyse_source(source, run, metadata)
        assert outcome.summary is None and outcome.retryable and 'no answer' in outcome.problem
        with pytest.raises(cluster.RetryableError, match='no answer'):
            cluster.task(source, run, metadata)
    assert cluster.task(source, run, metadata).summary.faces == 1
    again = cluster.task(source, run, metadata)
    assert again.summary.faces == 1 and not again.before


@pytest.mark.parametrize('arguments', [
    ['analyze', '{url}/a.png'], ['analyze', '{picture}', '--out', '{url}/out'],
    ['report', '{url}/out'], ['tiers', '{url}/out', '--out', 'tiers']])
def test_a_server_that_cannot_be_reached_is_named(
        arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('fsspec', reason='fsspec is not installed')
    monkeypatch.chdir(tmp_path)
    with socket.create_server(('127.0.0.1', 0)) as server:
        url = f'ftp://127.0.0.1:{server.getsockname()[1]}'
    names = {'url': url, 'picture': portrait_path()}
    assert main([each.format(**names) for each in arguments]) == 1
    error, = capsys.readouterr().err.splitlines()
    assert error.startswith(f'error: {url}/') and 'cannot be reached: ConnectionRefused' in error
    assert 'check the address, the network and the credentials' in error


def test_sources_and_results_at_urls(memory: Any, tmp_path: Path,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    picture = portrait_path().read_bytes()
    for name in ('/in/a.png', '/in/b.png', '/in/notes.txt', '/in/._a.png'):
        memory.pipe_file(name, picture)
    command = ['analyze', 'memory:///in', 'memory:///in/gone.png', '--out', 'memory:///out',
               '--format', 'csv']
    assert main(command) == 1
    err = capsys.readouterr().err
    assert '2 of 3 sources complete, 2 frames, 2 faces' in err
    assert 'memory:///in/gone.png: no such file' in err
    results = Results('memory:///out')
    found = {summary.source: list(results.rows(key))
             for key, summary in results.summaries().items()}
    assert set(found) == {'memory:///in/a.png', 'memory:///in/b.png'}
    assert main(['analyze', str(portrait_path()), '--out', f'file://{tmp_path}/out']) == 0
    local = Results(str(tmp_path / 'out'))
    expected, = (row for key in local.summaries() for row in local.rows(key))
    for (row,) in found.values():
        assert {**row, 'source': ''} == {**expected, 'source': ''}
    # What an interrupted run leaves is cleaned, a table that is there without its word is done
    # again.
    key = Source('memory:///in/a.png').key
    memory.rm_file(f'/out/sources/{key}.json')
    memory.pipe_file('/out/faces/.half.csv.host.1', b'x')
    assert main([*command, '--resume']) == 1
    assert '2 of 3 sources complete, 1 of them before' in capsys.readouterr().err
    assert sorted(path.rpartition('/')[2] for path in memory.ls('/out/faces', detail=False)) == (
        sorted(f'{Source(name).key}.csv' for name in found))


def test_errors_of_the_driver_of_a_url_are_named_in_a_report(
        memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('plotly', reason='plotly is not installed: no reports here')
    memory.pipe_file('/in/a.png', portrait_path().read_bytes())
    assert main(['analyze', 'memory:///in/a.png', '--out', 'memory:///out']) == 0
    page = tmp_path / 'page.html'
    command = ['report', 'memory:///out', '--out', str(page), '--overwrite', '--with-faces']

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError('no credentials')

    with monkeypatch.context() as patch:
        patch.setattr(type(memory), 'get', refuse)
        assert main(command) == 0
    assert 'No images of faces: memory:///in/a.png: RuntimeError: no cred' in page.read_text()
    memory.rm('/out/faces', recursive=True)
    capsys.readouterr()
    for each in command, ['tiers', 'memory:///out', '--out', str(tmp_path / 'tiers')]:
        assert main(each) == 1
        error, = capsys.readouterr().err.splitlines()
        assert 'error: memory:///out: cannot be reached: FileNotFoundError' in error


def test_patterns_and_bags_at_urls(memory: Any) -> None:
    for name in ('/in/a.mcap', '/in/bag/metadata.yaml', '/in/bag/bag_0.mcap', '/in/c.mp4'):
        memory.pipe_file(name, b'x')
    assert find_sources(['memory:///in/*.mcap']) == [Source('memory:///in/a.mcap')]
    assert find_sources(['memory:///in'], topics=['/t']) == [
        Source('memory:///in/a.mcap', '/t'), Source('memory:///in/bag', '/t'),
        Source('memory:///in/c.mp4')]
    assert find_sources(['memory:///in/bag', 'memory:///in/bag/']) == [Source('memory:///in/bag')]
    with pytest.raises(AffectError, match='nothing://a: .*the driver of fsspec.*use a local path'):
        find_sources(['nothing://a'])
