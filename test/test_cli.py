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

"""The command `face_affect`."""

from collections import Counter
from collections.abc import Callable
import errno
import io
import json
import os
from pathlib import Path
import re
import signal
import subprocess
import sys

import bag_files
import cv2
from face_affect_ros.affect.settings import PipelineSettings
from face_affect_ros.cli import main
from face_affect_ros.commands import analyze
from face_affect_ros.media.portrait import portrait_path
from face_affect_ros.paths import shown
from face_affect_ros.processes import running_node
import numpy as np
import pytest
from support import running, wait_until

KEYS = {'id', 'roi', 'score', 'landmarks', 'emotion', 'emotion_confidence',
        'emotion_probabilities', 'emotion_unknown_reason', 'gender', 'gender_confidence'}


def lines(path: Path) -> list[dict]:
    """Return the records of a JSON lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_an_image_gives_one_line_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['analyze', str(portrait_path())]) == 0
    out, err = capsys.readouterr()
    record = json.loads(out)
    assert (record['width'], record['height'], record['frame']) == (512, 512, 0)
    assert record['source'] == str(portrait_path())
    assert len(record['faces']) == 1
    assert set(record['faces'][0]) >= KEYS
    assert '1 frames, 1 faces, 1 tracks' in err


def test_the_group_photo_has_six_faces(tmp_path: Path,
                                       shared_file: Callable[[str], Path]) -> None:
    out, picture = tmp_path / 'deep' / 'faces.jsonl', tmp_path / 'annotated.png'
    photo = shared_file('media/robocup_team.png')
    assert main(['analyze', str(photo), '--detector-size', '640', '--json', str(out),
                 '--annotate', str(picture)]) == 0
    assert [len(record['faces']) for record in lines(out)] == [6]
    assert cv2.imread(str(picture)).shape == (1536, 2048, 3)


def test_a_clip_gives_a_line_per_frame_and_an_annotated_video(
        tmp_path: Path, shared_file: Callable[[str], Path]) -> None:
    clip = shared_file('media/face-demographics-walking-and-pause.gif')
    out, video = tmp_path / 'faces.jsonl', tmp_path / 'annotated.mp4'
    assert main(['analyze', str(clip), '--json', str(out), '--annotate', str(video)]) == 0
    records = lines(out)
    assert [record['frame'] for record in records] == list(range(41))
    assert {face['id'] for record in records for face in record['faces']} == {
        'f0001', 'f0002', 'f0003'}
    capture = cv2.VideoCapture(str(video))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 41


def test_several_files_are_annotated_into_a_folder(tmp_path: Path) -> None:
    names = []
    for number in range(2):
        names.append(str(tmp_path / f'portrait{number}.png'))
        cv2.imwrite(names[-1], cv2.imread(str(portrait_path())))
    out = tmp_path / 'faces.jsonl'
    assert main(['analyze', *names, '--json', str(out), '--annotate', str(tmp_path / 'out')]) == 0
    assert [record['source'] for record in lines(out)] == names
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'portrait0_annotated.png', 'portrait1_annotated.png']


def test_files_of_the_same_name_get_separate_copies(tmp_path: Path,
                                                    capsys: pytest.CaptureFixture[str]) -> None:
    names = [tmp_path / folder / 'portrait.png' for folder in 'abc']
    for name in names:
        name.parent.mkdir()
        cv2.imwrite(str(name), cv2.imread(str(portrait_path())))
    arguments = ['analyze', *map(str, names), '--json', str(tmp_path / 'faces.jsonl')]
    assert main([*arguments, '--annotate', str(tmp_path / 'out')]) == 0
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == [
        'portrait_annotated.png', 'portrait_annotated_2.png', 'portrait_annotated_3.png']
    assert re.search('b/portrait.png: .* written to .*/out/portrait_annotated_2.png\n',
                     capsys.readouterr().err)
    assert main([*arguments, '--annotate', str(names[0])]) == 1
    assert 'is not a folder, and there are several' in capsys.readouterr().err


def test_options_reach_the_pipeline(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['analyze', str(portrait_path()), '--gender-model', '', '--track-id-prefix', 'p',
                 '--detector', 'blazeface_back']) == 0
    face = json.loads(capsys.readouterr().out)['faces'][0]
    assert (face['id'], face['gender'], face['gender_probabilities']) == ('p0001', 'unknown', [])


@pytest.mark.parametrize(('arguments', 'complaint'), [
    (['/nowhere/clip.mp4'], '/nowhere/clip.mp4: no such file'),
    ([__file__], 'test_cli.py'),
    ([str(portrait_path()), '--emotion-model', 'nothing'], "model 'nothing' not found"),
    ([str(portrait_path()), '--detector', 'yunet'], "model 'yunet' not found"),
    ([str(portrait_path()), '--json', '/proc/nowhere/out.jsonl'], '/proc/nowhere/out.jsonl'),
])
def test_an_error_is_one_line_and_exit_code_1(arguments: list[str], complaint: str,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['analyze', *arguments]) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith('error: ')]
    assert len(errors) == 1
    assert complaint in errors[0]


def test_a_process_prints_errors_without_a_traceback() -> None:
    done = subprocess.run([sys.executable, '-m', 'face_affect_ros.cli', 'analyze', '/nowhere.gif'],
                          capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith('error: /nowhere.gif: no such file')
    assert 'Traceback' not in done.stderr


def test_another_missing_file_is_not_reported_as_the_working_directory(
        monkeypatch: pytest.MonkeyPatch) -> None:
    """As from a socket or from fsspec, whose FileNotFoundError has no attribute filename."""
    def fail(arguments: object) -> int:
        raise FileNotFoundError(errno.ENOENT, 'No such file or directory')

    monkeypatch.setattr(analyze, 'run', fail)
    with pytest.raises(FileNotFoundError):
        main(['analyze', 'a.png'])


def test_a_working_directory_that_was_removed_is_named(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / 'gone').mkdir()
    monkeypatch.chdir(tmp_path / 'gone')
    (tmp_path / 'gone').rmdir()
    for arguments in (['analyze', 'a.png'], ['report', 'out'],
                      ['explain', 'a.png', '--out', 'b.png']):
        assert main(arguments) == 1
        error, = capsys.readouterr().err.splitlines()
        assert error.startswith('error: the working directory no longer exists')


def test_standard_error_may_be_closed(tmp_path: Path) -> None:
    """The messages must neither end the run nor be written to standard output."""
    for closed, options in (('2>&-', []), ('0<&- 1>&- 2>&-', ['--out', str(tmp_path / 'out')])):
        done = subprocess.run(['sh', '-c', f'exec "$@" {closed}', 'sh', sys.executable, '-m',
                               'face_affect_ros.cli', 'analyze', str(portrait_path()), *options],
                              stdout=subprocess.PIPE, text=True)
        assert done.returncode == 0
        if not options:
            assert json.loads(done.stdout)['source'] == str(portrait_path())
    assert len(list((tmp_path / 'out' / 'sources').iterdir())) == 1


def test_every_setting_of_the_pipeline_has_an_option(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(['analyze', '--help'])
    text = capsys.readouterr().out
    for name in PipelineSettings.__dataclass_fields__:
        assert '--' + name.replace('_', '-') in text


def test_a_missing_package_is_named_with_the_remedy() -> None:
    code = ("import sys; sys.modules['tqdm'] = None\n"
            "from face_affect_ros.cli import main; sys.exit(main(['analyze', 'x.png']))")
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the Python package 'tqdm' is missing")
    assert 'Traceback' not in done.stderr


def test_affect_and_the_command_line_do_not_import_ros() -> None:
    code = ('import sys, face_affect_ros.cli, face_affect_ros.affect.settings\n'
            'assert not any(name.split(".")[0] == "rclpy" for name in sys.modules)')
    subprocess.run([sys.executable, '-c', code], check=True)


def test_the_demo_publishes_faces_and_writes_its_results(ros_domain: int, tmp_path: Path) -> None:
    pytest.importorskip('face_affect_msgs', reason='the messages are not built')
    done = subprocess.run(
        [sys.executable, '-m', 'face_affect_ros.cli', 'demo', '--duration', '3', '--out',
         str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    records = lines(tmp_path / 'faces.jsonl')
    assert len(records) > 10
    ids = Counter(face['id'] for record in records for face in record['faces'])
    assert f'{len(ids)} tracks' in done.stdout
    # A false detection in the first image is a track of its own.
    assert ids.most_common(1)[0][1] > 0.95 * len(records)
    labelled = [record for record in records if record['faces']
                and record['faces'][0]['emotion'] != 'unknown']
    assert len(labelled) > 0.95 * len(records)
    assert all(set(record['faces'][0]) >= KEYS for record in labelled)
    assert cv2.imread(str(tmp_path / 'annotated.png')).shape == (480, 640, 3)
    assert cv2.VideoCapture(str(tmp_path / 'annotated.mp4')).read()[0]
    pytest.importorskip('plotly', reason='plotly is not installed: no report here')
    assert f'{len(records)} images in' in (tmp_path / 'report.html').read_text()


def test_the_table_shows_the_name_of_the_source_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not as the markup of rich."""
    pytest.importorskip('rich', reason='rich is not installed')
    from face_affect_ros.demo import table
    written = io.StringIO()
    console = table.Console(file=written, force_terminal=True, width=100)
    monkeypatch.setattr(table, 'Console', lambda: console)
    with table.LiveTable('a[/b]/[red]\n.gif') as live:
        live.show([], latency=0.01)
    assert r'a[/b]/[red]\n.gif' in written.getvalue()
    assert '10.0 ms' in written.getvalue()


@pytest.mark.parametrize('name', ['1e3', 'inf', '0x1F', 'null', 'a: "b" # ü \x7f'])
def test_a_source_of_any_name_reaches_the_player(name: str, ros_domain: int,
                                                 capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('rclpy', reason='no ROS 2')
    with running_node('camera_player', 'player', {'source': name}) as player:
        assert player.wait(60.0) == 1
    assert f'error: {shown(name)}: no such file' in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_demo_with_its_results_and_processes(
        number: signal.Signals, ros_domain: int, tmp_path: Path) -> None:
    pytest.importorskip('face_affect_msgs', reason='the messages are not built')
    with running(sys.executable, '-m', 'face_affect_ros.cli', 'demo', '--duration', '60', '--out',
                 str(tmp_path)) as demo:
        assert wait_until(lambda: demo.output().count('frames/s') > 1, timeout=60.0), demo.output()
        pid = demo.popen.pid
        children = Path(f'/proc/{pid}/task/{pid}/children').read_text().split()
        assert len(children) == 2
        assert demo.stop(number) == 0, demo.output()
        assert 'Traceback' not in demo.output()
    assert not [child for child in children if Path('/proc', child).exists()]
    assert len(lines(tmp_path / 'faces.jsonl')) > 0
    assert cv2.VideoCapture(str(tmp_path / 'annotated.mp4')).read()[0]


@pytest.mark.parametrize(('arguments', 'complaint'), [
    (['--source', '/nowhere.gif'], '/nowhere.gif: no such file'),
    (['--source', '/nowhere.mcap'], '/nowhere.mcap: no such bag'),
    (['--duration', '-3'], '--duration is -3.0'),
    (['--emotion-model', 'nothing', '--duration', '1'], 'could not configure'),
])
def test_a_demo_that_cannot_run_prints_the_reason(arguments: list[str], complaint: str,
                                                  ros_domain: int, tmp_path: Path) -> None:
    pytest.importorskip('face_affect_msgs', reason='the messages are not built')
    done = subprocess.run(
        [sys.executable, '-m', 'face_affect_ros.cli', 'demo', '--out', str(tmp_path), *arguments],
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert 'Traceback' not in done.stderr + done.stdout


@pytest.mark.parametrize(('arguments', 'name', 'value', 'remedy'), [
    # a container with `--user`, whose home folder does not exist
    (['cli', 'demo', '--out', 'demo'], 'HOME', os.devnull, True),
    (['nodes.camera_player'], 'HOME', os.devnull, True),
    # a folder in which nobody may create a file, as one of root for others
    (['nodes.camera_player'], 'ROS_LOG_DIR', '/proc', True),
    (['nodes.camera_player', '--ros-args', '--log-config-file', 'a'], 'ROS_HOME', '', False)])
def test_ros_without_a_log_directory_names_the_remedy(
        arguments: list[str], name: str, value: str, remedy: bool,
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip('face_affect_msgs', reason='the messages are not built')
    for each in ('ROS_LOG_DIR', 'ROS_HOME'):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, value)
    done = subprocess.run(
        [sys.executable, '-m', f'face_affect_ros.{arguments[0]}', *arguments[1:]],
        capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 1
    assert 'error: ROS cannot be started: ' in done.stderr
    assert ('ROS_LOG_DIR' in done.stderr) is remedy
    assert 'Traceback' not in done.stderr


def test_explain_draws_a_row_for_each_face(tmp_path: Path,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / 'why.png'
    command = ['explain', str(portrait_path()), '--out', str(out)]
    assert main(command) == 0
    assert capsys.readouterr().out.startswith('f0001: happy ')
    first = cv2.imread(str(out))
    assert first.shape[1] == 4 * 144
    assert main([*command, '--class', 'sad', '--overwrite']) == 0
    assert ': sad ' in capsys.readouterr().out
    assert (cv2.imread(str(out)) != first).any()


def test_explain_reads_images_of_bags(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = bag_files.write(tmp_path / 'bag', [bag_files.image(), bag_files.image(encoding='rgb8')])
    assert main(['explain', str(bag), '--frame', '1', '--out', str(tmp_path / 'why.png')]) == 0
    assert capsys.readouterr().out.startswith('f0001: happy ')


@pytest.mark.parametrize(('arguments', 'complaint'), [
    (['--class', 'bored'], '--class bored: the classes of emotion are angry, disgust'),
    (['--frame', '7'], 'has no frame 7; numbers start at 0'),
    (['--emotion-model', ''], '--emotion-model is empty'),
    (['--out', '/dev/null/why.png'], '/dev/null/why.png'),
    (['blank.png'], 'blank.png: no face in frame 0'),
])
def test_errors_of_explain_name_the_reason(arguments: list[str], complaint: str, tmp_path: Path,
                                           monkeypatch: pytest.MonkeyPatch,
                                           capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    cv2.imwrite('blank.png', np.full((240, 320, 3), 128, np.uint8))
    file = [] if arguments == ['blank.png'] else [str(portrait_path())]
    assert main(['explain', *file, '--out', 'why.png', *arguments]) == 1
    assert complaint in capsys.readouterr().err
    assert not Path('why.png').exists()
