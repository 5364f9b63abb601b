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

"""Video files and cameras: frames, rates, corrupt frames, clear errors."""

import cv2
from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import open_media, VideoSink
import numpy as np
import pytest

COUNT = 30


@pytest.fixture
def clip(tmp_path):
    """Return the path of a clip of 30 frames at 25 Hz, frame i of grey 8 * i, with texture."""
    texture = np.random.default_rng(0).integers(0, 16, (96, 128, 1), np.uint8)
    with VideoSink(tmp_path / 'clip.mp4', 25.0) as sink:
        for index in range(COUNT):
            sink.write(np.repeat(texture + np.uint8(8 * index), 3, 2))
    return tmp_path / 'clip.mp4'


def test_all_frames_in_order(clip):
    with open_media(str(clip)) as media:
        assert (media.width, media.height, media.frame_count) == (128, 96, COUNT)
        assert media.rate == pytest.approx(25.0) and not media.live
        frames = list(media)
        again = [frame.image for frame in media]
    assert [frame.index for frame in frames] == list(range(COUNT))
    assert [frame.stamp for frame in frames] == pytest.approx([i / 25.0 for i in range(COUNT)])
    levels = [frame.image.mean() for frame in frames]
    assert levels == pytest.approx([8 * i + 7.5 for i in range(COUNT)], abs=3.0)
    assert all(np.array_equal(a.image, b) for a, b in zip(frames, again))
    assert media.skipped == 0


def test_corrupt_frames_in_the_middle_are_left_out_and_counted(clip, caplog):
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle:middle + len(data) // 8] = bytes(len(data) // 8)
    clip.write_bytes(data)
    with open_media(str(clip)) as media:
        frames = list(media)
    assert 0 < media.skipped < COUNT // 2
    assert len(frames) == COUNT - media.skipped
    assert frames[0].index == 0 and frames[-1].index == COUNT - 1
    assert f'{media.skipped} frames are corrupt or missing' in caplog.text


def test_a_clip_that_ends_early_counts_what_is_missing(tmp_path):
    writer = cv2.VideoWriter(str(tmp_path / 'a.avi'), cv2.VideoWriter.fourcc(*'MJPG'), 25.0,
                             (64, 48))
    assert writer.isOpened()
    rng = np.random.default_rng(2)
    for _ in range(COUNT):
        writer.write(rng.integers(0, 256, (48, 64, 3), np.uint8))
    writer.release()
    data = (tmp_path / 'a.avi').read_bytes()
    (tmp_path / 'a.avi').write_bytes(data[:len(data) // 2])
    with open_media(str(tmp_path / 'a.avi')) as media:
        frames = list(media)
    assert 10 <= len(frames) <= 20
    assert len(frames) + media.skipped == COUNT


class Capture:
    """Stands in for cv2.VideoCapture: scripted reads, scripted properties."""

    reads: list = []
    properties: dict = {}

    def __init__(self, *source):
        self.source, self.asked, self.open = source, {}, True

    def isOpened(self):  # noqa: N802 - OpenCV's name
        return self.open

    def read(self):
        return self.reads.pop(0) if self.reads else (False, None)

    def get(self, key):
        return self.properties.get(key, 0.0)

    def set(self, key, value):  # noqa: A003
        self.asked[key] = value
        return True

    def release(self):
        self.open = False


@pytest.fixture
def capture(monkeypatch):
    """Replace cv2.VideoCapture; return the class, whose reads and properties a test sets."""
    class Scripted(Capture):
        reads: list = []
        properties: dict = {}
        made: list = []

        def __init__(self, *source):
            super().__init__(*source)
            self.made.append(self)

    monkeypatch.setattr(cv2, 'VideoCapture', Scripted)
    monkeypatch.setattr('time.sleep', lambda seconds: None)
    return Scripted


IMAGE = np.full((48, 64, 3), 7, np.uint8)


@pytest.mark.parametrize('rate, expected', [(0.0, 30.0), (float('nan'), 30.0), (1e6, 30.0),
                                            (12.5, 12.5)])
def test_a_rate_that_is_not_known_is_30(tmp_path, capture, rate, expected):
    (tmp_path / 'a.mkv').write_bytes(b'something')
    capture.properties = {cv2.CAP_PROP_FPS: rate, cv2.CAP_PROP_FRAME_WIDTH: 64.0,
                          cv2.CAP_PROP_FRAME_HEIGHT: 48.0, cv2.CAP_PROP_FRAME_COUNT: -1.0}
    with open_media(str(tmp_path / 'a.mkv')) as media:
        assert media.rate == expected and media.frame_count is None
        capture.reads = [(True, IMAGE)] * 5
        assert len(list(media)) == 5


@pytest.mark.parametrize('count', [-1.0, 4.0, 7.0, 100.0])
def test_corrupt_frames_are_counted_however_many_the_file_promises(tmp_path, capture, count):
    """Files tell the number of their frames, tell a wrong one, or none."""
    (tmp_path / 'a.mkv').write_bytes(b'something')
    capture.properties = {cv2.CAP_PROP_FPS: 10.0, cv2.CAP_PROP_FRAME_WIDTH: 64.0,
                          cv2.CAP_PROP_FRAME_HEIGHT: 48.0, cv2.CAP_PROP_FRAME_COUNT: count}
    good, bad = (True, IMAGE), (False, None)
    with open_media(str(tmp_path / 'a.mkv')) as media:
        capture.reads = [good, good, bad, bad, good, good, good]
        frames = list(media)
        assert [frame.index for frame in frames] == [0, 1, 4, 5, 6]
        assert [frame.stamp for frame in frames] == pytest.approx([0.0, 0.1, 0.4, 0.5, 0.6])
        assert media.skipped == (95 if count == 100.0 else 2)


@pytest.mark.parametrize('source, device', [('0', 0), ('12', 12), ('/dev/video3', '/dev/video3')])
def test_a_camera_is_opened_and_asked_for_rate_and_size(capture, source, device):
    capture.reads = [(True, IMAGE)]
    with open_media(source, rate=15.0, size=(320, 240)) as media:
        assert media.live and media.frame_count is None and media.rate is None
        assert (media.width, media.height) == (64, 48)
        camera = capture.made[-1]
        assert camera.source[0] == device
        assert camera.asked[cv2.CAP_PROP_FPS] == 15.0
        assert camera.asked[cv2.CAP_PROP_FRAME_WIDTH] == 320
    assert not camera.open


def test_a_camera_survives_single_failures_and_reports_its_end(capture):
    bad = (False, None)
    capture.reads = [(True, IMAGE)] * 2 + [bad] * 3 + [(True, IMAGE)]
    media = open_media('0')
    frames = []
    with pytest.raises(AffectError, match='camera 0: gives no more images'):
        for frame in media:
            frames.append(frame)
    assert [frame.index for frame in frames] == [0, 1]
    assert all(a.stamp <= b.stamp for a, b in zip(frames, frames[1:]))


def test_a_camera_without_images_is_refused(capture):
    with pytest.raises(AffectError, match=r'camera /dev/video9: cannot be opened.*ls /dev/video'):
        open_media('/dev/video9')
    assert not capture.made[-1].open
