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

"""Sources that cannot be opened: one line of error message each."""

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import base, open_media
import pytest
from support import permissions_apply

#: The start of a JPEG of 9x9 pixels.
JPEG_OF_12_BITS = (b'\xff\xd8\xff\xdb\0C\0' + bytes(range(1, 65))
                   + b'\xff\xc1\0\x0b\x0c\0\x09\0\x09\x01\x01\x11\0\xff\xd9')


@pytest.mark.parametrize('name, content, message', [
    ('none.mp4', None, 'no such file'),
    ('empty.png', b'', 'the file is empty'),
    ('text.txt', b'hello\n' * 50, 'neither an image nor a video'),
    ('words.txt', b'hello world\n' * 50, 'neither an image nor a video that can be read (it is a '
     'text file)'),
    ('noise.mp4', b'neither nor \x93' * 400, 'neither an image nor a video'),
    ('noise.jpg', b'neither nor \x93' * 400, 'not an image, although its suffix is one'),
    ('12_bits.jpg', JPEG_OF_12_BITS, 'unsupported format, such as 12 bits or lossless; convert it '
     'to PNG'),
    ('scan.pdf', b'%PDF-1.4\n' + JPEG_OF_12_BITS, 'a PDF or PostScript document; save its pages '
     'as images'),
    ('a.eps', b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n', 'PostScript document; save'),
    ('a.xpm', b'/* XPM */\nno image', 'if the file is not corrupt, convert the image to PNG'),
    ('bag.mcap', b'\x89MCAP0\r\n', 'play it with bag_player'),
])
def test_bad_files(tmp_path, name, content, message, capfd):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AffectError) as caught:
        list(open_media(str(path)))
    assert message in str(caught.value) and name in str(caught.value)
    assert '\n' not in str(caught.value)
    assert capfd.readouterr().err == ''


def test_a_truncated_video_is_refused(tmp_path):
    """Its index is at the end of the file: nothing can be read without it."""
    from face_affect_ros.media import VideoSink
    import numpy as np
    with VideoSink(tmp_path / 'a.mp4', 10.0) as sink:
        for value in range(10):
            sink.write(np.full((48, 64, 3), value * 20, np.uint8))
    data = (tmp_path / 'a.mp4').read_bytes()
    (tmp_path / 'a.mp4').write_bytes(data[:len(data) // 2])
    with pytest.raises(AffectError, match=r'a\.mp4: neither an image nor a video'):
        open_media(str(tmp_path / 'a.mp4'))
    (tmp_path / 'a.mp4').write_bytes(data[:data.index(b'moov') - 4])
    with pytest.raises(AffectError, match=r'\(moov atom not found\); it is still being recorded '
                       'or copied, or that was interrupted; wait for its end, or choose another$'):
        open_media(str(tmp_path / 'a.mp4'))


def test_a_source_without_permission_is_named():
    """Like a file in an unreadable folder; root gets an error only for a very long name."""
    with pytest.raises(AffectError, match='aaa'):
        open_media('a' * 300)


def test_folders(tmp_path):
    with pytest.raises(AffectError, match=r"no images and no clips in this folder.*'FOLDER/"):
        open_media(str(tmp_path))
    (tmp_path / 'metadata.yaml').write_text('rosbag2_bagfile_information: {}')
    with pytest.raises(AffectError, match='this is a bag; play it with bag_player'):
        open_media(str(tmp_path))


def test_what_is_neither_file_nor_folder():
    with pytest.raises(AffectError, match='/dev/null: neither a file nor a folder.*save the data'):
        open_media('/dev/null')
    with pytest.raises(AffectError, match='rtsp://camera/live: URLs are not read here; .*ffmpeg'):
        open_media('rtsp://camera/live')


def test_a_file_without_permission(tmp_path):
    path = tmp_path / 'a.png'
    path.write_bytes(b'x')
    path.chmod(0)
    with permissions_apply(), pytest.raises(
            AffectError, match=r'a\.png: Permission denied; make it readable'):
        open_media(str(path))


def test_home_is_expanded(tmp_path, monkeypatch):
    from PIL import Image
    monkeypatch.setenv('HOME', str(tmp_path))
    Image.new('L', (5, 4)).save(tmp_path / 'a.png')
    with open_media('~/a.png') as media:
        assert (media.width, media.height) == (5, 4)


@pytest.mark.parametrize('width, height, fine', [
    (1, 1, True), (12000, 9000, True), (16001, 8000, False), (0, 5, False), (5, -1, False)])
def test_sizes(width, height, fine):
    if fine:
        base.check_size('x', width, height)
    else:
        with pytest.raises(AffectError, match=f'x: .*{width}x{height} pixels'):
            base.check_size('x', width, height)
