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

"""Outputs that would overwrite an input are refused before the command starts."""

import json
import os
from pathlib import Path

import face_affect_ros.archive.report  # noqa: F401 - imported by the command when it runs
from face_affect_ros.cli import main
from face_affect_ros.media import VideoSink
from face_affect_ros.media.portrait import portrait_path
import numpy as np
from PIL import Image
import pytest
from support import forbidden

PORTRAIT = Image.open(portrait_path()).resize((160, 160))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder, with images, links to one, a clip and other files."""
    monkeypatch.chdir(tmp_path)
    for name in ('a.png', 'b.png', 'a_annotated.png', 'noext'):
        PORTRAIT.save(name, 'PNG')
    os.link('a.png', 'hard.png')
    os.symlink('a.png', 'soft.png')
    os.symlink('made.png', 'dangling.png')
    Path('photos').mkdir()
    PORTRAIT.save('photos/c.png')
    Path('photos/notes.txt').write_text('not an image')
    os.symlink('photos', 'album')
    os.link('photos/c.png', 'linked.jsonl')
    Path('o').mkdir()
    with VideoSink('o/annotated.mp4', 10.0) as sink:
        sink.write(np.zeros((48, 64, 3), np.uint8))
    os.symlink('o/annotated.mp4', 'clip.mp4')
    Path('model').mkdir()
    Path('model/card.yaml').write_text('name: model\nfile: ../o/network.onnx\n')
    Path('o/network.onnx').write_bytes(b'')
    Path('model/model.tflite').write_bytes(b'TFL3')
    os.symlink('../model/card.yaml', 'o/card.jsonl')
    Path('labels.json').write_text('{"images": []}')
    Path('d').mkdir()
    Path('d/faces.jsonl').write_text('mine')
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files below a folder."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob('*')) if path.is_file()}


@pytest.mark.parametrize(('command', 'names'), [
    ('analyze --annotate a.png b.png', ['--annotate a.png', '--overwrite']),
    ('explain --out a.png b.png', ['--out a.png', '--overwrite']),
    ('analyze --json a.png b.png', ['--json a.png']),                # --json *.png
    ('analyze --json a.png b.png a.png', ['--json a.png', 'input a.png']),
    ('analyze --json labels.json b.png', ['--json labels.json']),
    ('demo --out d', ['--out d/faces.jsonl']),
    ('analyze --json noext b.png', ['--json noext']),
    ('analyze --json photos/notes.txt b.png', ['--json photos/notes.txt']),
    ('analyze --json model/card.yaml b.png', ['--json model/card.yaml']),
    ('analyze a.png --json a.png', ['--json a.png', 'input a.png']),
    ('analyze a.png --json ./photos/../a.png', ['photos/../a.png', 'input a.png']),
    ('analyze a.png --json hard.png', ['--json hard.png', 'input a.png']),
    ('analyze soft.png --json hard.png', ['--json hard.png', 'input soft.png']),
    ('analyze photos --json linked.jsonl', ['--json linked.jsonl', 'input photos/c.png']),
    ('analyze a.png --annotate a.png', ['--annotate a.png', 'input a.png']),
    ('analyze a.png --annotate soft.png', ['--annotate soft.png', 'input a.png']),
    ('analyze o/annotated.mp4 --annotate o/annotated.mp4', ['--annotate o/annotated.mp4']),
    ('analyze o/annotated.mp4 --annotate clip.mp4', ['--annotate clip.mp4', 'o/annotated.mp4']),
    ('analyze a.png a_annotated.png --annotate .', ['--annotate a_annotated.png', 'the input']),
    ('analyze a_annotated.png a.png --annotate ./', ['--annotate a_annotated.png', 'the input']),
    ('analyze b.png --json x --annotate x', ['--annotate x', '--json x']),
    ('analyze b.png --json x.png --annotate ./photos/../x.png', ['--annotate', '--json x.png']),
    ('analyze b.png --json made.png --annotate dangling.png', ['--annotate dangling.png']),
    ('analyze b.png --json out/b_annotated.png --annotate out/', ['--annotate out/b_annotated']),
    ('analyze photos --annotate photos', ['--annotate photos/c_annotated.png', 'folder photos']),
    ('analyze photos --annotate album/', ['--annotate album/c_annotated.png', 'folder photos']),
    ('analyze . --annotate new.png', ['new.png']),
    ('explain a.png --out a.png', ['--out a.png', 'input a.png']),
    ('explain a.png --out hard.png', ['--out hard.png', 'input a.png']),
    ('explain photos --out album/why.png', ['--out album/why.png', 'folder photos']),
    ('explain a.png --emotion-model ./model --out model/card.yaml', ['--out model/card.yaml']),
    ('analyze a.png --gender-model model/ --json o/card.jsonl', ['--json o/card.jsonl']),
    ('analyze a.png --detector ./model --json model/card.yaml', ['--json model/card.yaml']),
    ('analyze a.png --detector ./model --json o/card.jsonl', ['--json o/card.jsonl']),
    ('analyze a.png --detector model/ --json o/network.onnx', ['--json o/network.onnx']),
    ('demo --source o/annotated.mp4 --out o', ['--out o/annotated.mp4', 'the input']),
    ('demo --source clip.mp4 --out o', ['--out o/annotated.mp4', 'input clip.mp4']),
    ('demo --source photos --out album', ['--out album/annotated', 'folder photos']),
])
def test_an_output_is_never_an_input(command: str, names: list[str], folder: Path,
                                     capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('face_affect_msgs', reason='the messages are not built')
    before = contents(folder)
    assert main(command.split()) == 1
    error, = (line for line in capsys.readouterr().err.splitlines()
              if ': ignored, ' not in line)
    assert error.startswith('error: ')
    for name in names:
        assert name in error
    assert contents(folder) == before


@pytest.mark.parametrize(('command', 'error'), [
    ('analyze shut --json x', 'shut: Permission denied; make it readable'),
    ('analyze shut/c.png --json x', 'shut/c.png: Permission denied'),
    ('analyze shut/c.png --out x', 'shut/c.png: Permission denied'),
    ('report shut', 'shut/run.json: cannot be read: Permission denied'),
    ('report shut/x.jsonl', 'shut/x.jsonl/run.json: cannot be read: Permission denied'),
    ('tiers shut --out x', 'shut/run.json: cannot be read: Permission denied'),
    ('tiers x --out shut', '--out shut: Permission denied'),
    ('analyze a.png --json x --detector ./shut',
     "model './shut': there is no card.yaml in shut that this user may read")])
def test_a_folder_without_permission_is_named(command: str, error: str, folder: Path,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    Path('shut').mkdir()
    PORTRAIT.save('shut/c.png')
    with forbidden(folder / 'shut', 0o000):
        assert main(command.split()) == 1
    assert f'error: {error}' in capsys.readouterr().err


def test_outputs_to_devices_are_allowed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for out in ('/dev/stdout', '/dev/null', '-'):
        assert main(['analyze', 'a.png', '--json', out]) == 0, capsys.readouterr().err


@pytest.mark.parametrize(('command', 'remedy'), [
    ('analyze a.png --out b.MP4', 'for an annotated copy use --annotate, for JSON lines --json'),
    ('analyze a.png --out faces.csv', 'for an annotated copy use --annotate, for JSON lines'),
    ('demo --out clip.gif', 'choose another name'),
    ('tiers . --out tiers.eaf', 'choose another name')])
def test_a_folder_of_results_does_not_get_the_name_of_a_file(
        command: str, remedy: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip('face_affect_msgs', reason='the messages are not built')
    before = contents(folder)
    assert main(command.split()) == 1
    name = command.split()[-1]
    assert (f'error: --out {name}: is the name of a file, and --out writes a folder; {remedy}'
            in capsys.readouterr().err)
    assert contents(folder) == before


def test_a_folder_of_results_may_have_a_suffix(folder: Path) -> None:
    Path('b.mp4').mkdir()
    for out in ('a.csv/', 'b.mp4'):
        assert main(['analyze', 'a.png', '--out', out]) == 0
        assert Path(out, 'run.json').is_file()


def test_lines_are_overwritten_by_lines(folder: Path) -> None:
    Path('empty.jsonl').touch()
    for out in ('empty.jsonl', 'faces.jsonl', 'faces.jsonl', 'photos/faces.jsonl',
                'photos/faces.jsonl'):
        assert main(['analyze', 'photos', '--json', out]) == 0
        records = [json.loads(line) for line in Path(out).read_text().splitlines()]
        assert [record['source'] for record in records] == ['photos/c.png']


def test_earlier_copies_in_a_folder_are_replaced(folder: Path) -> None:
    for _ in range(2):
        assert main(['analyze', 'a.png', 'photos', '--annotate', 'out', '--json', 'x']) == 0
        assert sorted(os.listdir('out')) == ['a_annotated.png', 'c_annotated.png']
