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

"""Written images and clips are read back; errors of writing are one line."""

import av
from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import ImageOrVideoSink, open_media, VideoSink, write_image
from face_affect_ros.media.sinks import VIDEO_SUFFIXES
import numpy as np
from PIL import Image
import pytest


def plain(value, width=64, height=48):
    return np.full((height, width, 3), value, np.uint8)


def test_write_image(tmp_path):
    image = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    path = tmp_path / 'new' / 'folder' / 'a.png'
    write_image(path, image)
    assert np.array_equal(np.asarray(Image.open(path))[:, :, ::-1], image)
    write_image(path, image[:, :, 0])
    assert np.array_equal(np.asarray(Image.open(path)), image[:, :, 0])


@pytest.mark.parametrize('name', ['a', 'a.xyz', 'file/a.png'])
def test_write_image_that_cannot_be_written(tmp_path, name, capfd):
    (tmp_path / 'file').write_text('not a folder')
    with pytest.raises(AffectError, match=name):
        write_image(tmp_path / name, plain(3))
    assert capfd.readouterr().err == ''


def test_a_clip(tmp_path):
    with VideoSink(tmp_path / 'new' / 'a.mp4', 12.0) as sink:
        for value in (40, 120, 200):
            sink.write(plain(value))
        sink.write(plain(90)[:, :, 0])
    sink.close()
    with open_media(str(tmp_path / 'new' / 'a.mp4')) as media:
        assert media.rate == pytest.approx(12.0)
        assert [frame.image.mean() for frame in media] == pytest.approx([40, 120, 200, 90], abs=3)


def test_images_of_other_sizes_are_fitted_in(tmp_path):
    with VideoSink(tmp_path / 'a.mp4') as sink:
        sink.write(plain(0))
        sink.write(plain(200, width=32, height=48))
    with open_media(str(tmp_path / 'a.mp4')) as media:
        _, second = (frame.image for frame in media)
        assert media.rate == pytest.approx(30.0)
    assert second.shape == (48, 64, 3)
    assert second[:, 24:40].mean() == pytest.approx(200, abs=6)
    assert second[:, :12].mean() < 10 and second[:, -12:].mean() < 10


@pytest.mark.parametrize('name', ['a.xyz', 'file/a.mp4'])
def test_a_clip_that_cannot_be_written(tmp_path, name, capfd):
    (tmp_path / 'file').write_text('not a folder')
    with pytest.raises(AffectError, match=name), VideoSink(tmp_path / name, 10.0) as sink:
        sink.write(plain(3))
    assert capfd.readouterr().err == ''


def test_no_image_no_file(tmp_path):
    with VideoSink(tmp_path / 'a.mp4'):
        pass
    assert not (tmp_path / 'a.mp4').exists()


def test_image_or_video(tmp_path):
    with ImageOrVideoSink(tmp_path / 'a.MP4', rate=None) as sink:
        sink.write(plain(3))
        sink.write(plain(4))
    with open_media(str(tmp_path / 'a.MP4')) as media:
        assert media.frame_count == 2
    with ImageOrVideoSink(tmp_path / 'a.png', rate=10.0) as sink:
        sink.write(plain(3))
        with pytest.raises(AffectError, match=r'a\.png: an image file cannot contain.*\.mp4'):
            sink.write(plain(4))
    with open_media(str(tmp_path / 'a.png')) as media:
        frame, = media
        assert np.array_equal(frame.image, plain(3))


@pytest.mark.parametrize('rate', [66.667, 1000 / 14, 29.97, 234.567, 0.5])
def test_a_clip_of_any_rate(rate, tmp_path):
    """For example, that of an animation with frames of 15 ms."""
    with VideoSink(tmp_path / 'a.mp4', rate) as sink:
        for value in range(5):
            sink.write(plain(value * 40))
    with open_media(str(tmp_path / 'a.mp4')) as media:
        assert media.rate == pytest.approx(rate, rel=1e-3)
        assert len(list(media)) == 5


def test_images_keep_their_times(tmp_path):
    """An image that is not later than the last one follows it at the rate of the clip."""
    with VideoSink(tmp_path / 'a.mp4', 10.0) as sink:
        for stamp in (0.0, 0.02, 1.0, 1.0, 0.5, 3.0, None):
            sink.write(plain(50), stamp)
    with open_media(str(tmp_path / 'a.mp4')) as media:
        assert [frame.stamp for frame in media] == pytest.approx(
            [0.0, 0.02, 1.0, 1.1, 1.2, 3.0, 3.1])


@pytest.mark.parametrize('suffix', VIDEO_SUFFIXES)
def test_gaps_of_more_than_an_hour_are_cut(tmp_path, suffix):
    """As of a recording that was paused, or with some stamps of zero."""
    path = tmp_path / f'a{suffix}'
    stamps = (0.0, 3600.0, 8000.0, 8000.5, 0.0, 1.7e9, 1.7e9 + 0.2)
    with VideoSink(path, 10.0) as sink:
        for stamp in stamps:
            sink.write(plain(50), stamp)
    with av.open(str(path)) as container:
        assert [frame.time for frame in container.decode(video=0)] == pytest.approx(
            [0.0, 3600.0, 3600.1, 3600.6, 3600.7, 3600.8, 3601.0], abs=1e-3)


def test_the_last_image_lasts_for_a_period(tmp_path):
    with VideoSink(tmp_path / 'a.mp4', 4.0) as sink:
        sink.write(plain(50), 0.0)
        sink.write(plain(50), 0.1)
    with av.open(str(tmp_path / 'a.mp4')) as container:
        assert container.duration / av.time_base == pytest.approx(0.1 + 0.25, abs=0.01)


def test_images_that_are_too_large_for_a_clip(tmp_path):
    with pytest.raises(AffectError, match=r'a\.mp4: images of 9000x8 pixels cannot be written'), \
            VideoSink(tmp_path / 'a.mp4') as sink:
        sink.write(plain(3, width=9000, height=8))


def test_an_encoder_that_cannot_be_opened_is_not_used_again(tmp_path, monkeypatch):
    """PyAV 19 crashes then."""
    sink = VideoSink(tmp_path / 'a.mp4')
    with pytest.raises(AffectError, match='cannot be written as a video'):
        sink.write(plain(3, width=9000, height=8))
    monkeypatch.setattr(sink, '_mux', None)
    sink.close()
