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

"""Video files and cameras: frames, rates, corrupt frames, errors."""

import errno
import fractions
import io
import os
import struct
import sys
import tempfile
from types import SimpleNamespace

import av
import cv2
from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import ffmpeg, open_media, quicktime, video, VideoSink
from face_affect_ros.media.video_stream import VideoStream
import numpy as np
from PIL import Image, ImageOps
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


def write_clip(path, stamps, *, rate=None, codec=None, container=None, options=None):
    """Write a clip of frames with texture at these times in seconds."""
    texture = np.random.default_rng(1).integers(0, 60, (48, 64, 3), np.uint8)
    if codec is None:
        with VideoSink(path, rate) as sink:
            for index, stamp in enumerate(stamps):
                sink.write(texture + np.uint8(index % 100), stamp)
        return
    rate = fractions.Fraction(rate).limit_denominator()
    with av.open(str(path), 'w', format=container) as output:
        stream = output.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for index, _ in enumerate(stamps):
            frame = av.VideoFrame.from_ndarray(texture + np.uint8(index % 100), format='bgr24')
            frame.pts, frame.time_base = index, 1 / rate
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


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


def test_a_frame_that_is_cut_off_takes_no_others_with_it(tmp_path):
    """PyAV would lose the frames that its threads are decoding."""
    path = tmp_path / 'a.flv'
    write_clip(path, range(60), codec='libx264', container='flv', rate=25)
    with av.open(str(path)) as whole:
        end = [packet.pos for packet in whole.demux(video=0)][41] - 8   # in the one before
    path.write_bytes(path.read_bytes()[:end])
    with open_media(str(path)) as media:
        assert len(list(media)) == 40 and media.skipped == 1


def test_missing_frames_at_the_end_of_a_clip_are_counted(tmp_path):
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
    """Replacement of cv2.VideoCapture with given images and properties."""

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


@pytest.mark.parametrize('suffix', ['.mp4', '.m4v', '.mov', '.mkv'])
def test_frames_have_their_own_times(tmp_path, suffix):
    """And not those of the rate: a screen recording has frames at changes only."""
    stamps = [0.0, 0.04, 0.08, 1.5, 1.54, 4.0]
    write_clip(tmp_path / f'a{suffix}', stamps)
    with open_media(str(tmp_path / f'a{suffix}')) as media:
        frames = list(media)
    assert [frame.stamp for frame in frames] == pytest.approx(stamps, abs=0.001)
    assert media.rate == pytest.approx(6 / 4.0333, rel=0.3)
    assert media.skipped == 0


@pytest.mark.parametrize('count', [20, 120])
def test_a_matroska_file_whose_times_start_late_lacks_nothing(tmp_path, count, caplog):
    """As of recordings that start with sound. The duration in the file includes the start."""
    write_clip(tmp_path / 'a.mkv', [7.3 + index / 10.0 for index in range(count)], rate=10.0)
    with open_media(str(tmp_path / 'a.mkv')) as media:
        assert media.frame_count == count
        stamps = [frame.stamp for frame in media]
    assert stamps == pytest.approx([index / 10.0 for index in range(count)])
    assert media.skipped == 0 and not caplog.text
    data = (tmp_path / 'a.mkv').read_bytes()
    (tmp_path / 'a.mkv').write_bytes(data[:len(data) // 2])
    with open_media(str(tmp_path / 'a.mkv')) as media:
        assert len(list(media)) + media.skipped == count
        assert media.skipped > count // 4


def test_a_duration_without_the_start_lacks_nothing(tmp_path):
    """As mkvmerge writes it."""
    write_clip(tmp_path / 'a.mkv', [7.3 + index / 10.0 for index in range(20)], rate=10.0)
    data = bytearray((tmp_path / 'a.mkv').read_bytes())
    place = data.index(b'\x44\x89\x88') + 3   # Duration, a float of 8 bytes in milliseconds
    assert struct.unpack_from('>d', data, place)[0] == pytest.approx(9300.0, abs=1.0)
    struct.pack_into('>d', data, place, 2000.0)
    (tmp_path / 'a.mkv').write_bytes(data)
    with open_media(str(tmp_path / 'a.mkv')) as media:
        assert len(list(media)) == media.frame_count == 20
        assert media.skipped == 0


def test_h264_frames_many_seconds_apart(tmp_path):
    """FFmpeg finds the start of such a Matroska file only after several packets."""
    stamps = [10.0 * index for index in range(6)]
    write_clip(tmp_path / 'a.mkv', stamps, rate=0.1, codec='libx264',
               options={'bf': '2', 'b_strategy': '0'})
    with open_media(str(tmp_path / 'a.mkv')) as media:
        assert media.frame_count == 6
        assert [frame.stamp for frame in media] == stamps
        assert media.skipped == 0


def test_frames_many_seconds_apart(tmp_path):
    write_clip(tmp_path / 'a.mp4', [20.0 * index for index in range(60)], rate=0.05)
    with open_media(str(tmp_path / 'a.mp4')) as media:
        assert media.rate == pytest.approx(0.05) and media.frame_count == 60
        assert [frame.stamp for frame in media] == [20.0 * index for index in range(60)]
        assert media.skipped == 0


def test_a_start_that_ffmpeg_does_not_find_is_zero(clip):
    """As of H.264 in Matroska with its first frames many seconds apart."""
    with ffmpeg.reading(clip) as container:
        stream = container.streams.video[0]
        late = SimpleNamespace(
            codec_context=stream.codec_context, start_time=None, time_base=stream.time_base)
        streams = SimpleNamespace(video=[late], audio=[])
        for name, start in (('matroska,webm', 0.0), ('h264', None)):
            lost = SimpleNamespace(format=SimpleNamespace(name=name), streams=streams)
            assert VideoStream(lost, clip).start == start
        # samples before 0 prepare the decoder of the sound
        streams.audio.append(SimpleNamespace(start_time=-1024,
                                             time_base=fractions.Fraction(1, 48_000)))
        matroska = SimpleNamespace(format=SimpleNamespace(name='matroska,webm'), streams=streams)
        assert VideoStream(matroska, clip).begin == 0.0


def test_a_further_stream_that_begins_later(clip):
    """As in a transport stream with sound from its middle: PyAV may fail after the last packet."""
    with ffmpeg.reading(clip) as container:
        def demux(stream):
            yield from container.demux(stream)
            raise IndexError

        later = SimpleNamespace(format=container.format, streams=container.streams, demux=demux)
        assert len(list(VideoStream(later, clip).decoded())) == COUNT


def test_avi_slots_without_a_frame(tmp_path):
    write_clip(tmp_path / 'a.avi', [0.0, 0.1, 0.5, 0.6], rate=10.0)
    with open_media(str(tmp_path / 'a.avi')) as media:
        assert [frame.stamp for frame in media] == pytest.approx([0.0, 0.1, 0.5, 0.6])
        assert media.skipped == 0


@pytest.mark.parametrize('codec', ['mpeg4', 'libx264'])
def test_reordered_frames_of_an_avi(tmp_path, codec):
    """AVI has no times for them: they follow each other at its rate."""
    stamps = [index / 10.0 for index in range(30)]
    write_clip(tmp_path / 'a.avi', stamps, rate=10, codec=codec, options={'bf': '2'})
    with open_media(str(tmp_path / 'a.avi')) as media:
        assert [frame.stamp for frame in media] == pytest.approx(stamps)


def test_a_damaged_first_frame_of_an_avi_keeps_its_time(tmp_path):
    write_clip(tmp_path / 'a.avi', [index / 10.0 for index in range(10)], rate=10, codec='mpeg4')
    data = bytearray((tmp_path / 'a.avi').read_bytes())
    first = data.index(b'00dc', data.index(b'movi'))
    begin = first + 8
    size = int.from_bytes(data[first + 4:begin], 'little')
    data[begin:begin + size] = bytes(size)
    (tmp_path / 'a.avi').write_bytes(data)
    with open_media(str(tmp_path / 'a.avi')) as media:
        assert [(frame.index, frame.stamp) for frame in media] == [
            (index, pytest.approx(index / 10.0)) for index in range(1, 10)]
        assert media.skipped == 1


def test_a_file_without_a_rate(tmp_path):
    """As recorded by browsers: only the frames have times."""
    stamps = [i * 0.033 for i in range(90)]
    write_clip(tmp_path / 'a.mkv', stamps)
    data = (tmp_path / 'a.mkv').read_bytes()
    start = data.index(b'\x23\xe3\x83')   # DefaultDuration of Matroska becomes a Void
    end = start + 4 + (data[start + 3] & 0x7f)
    void = b'\xec' + bytes([0x80 | (end - start - 2)]) + bytes(end - start - 2)
    (tmp_path / 'a.mkv').write_bytes(data[:start] + void + data[end:])
    with open_media(str(tmp_path / 'a.mkv')) as media:
        frames = list(media)
        assert media.rate == pytest.approx(1 / 0.033, rel=0.01)
    assert len(frames) == 90 and media.skipped == 0
    assert frames[-1].stamp == pytest.approx(stamps[-1], abs=0.001)


def test_frames_cut_by_an_edit_list_are_not_missing(clip, caplog):
    """As trimmed by phones: the file contains all frames, and a part of them is shown."""
    trimmed = clip.with_name('trimmed.mp4')
    with av.open(str(clip)) as source, av.open(
            str(trimmed), 'w', options={'use_editlist': '1', 'avoid_negative_ts': 'disabled',
                                        'movflags': 'negative_cts_offsets'}) as target:
        stream = source.streams.video[0]
        copy = target.add_stream('mpeg4', rate=25)
        copy.width, copy.height, copy.pix_fmt = stream.width, stream.height, 'yuv420p'
        for packet in source.demux(stream):
            if packet.size:
                packet.pts -= round(0.8 / packet.time_base)
                packet.dts -= round(0.8 / packet.time_base)
                packet.stream = copy
                target.mux(packet)
    with open_media(str(trimmed)) as media:
        frames = list(media)
        assert media.frame_count == 10
    assert [frame.stamp for frame in frames] == pytest.approx([i / 25.0 for i in range(10)])
    assert frames[0].image.mean() == pytest.approx(8 * 20 + 7.5, abs=3.0)
    assert media.skipped == 0 and 'missing' not in caplog.text


def test_frames_after_the_end_of_an_edit_list_are_not_counted(clip):
    """As trimmed at the end by phones, without rewriting the frames."""
    data = bytearray(clip.read_bytes())
    place = data.index(b'elst') + 12
    assert data[place:place + 4] == struct.pack('>I', 1200)   # ms
    data[place:place + 4] = struct.pack('>I', 400)
    clip.write_bytes(data)
    with open_media(str(clip)) as media:
        assert len(list(media)) == media.frame_count == 10


def sound(seconds, picture=None):
    """Return an MP3 of silence, with cover art."""
    frames = (b'\xff\xfb\x90\x00' + bytes(413)) * round(seconds * 44100 / 1152)
    if picture is None:
        return frames
    cover = b'\0image/png\0\x03\0' + picture
    tag = b'APIC' + len(cover).to_bytes(4, 'big') + b'\0\0' + cover
    size = bytes(len(tag) >> shift & 0x7f for shift in (21, 14, 7, 0))
    return b'ID3\x03\0\0' + size + tag + frames


@pytest.mark.parametrize('name', ['a.mp3', 'a.m4a'])
def test_cover_art_is_a_single_image(tmp_path, name, caplog):
    image = np.full((48, 64, 3), (10, 200, 90), np.uint8)
    (tmp_path / 'a.mp3').write_bytes(sound(4.0, cv2.imencode('.png', image)[1].tobytes()))
    if name == 'a.m4a':   # its duration is that of the sound
        pytest.importorskip('av', minversion='14.0')
        with av.open(str(tmp_path / 'a.mp3')) as source, av.open(
                str(tmp_path / name), 'w', format='mp4') as output:
            copies = {each.index: output.add_stream_from_template(each) for each in source.streams}
            copies[source.streams.video[0].index].disposition = av.stream.Disposition.attached_pic
            for packet in source.demux():
                if packet.size:
                    packet.stream = copies[packet.stream.index]
                    output.mux(packet)
    with open_media(str(tmp_path / name)) as media:
        frame, = media
        assert (media.frame_count, media.rate) == (1, None)
    assert np.array_equal(frame.image, image)
    assert media.skipped == 0 and 'missing' not in caplog.text


def test_the_sound_may_begin_before_the_images(tmp_path):
    """As of a camera whose stream is saved before its first key frame; players begin with it."""
    with av.open(str(tmp_path / 'a.mkv'), 'w') as output:
        sound = output.add_stream('pcm_s16le', rate=8000)
        stream = output.add_stream('mpeg4', rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        heard = av.AudioFrame.from_ndarray(np.zeros((1, 40_000), np.int16), 's16', 'mono')
        heard.rate, heard.pts = 8000, 0
        output.mux(sound.encode(heard))
        for index in range(20):
            frame = av.VideoFrame(64, 48, 'yuv420p')
            frame.pts, frame.time_base = 15 + index, fractions.Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with open_media(str(tmp_path / 'a.mkv')) as media:
        stamps = [frame.stamp for frame in media]
    assert stamps == pytest.approx([1.5 + 0.1 * index for index in range(20)])
    assert media.skipped == 0


def test_the_frames_of_all_fragments_are_counted(tmp_path):
    """Some recorders write fragments: the header has the frames of the first one."""
    with av.open(str(tmp_path / 'a.mp4'), 'w', options={'movflags': 'frag_keyframe'}) as output:
        stream = output.add_stream('mpeg4', rate=10, options={'g': '12'})
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        for index in range(90):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), index, np.uint8))
            frame.pts, frame.time_base = index, fractions.Fraction(1, 10)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    with open_media(str(tmp_path / 'a.mp4')) as media:
        assert media.frame_count == len(list(media)) == 90


def test_a_clip_of_one_frame_is_a_clip(tmp_path):
    write_clip(tmp_path / 'a.mp4', [0.0], rate=12.0)
    with open_media(str(tmp_path / 'a.mp4')) as media:
        assert len(list(media)) == media.frame_count == 1
        assert media.rate == pytest.approx(12.0)


@pytest.mark.parametrize('codecs, size, other', [
    (('mjpeg', 'mpeg4', 'mpeg4'), '16x16', 2), (('mjpeg', 'rawvideo'), '8x16', 1)])
def test_further_video_streams_are_named(tmp_path, caplog, codecs, size, other):
    """
    Such as those of a camera with two lenses, where a stream of JPEG images is a preview.

    JPEG images beside raw depth, as of Azure Kinect, are none.
    """
    pixels = {'mjpeg': 'yuvj420p', 'mpeg4': 'yuv420p', 'rawvideo': 'bgr24'}
    with av.open(str(tmp_path / 'a.mkv'), 'w', options={'allow_raw_vfw': '1'}) as output:
        for number, codec in enumerate(codecs):
            stream = output.add_stream(codec, rate=10)
            stream.width, stream.height, stream.pix_fmt = 8 << number, 16, pixels[codec]
        for stream in output.streams.video:
            frame = av.VideoFrame.from_ndarray(np.zeros((16, stream.width, 3), np.uint8),
                                               format='bgr24')
            frame.pts, frame.time_base = 0, fractions.Fraction(1, 10)
            output.mux([*stream.encode(frame), *stream.encode(None)])
    with open_media(str(tmp_path / 'a.mkv')) as media:
        assert f'{media.width}x{media.height}' == size and len(list(media)) == 1
    warning, = caplog.messages
    assert f'a.mkv: has 2 video streams, and only the first one, {size}, is read' in warning
    assert f'-map 0:{other}' in warning


def test_sound_alone_is_refused(tmp_path):
    (tmp_path / 'a.mp3').write_bytes(sound(1.0))
    with pytest.raises(AffectError, match='a.mp3: neither an image nor a video.*only audio'):
        open_media(str(tmp_path / 'a.mp3'))


@pytest.mark.parametrize('codec, container, rate', [
    ('mpeg1video', 'mpeg1video', 25), ('libx264', 'h264', 30)])
def test_an_elementary_stream_is_read(tmp_path, codec, container, rate):
    """It has no times: its frames follow each other at the rate in their headers."""
    path = tmp_path / 'a.stream'
    write_clip(path, range(60), codec=codec, container=container, rate=rate)
    with open_media(str(path)) as media:
        frames = list(media)
        assert media.rate == rate and media.skipped == 0
    assert [frame.stamp for frame in frames] == pytest.approx([i / rate for i in range(60)],
                                                              abs=1e-6)


def test_a_time_for_several_frames(tmp_path):
    """A program stream of small frames has a time for each of its packets of 2 kB."""
    path = tmp_path / 'a.mpg'
    write_clip(path, range(60), codec='libx264', container='mpeg', rate=25,
               options={'crf': '51', 'bf': '0'})
    with open_media(str(path)) as media:
        assert media.rate == 25.0
        stamps = [frame.stamp for frame in media]
    assert stamps == pytest.approx([i / 25.0 for i in range(60)], abs=0.003)


def test_an_avi_from_a_pipe(tmp_path):
    """FFmpeg does not know its number of frames when it writes the header."""
    write_clip(tmp_path / 'a.avi', range(60), codec='mpeg4', rate=25)
    data = bytearray((tmp_path / 'a.avi').read_bytes())
    place = data.index(b'strh') + 40
    assert data[place:place + 4] == struct.pack('<I', 60)
    data[place:place + 4] = struct.pack('<I', 1 << 30)
    (tmp_path / 'a.avi').write_bytes(data)
    with open_media(str(tmp_path / 'a.avi')) as media:
        assert media.frame_count is None
        assert len(list(media)) == 60 and media.skipped == 0


def test_the_log_of_ffmpeg_does_not_call_python(capfd):
    """A thread of a decoder would wait for the GIL, whose owner may wait for the thread."""
    ffmpeg.pyav()
    before = av.logging.get_last_error()
    av.logging.log(av.logging.ERROR, 'h264', 'corrupt')
    assert av.logging.get_last_error() == before
    assert capfd.readouterr() == ('', '')


def test_a_clip_without_a_whole_frame_is_truncated(tmp_path):
    path = tmp_path / 'a.m1v'
    write_clip(path, range(60), codec='mpeg1video', container='mpeg1video', rate=25)
    data = path.read_bytes()
    path.write_bytes(data[:data.index(b'\0\0\1\1') + 10])   # in the first slice
    with pytest.raises(AffectError, match='codec mpeg1video: it is truncated'):
        open_media(str(path))


def test_a_codec_without_a_decoder_is_named(clip):
    """AVS3, for which FFmpeg has no decoder of its own."""
    clip.write_bytes(clip.read_bytes().replace(b'mp4v', b'avs3').replace(b'esds', b'free'))
    with pytest.raises(AffectError) as caught:
        open_media(str(clip))
    assert 'codec avs3' in str(caught.value) and 'convert it: ffmpeg' in str(caught.value)
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('orientation, matrix', [
    (1, (1, 0, 0, 1)), (2, (-1, 0, 0, 1)), (3, (-1, 0, 0, -1)), (4, (1, 0, 0, -1)),
    (5, (0, 1, 1, 0)), (6, (0, 1, -1, 0)), (7, (0, -1, -1, 0)), (8, (0, -1, 1, 0))])
@pytest.mark.parametrize('told', [True, False])
def test_the_display_matrix_is_applied(clip, monkeypatch, orientation, matrix, told):
    """As rotated and mirrored by phones. told: whether FFmpeg reports the matrix."""
    corners = np.zeros((96, 128, 3), np.uint8)
    corners[:48, :64] = (0, 0, 255)
    corners[:48, 64:] = (0, 255, 0)
    corners[48:, :64] = (255, 0, 0)
    with VideoSink(clip, 25.0) as sink:
        sink.write(corners)
        sink.write(corners)
    a, b, c, d = (value << 16 for value in matrix)
    stored = struct.pack('>9i', 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    data = clip.read_bytes()
    place = data.index(stored, data.index(b'tkhd'))
    clip.write_bytes(data[:place] + struct.pack('>9i', a, b, 0, c, d, 0, 0, 0, 1 << 30)
                     + data[place + 36:])
    if not told:
        monkeypatch.setattr(video, '_orientation', lambda frame: None)
    with open_media(str(clip)) as media:
        frame, _ = media
        assert frame.image.shape == (media.height, media.width, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(corners[:, :, ::-1])
    picture.info['exif'] = exif.tobytes()
    expected = np.asarray(ImageOps.exif_transpose(picture))[:, :, ::-1]
    assert frame.image.shape == expected.shape
    difference = np.abs(frame.image.astype(int) - expected).max(2)
    assert np.mean(difference > 40) < 0.05


def test_an_orientation_with_the_first_frame_only(clip, monkeypatch):
    """As in H.264 with an SEI message (ITU-T H.264, D.2.27)."""
    found = iter([6])
    monkeypatch.setattr(video, '_orientation', lambda frame: next(found, None))
    with open_media(str(clip)) as media:
        found = iter([6])
        assert {frame.image.shape for frame in media} == {(128, 96, 3)}


@pytest.mark.parametrize('matrix, orientation', [
    (None, None), ((0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30), 6)])
def test_side_data_as_a_mapping_of_types(matrix, orientation):
    """As of PyAV 19: iterating over it yields types and not data."""
    data = {'SEI_UNREGISTERED': b'x264'}
    if matrix is not None:
        data['DISPLAYMATRIX'] = struct.pack('9i', *matrix)
    assert video._orientation(SimpleNamespace(side_data=data)) == orientation


@pytest.mark.parametrize('rotation, orientation', [(0, None), (-90, 6), (90, 8), (180, 3)])
def test_side_data_of_a_type_that_pyav_does_not_know(rotation, orientation):
    class Frame:
        @property
        def side_data(self):
            raise ValueError('31 is not a valid Type')

    frame = Frame()
    frame.rotation = rotation
    assert video._orientation(frame) == orientation


def test_a_stream_of_images_with_exif(tmp_path):
    exif = Image.Exif()
    with (tmp_path / 'a.mjpeg').open('wb') as file:
        for value in range(10):
            exif[0x0112] = 6 if value < 4 else 1
            Image.new('L', (64, 48), 20 * value).save(file, 'JPEG', exif=exif.tobytes())
    with open_media(str(tmp_path / 'a.mjpeg')) as media:
        frames = list(media)
    assert [round(frame.image.mean() / 20) for frame in frames] == list(range(10))
    assert [frame.image.shape[:2] for frame in frames] == [(64, 48)] * 4 + [(48, 64)] * 6


@pytest.mark.parametrize('suffix', ['mp4', 'mkv', 'avi'])
@pytest.mark.parametrize('ratio, width', [
    ('4/3', 85), ('8/9', 57), ('1215/1216', 64), ('100', 64)])
def test_pixels_become_square(tmp_path, suffix, ratio, width):
    """As of HDV and DV; ratios of rounded sizes and impossible ones are ignored."""
    half = np.zeros((48, 64, 3), np.uint8)
    half[:, 32:] = 255
    with av.open(str(tmp_path / f'a.{suffix}'), 'w') as output:
        stream = output.add_stream('mpeg4', rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        stream.codec_context.sample_aspect_ratio = fractions.Fraction(ratio)
        output.mux(stream.encode(av.VideoFrame.from_ndarray(half, format='bgr24')))
        output.mux(stream.encode(None))
    with open_media(str(tmp_path / f'a.{suffix}')) as media:
        frame, = media
        assert frame.image.shape == (media.height, media.width, 3) == (48, width, 3)
    assert frame.image[:, width // 2 + 3:].min() > 200 > 50 > frame.image[:, :width // 2 - 3].max()


@pytest.mark.parametrize('data', [b'', b'moov', b'\0\0\0\x08moov', b'\0\0\0\x01mdat' + bytes(8),
                                  b'\0\0\0\x01mdat' + b'\xff' * 8,
                                  b'\0\0\0\x20moov\0\0\0\x18trak\0\0\0\x10tkhd'])
def test_a_file_without_a_display_matrix(data):
    assert quicktime.display_matrix(io.BytesIO(data)) is None


def colour_difference(path, codec, pixels, options, **conversion):
    """Write a clip of one frame of one colour; return its largest difference to what is read."""
    colour = np.full((48, 64, 3), (30, 60, 200), np.uint8)
    with av.open(str(path), 'w') as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        stream.codec_context.options = options
        frame = av.VideoFrame.from_ndarray(colour, format='bgr24').reformat(
            format=pixels, **conversion)
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with open_media(str(path)) as media:
        frame, = media
    return np.abs(frame.image.astype(int) - colour).max()


@pytest.mark.parametrize('space, name', [('bt709', 'ITU709'), ('smpte170m', 'ITU601')])
def test_colours_are_converted_by_the_colour_matrix_of_the_clip(tmp_path, space, name):
    assert colour_difference(tmp_path / 'a.mkv', 'ffv1', 'yuv444p', {'colorspace': space},
                             dst_colorspace=name) <= 4


@pytest.mark.parametrize('option', ['color_primaries', 'color_trc', 'colorspace'])
def test_reserved_values_of_the_colours_are_ignored(tmp_path, option):
    """Some cameras write them, and FFmpeg 8 does not convert such frames."""
    assert colour_difference(tmp_path / 'a.mpg', 'mpeg2video', 'yuv420p', {option: '3'}) <= 6


def test_an_excessive_size_of_a_clip_is_refused_by_its_header(tmp_path):
    (tmp_path / 'a.y4m').write_bytes(b'YUV4MPEG2 W20000 H20000 F25:1 C420\nFRAME\n' + bytes(100))
    with pytest.raises(AffectError, match=r'a\.y4m: .*\(its header is invalid\)'):
        open_media(str(tmp_path / 'a.y4m'))


@pytest.mark.parametrize('name', [b'12:30:05.mp4', b'\xff\xfe.mp4', b'http:a.mp4', b'%d.mp4',
                                  b'\xe4.\xf6', b'concat:a'])
def test_names_do_not_matter(clip, name):
    path = clip.parent / os.fsdecode(name)
    clip.rename(path)
    with open_media(str(path)) as media:
        assert len(list(media)) == COUNT
    with VideoSink(path.with_suffix('.mp4'), 5.0) as sink:
        sink.write(IMAGE)
    with open_media(str(path.with_suffix('.mp4'))) as media:
        assert len(list(media)) == 1


@pytest.mark.parametrize('suffix', ['mkv', 'mp4', 'avi'])
def test_metadata_that_are_not_utf_8(tmp_path, suffix):
    """As written by Windows programs, whose titles are in their own code page."""
    path = tmp_path / f'a.{suffix}'
    with av.open(str(path), 'w') as output:
        output.metadata['title'] = 'Name xxr'
        stream = output.add_stream('mpeg4', rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, 'yuv420p'
        output.mux(stream.encode(av.VideoFrame(64, 48, 'yuv420p')))
        output.mux(stream.encode(None))
    data = path.read_bytes()
    assert b'Name xxr' in data
    path.write_bytes(data.replace(b'Name xxr', b'Name \xfcxr'))
    with open_media(str(path)) as media:
        assert len(list(media)) == 1


def test_a_position_before_the_start_of_a_file(tmp_path):
    """A damaged file may contain one. PyAV prints exceptions of a file object."""
    (tmp_path / 'a.nut').write_bytes(b'data')
    with open(tmp_path / 'a.nut', 'rb') as file:
        stream = ffmpeg._Nameless(file, tmp_path / 'a.nut')
        assert (stream.seek(-5), stream.seek(-1, 2), stream.read(9)) == (-1, 3, b'a')


def test_a_playlist_opens_no_other_file(clip):
    (clip.parent / 'list.m3u8').write_text(
        '#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nclip.mp4\n#EXT-X-ENDLIST\n')
    with pytest.raises(AffectError, match='list.m3u8: '):
        open_media(str(clip.parent / 'list.m3u8'))


@pytest.mark.parametrize('version, passed', [('8.1.0', False), ('17.0.1', False),
                                             ('17.1.0', True), ('18.0.0', True)])
def test_older_versions_of_pyav_get_no_options_of_decoders(clip, monkeypatch, version, passed):
    """They crash with them if the header of a file does not name its streams, as in MPEG-PS."""
    def refuse(*_, container_options, options=None, **kwargs):
        assert (options is not None) is passed
        assert container_options == {'protocol_whitelist': 'none'}
        raise OSError(errno.EIO, 'enough')

    monkeypatch.setattr(av, '__version__', version)
    monkeypatch.setattr(av, 'open', refuse)
    with pytest.raises(AffectError, match='enough'), ffmpeg.reading(clip):
        raise AssertionError('it was opened')


def test_without_pyav_the_error_names_the_remedy(clip, monkeypatch):
    monkeypatch.setitem(sys.modules, 'av', None)
    ffmpeg.pyav.cache_clear()
    try:
        with pytest.raises(AffectError, match='PyAV.* sudo apt install python3-av'):
            open_media(str(clip))
    finally:
        ffmpeg.pyav.cache_clear()


@pytest.mark.parametrize('start, times, expected', [
    (0.0, [0.0, 0.1, 0.3], [0.0, 0.1, 0.3]),
    (5.0, [5.0, 5.1, 5.2], [0.0, 0.1, 0.2]),
    (None, [7.0, 7.5, None], [0.0, 0.1, 0.2]),
    (0.0, [0.0, None, 0.2], [0.0, 0.1, 0.2]),
    (0.0, [0.0, 0.2, 0.2, 0.15, 0.3], [0.0, 0.2, 0.201, 0.202, 0.3]),
    (0.0, [0.0, 3.0, 0.0, 0.1], [0.0, 3.0, 3.1, 3.2]),
])
def test_stamps_increase(start, times, expected):
    clock = video._Clock(start, 0.1)
    assert [clock.stamp(index, time) for index, time in enumerate(times)] == pytest.approx(
        expected)


@pytest.mark.parametrize('source, device', [('0', 0), ('12', 12), ('/dev/video3', '/dev/video3')])
def test_a_camera_is_opened_with_rate_and_size(capture, source, device):
    capture.reads = [(True, IMAGE)]
    with open_media(source, rate=15.0, size=(320, 240)) as media:
        assert media.live and media.frame_count is None and media.rate is None
        assert (media.width, media.height) == (64, 48)
        camera = capture.made[-1]
        assert camera.source[0] == device
        assert camera.asked[cv2.CAP_PROP_FPS] == 15.0
        assert camera.asked[cv2.CAP_PROP_FRAME_WIDTH] == 320
    assert not camera.open


def test_a_camera_is_opened_by_a_link_of_udev(capture):
    capture.reads = [(True, IMAGE)]
    with tempfile.TemporaryDirectory(dir='/dev/shm') as folder:
        link = f'{folder}/usb-Camera-video-index0'
        os.symlink('/dev/video3', link)
        with open_media(link) as media:
            assert media.live and media.name == f'camera {link}'
    assert capture.made[-1].source[0] == '/dev/video3'


def test_a_camera_survives_single_failures_and_reports_its_end(capture):
    bad = (False, None)
    capture.reads = [(True, IMAGE)] * 2 + [bad] * 3 + [(True, IMAGE)]
    media = open_media('0')
    frames = []
    with pytest.raises(AffectError, match='camera 0: returns no more images'):
        for frame in media:
            frames.append(frame)
    assert [frame.index for frame in frames] == [0, 1]
    assert all(a.stamp <= b.stamp for a, b in zip(frames, frames[1:]))


def test_a_camera_without_images_is_refused(capture):
    with pytest.raises(AffectError, match=r'camera /dev/video9: cannot be opened.*ls /dev/video'):
        open_media('/dev/video9')
    assert not capture.made[-1].open
