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

"""Bags as sources: formats, topics, stamps of the headers, and the calibration."""

import json
from pathlib import Path
import subprocess
import sys
from typing import Any

import bag_files
from bag_files import camera_info, compressed, Message, START
import cv2
from face_affect_ros.affect.types import AffectError
from face_affect_ros.archive.reading import parts_of
from face_affect_ros.archive.results import Results
from face_affect_ros.archive.sources import find_sources
from face_affect_ros.archive.tiers import annotations_of
from face_affect_ros.cli import main
from face_affect_ros.media.portrait import portrait_path
from face_affect_ros.recordings import BagMedia, open_recording
import numpy as np
import pytest
from support import SOURCE

#: One face, (256, 256, 3).
PORTRAIT = cv2.resize(cv2.imread(str(portrait_path())), (256, 256), interpolation=cv2.INTER_AREA)


def image(topic: str = '/image', **options: Any) -> Message:
    """Return an image message of one face, as of bag_files."""
    return bag_files.image(topic, **{'pixels': PORTRAIT, **options})


def table(*arguments: str, code: int = 0) -> list[dict]:
    """Analyse into the folder `out`; return the rows of all sources in the order of their keys."""
    assert main(['analyze', *arguments, '--out', 'out']) == code
    results = Results('out')
    return [row for key in results.summaries() for row in results.rows(key)]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(('storage', 'compression'), [
    ('mcap', ''), ('sqlite3', ''), ('mcap', 'file'), ('sqlite3', 'message'), ('mcap', 'storage')])
def test_every_form_of_a_bag_gives_the_same_frames(storage: str, compression: str) -> None:
    bag = bag_files.write(Path('bag'), [image(stamp=START + 7, when=START + 99),
                                        image(stamp=START + 10**9)],
                          storage=storage, compression=compression)
    for name in (str(bag), str(bag_files.storage_file(bag))):
        with open_recording(name) as media:
            frames = list(media)
        assert [frame.nanoseconds for frame in frames] == [START + 7, START + 10**9]
        assert [frame.index for frame in frames] == [0, 1]
        assert {frame.frame_id for frame in frames} == {'camera'}
        assert frames[0].camera is None
        np.testing.assert_array_equal(frames[1].image, PORTRAIT)
        assert (media.topic, media.frame_count, media.width) == ('/image', 2, 256)
        assert media.rate == pytest.approx(1.0, rel=1e-6)


def test_the_faces_of_several_topics_with_stamps_and_positions(
        capsys: pytest.CaptureFixture[str]) -> None:
    bag_files.write(Path('bag'), [
        camera_info('/left/camera_info', size=(256, 256)),
        image('/left/image', stamp=START), compressed('/right/image/compressed', stamp=START + 1),
        image('/infra', stamp=START + 2, encoding='mono8', pixels=PORTRAIT[:, :, 1]),
        image('/left/image', stamp=START + 10**8)])
    rows = table('bag', '--topic', '/left/image', '--topic', '/right/image/compressed',
                 '--topic', '/infra', '--topic', '/nowhere', code=1)
    assert "no image topic '/nowhere'; its image topics: /infra, /left/image" in (
        capsys.readouterr().err)
    by_topic = {topic: [row for row in rows if row['topic'] == topic]
                for topic in ('/left/image', '/right/image/compressed', '/infra')}
    assert sum(map(len, by_topic.values())) == len(rows) == 4
    assert [row['stamp_ns'] for row in by_topic['/left/image']] == [START, START + 10**8]
    assert [row['stamp_ns'] for row in by_topic['/infra']] == [START + 2]
    first = by_topic['/left/image'][0]
    assert (first['source'], first['frame_id'], first['id']) == ('bag', 'camera', 'f0001')
    assert {row['emotion'] for row in rows} == {'happy'}
    # Eyes 63.4 mm apart, a focal length of 500 pixels, a face turned to the camera.
    apart = np.hypot(first['left_eye_x'] - first['right_eye_x'],
                     first['left_eye_y'] - first['right_eye_y'])
    assert first['position_z'] == pytest.approx(0.0634 * 500 / apart, rel=0.15)
    assert first['position_z'] > 5 * first['position_z_std'] > 0.0
    # The only camera_info of a bag is used for all of its topics.
    assert by_topic['/infra'][0]['position_z'] == pytest.approx(first['position_z'], rel=0.05)


def test_stamps_that_go_back_have_the_time_from_the_earliest_to_the_latest() -> None:
    """As of a clock that was set back by 50 s while the bag was recorded."""
    stamps = [START, START + 10**8, START - 50 * 10**9]
    bag_files.write(Path('bag'), [image(stamp=stamp, when=START + number)
                                  for number, stamp in enumerate(stamps)])
    rows = table('bag')
    assert [row['stamp_ns'] for row in rows] == stamps
    Path('a.jsonl').write_text('\n'.join(_lines('bag')))
    for name in ('out', 'a.jsonl'):
        part, = parts_of(name)[0]
        assert part.summary.first == START * 1e-9 - 50.0
        assert part.summary.last == pytest.approx(START * 1e-9 + 0.1)
        assert [each[:2] for each in annotations_of(part) if each.tier.endswith('present')] == [
            ('f0001 present', 50_000), ('f0002 present', 0)]


def test_p_is_used_for_rectified_images() -> None:
    bag_files.write(Path('bag'), [camera_info(focal=500.0, size=(256, 256)), image()])
    with open_recording('bag') as plain, open_recording('bag', rectified=True) as rectified:
        for media, focal in ((plain, 500.0), (rectified, 1000.0)):
            frame, = media
            assert frame.camera is not None and frame.camera.matrix[0, 0] == focal
    rows = table('bag', '--rectified')
    plain_rows = [json.loads(line) for line in _lines('bag')]
    near = plain_rows[0]['faces'][0]['position'][2]
    assert rows[0]['position_z'] == pytest.approx(2 * near, rel=0.05)


def test_a_calibration_that_cannot_be_used_is_reported_once(
        caplog: pytest.LogCaptureFixture) -> None:
    bag_files.write(Path('bag'), [camera_info(size=(160, 90)), image(),
                                  image(stamp=START + 100_000_000)])
    with open_recording('bag') as media:
        assert len(list(media)) == 2
    text = '/camera_info: cannot be used, faces have no position: it is for images of 160x90'
    assert caplog.text.count(text) == 1


@pytest.mark.parametrize(('name', 'rectified', 'count'), [
    ('/c/image_rect', False, 1), ('/c/image_rect', True, 0), ('/c/image_raw', False, 0)])
def test_distortion_is_not_expected_of_rectified_images(
        name: str, rectified: bool, count: int, caplog: pytest.LogCaptureFixture) -> None:
    bag_files.write(Path('bag'), [
        camera_info('/c/camera_info', size=(256, 256), distortion=(-0.3, 0.1, 0.0, 0.0, 0.0)),
        image(name), image(name, stamp=START + 100_000_000)])
    with open_recording('bag', rectified=rectified) as media:
        assert len(list(media)) == 2
    assert caplog.text.count(f'/c/camera_info: its distortion is applied to the images of {name}, '
                             'which is the name of rectified images: use --rectified') == count


def _lines(*arguments: str) -> list[str]:
    assert main(['analyze', *arguments, '--json', 'lines.jsonl']) == 0
    return Path('lines.jsonl').read_text().splitlines()


def test_the_newest_calibration_is_used_also_shortly_after_the_image() -> None:
    bag_files.write(Path('bag'), [
        image(stamp=START), camera_info(when=START + 50_000_000, focal=100.0),
        image(stamp=START + 10**9), camera_info(when=START + 2 * 10**9, focal=200.0),
        Message('/camera_info', bag_files.INFO, b'\0\1\0\0', START + 2 * 10**9 + 1),
        image(stamp=START + 3 * 10**9)])
    with open_recording('bag') as media:
        cameras = [frame.camera for frame in media]
    assert [camera and camera.matrix[0, 0] for camera in cameras] == [100.0, 100.0, 200.0]


def test_unreadable_images_are_skipped_and_counted(caplog: pytest.LogCaptureFixture,
                                                   capsys: pytest.CaptureFixture[str]) -> None:
    bag_files.write(Path('bag'), [
        Message('/image', bag_files.IMAGE, image().data[:200]),
        image(stamp=START + 1), image(stamp=START + 2, encoding='16UC3'),
        image(stamp=0, when=START + 3)])
    rows = table('bag')
    assert [(row['frame'], row['stamp_ns']) for row in rows] == [(1, START + 1), (3, START + 3)]
    summary, = Results('out').summaries().values()
    assert (summary.frames, summary.skipped, summary.topic) == (2, 2, '/image')
    assert '2 unreadable images skipped' in capsys.readouterr().err
    assert "image encoding '16UC3' cannot be read" in caplog.text
    caplog.clear()
    for name in ('bag', 'bag/metadata.yaml', str(bag_files.storage_file(Path('bag')))):
        assert main(['analyze', name, '--json', 'lines.jsonl']) == 0
        assert len(Path('lines.jsonl').read_text().splitlines()) == 2
        assert '2 frames are corrupt or missing' in caplog.text
        caplog.clear()
    bag_files.write(Path('none'), [image(encoding='yuv444')])
    with pytest.raises(AffectError, match=r"none: no image of /image can be decoded.*'yuv444'"):
        BagMedia('none')


def test_each_warning_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    bag_files.write(Path('bag'), [
        Message('/image', bag_files.IMAGE, image().data[:200]), image(encoding='a\nb'), image()])
    Path('bag').rename('two\nlines')
    with open_recording('two\nlines') as media:
        assert len(list(media)) == 1 and media.skipped == 2
    assert r'two\nlines: 2 frames are corrupt or missing' in caplog.messages
    assert not any('\n' in message for message in caplog.messages)


def test_a_damaged_bag_is_not_complete(capsys: pytest.CaptureFixture[str]) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (30, 200, 200, 3), np.uint8)
    bag = bag_files.write(Path('bag'), [image(stamp=START + number, pixels=noise[number])
                                        for number in range(30)], compression='storage')
    bag_files.damage(bag)
    assert table('bag', code=1) == []
    assert 'mcap recover' in capsys.readouterr().err
    assert list(Path('out').glob('faces/*')) == []


def test_a_folder_of_bags_clips_and_pictures_in_one_run() -> None:
    for name in ('runs/one', 'runs/two'):
        Path('runs').mkdir(exist_ok=True)
        bag_files.write(Path(name), [image()], storage='sqlite3')
    bag_files.write(Path('three'), [image(), image(stamp=START + 5)])
    bag_files.storage_file(Path('three')).rename('runs/alone.mcap')
    Path('runs/notes.txt').write_text('of the runs')
    Path('runs/._alone.mcap').write_bytes(b'\0\5\x16\7')   # of macOS
    cv2.imwrite('runs/a.png', PORTRAIT)
    assert [source.name for source in find_sources(['runs'])] == [
        'runs/a.png', 'runs/alone.mcap', 'runs/one', 'runs/two']
    rows = table('runs')
    assert sorted((row['source'], row['topic'], row['frame']) for row in rows) == [
        ('runs/a.png', None, 0), ('runs/alone.mcap', '/image', 0),
        ('runs/alone.mcap', '/image', 1), ('runs/one', '/image', 0), ('runs/two', '/image', 0)]
    with pytest.raises(AffectError, match='--topic applies to bags, and no FILE is a bag'):
        find_sources(['runs/a.png'], topics=['/image'])
    with pytest.raises(AffectError, match='fuor: no such file'):   # and not that it is no bag
        source, = find_sources(['runs/fuor'], topics=['/image'])
        open_recording(source.name)


def test_lines_and_copies_of_a_bag(capsys: pytest.CaptureFixture[str]) -> None:
    bag_files.write(Path('bag'), [image(stamp=START + number * 10**8) for number in range(5)])
    assert main(['analyze', 'bag', '--json', 'a.jsonl', '--annotate', 'a.mp4']) == 0
    records = [json.loads(line) for line in Path('a.jsonl').read_text().splitlines()]
    assert [record['stamp_ns'] for record in records] == [
        START + number * 10**8 for number in range(5)]
    assert {(record['topic'], record['frame_id']) for record in records} == {('/image', 'camera')}
    with open_recording('a.mp4') as clip:
        assert [frame.stamp for frame in clip] == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_bags_are_read_without_ros() -> None:
    bag_files.write(Path('bag'), [camera_info(), image(), compressed('/c')])
    code = ('import sys\n'
            'for name in ("rclpy", "sensor_msgs", "std_msgs", "face_affect_msgs"):\n'
            '    sys.modules[name] = None\n'
            'from face_affect_ros.cli import main\n'
            'sys.exit(main(["analyze", "bag", "--topic", "/image", "--topic", "/c"]))')
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True,
                          check=False, env={'PYTHONPATH': ':'.join([str(SOURCE), *sys.path])})
    assert done.returncode == 0, done.stderr
    assert [len(json.loads(line)['faces']) for line in done.stdout.splitlines()] == [1, 1]
