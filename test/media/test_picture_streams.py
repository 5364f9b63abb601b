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

"""Files of concatenated images are clips, and images with previews are not."""

import io

import cv2
from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import ffmpeg, open_media, picture_streams
import numpy as np
from PIL import Image
import pytest

COUNT = 60


def pictures(count=COUNT, shape=(48, 64, 3)):
    """Return images with texture; image i is brighter by i."""
    texture = np.random.default_rng(3).integers(0, 60, shape, np.uint8)
    return [texture + np.uint8(2 * index) for index in range(count)]


def encoded(suffix, image):
    """Return an image as the bytes of a file."""
    done, data = cv2.imencode(suffix, image)
    assert done
    return data.tobytes()


@pytest.mark.parametrize('suffix, shape, tolerance', [
    ('.jpg', (48, 64, 3), 12), ('.png', (48, 64, 3), 0), ('.ppm', (48, 64, 3), 0),
    ('.pgm', (48, 64), 0), ('.bmp', (48, 64, 3), 0)])
@pytest.mark.parametrize('name', ['a', 'a.mjpeg', 'a.png', 'a.raw'])
def test_all_images_of_a_stream_are_frames(tmp_path, suffix, shape, tolerance, name):
    images = pictures(shape=shape)
    (tmp_path / name).write_bytes(b''.join(encoded(suffix, image) for image in images))
    with open_media(str(tmp_path / name)) as media:
        frames = list(media)
        assert media.rate == pytest.approx(25.0) and media.skipped == 0
    assert len(frames) == COUNT
    assert [frame.stamp for frame in frames] == pytest.approx([i / 25 for i in range(COUNT)])
    for frame, image in zip(frames, images):
        expected = image if image.ndim == 3 else np.dstack([image] * 3)
        assert np.abs(frame.image.astype(int) - expected).mean() <= tolerance


def test_a_stream_of_http_parts(tmp_path):
    """As sent by a network camera and saved by curl."""
    parts = [b'--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n' % len(data)
             + data + b'\r\n' for data in (encoded('.jpg', image) for image in pictures(20))]
    (tmp_path / 'a.mjpg').write_bytes(b''.join(parts))
    with open_media(str(tmp_path / 'a.mjpg')) as media:
        assert len(list(media)) == 20


def with_thumbnail(image):
    """Return a JPEG with a smaller one in its EXIF."""
    thumbnail = encoded('.jpg', image[::4, ::4])
    exif = Image.Exif()
    exif[0x010e] = 'a camera'
    head = exif.tobytes()
    payload = head + thumbnail
    data = encoded('.jpg', image)
    return data[:2] + b'\xff\xe1' + (len(payload) + 2).to_bytes(2, 'big') + payload + data[2:]


def multi_picture(image):
    """Return a JPEG followed by another of the same size that belongs to it (CIPA DC-007)."""
    buffer = io.BytesIO()
    first, second = Image.fromarray(image), Image.fromarray(255 - image)
    first.save(buffer, 'MPO', save_all=True, append_images=[second])
    return buffer.getvalue()


def phone_photo(image):
    """Return a JPEG with an XMP container, followed by the original of the same size."""
    xmp = (b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:Container='
           b'"http://ns.google.com/photos/1.0/container/"></x:xmpmeta>')
    data = encoded('.jpg', image)
    return (data[:2] + b'\xff\xe1' + (len(xmp) + 2).to_bytes(2, 'big') + xmp + data[2:]
            + encoded('.jpg', 255 - image))


@pytest.mark.parametrize('data', [
    with_thumbnail(pictures(1)[0]), multi_picture(pictures(1)[0]),
    phone_photo(pictures(1)[0]),
    b'\0edof\0'.join(encoded('.jpg', image) for image in pictures(2)) + bytes(99),
    encoded('.jpg', pictures(1)[0]) * 2 + b'SEFH' + bytes(20) + b'SEFT',
    encoded('.jpg', pictures(1)[0]) + encoded('.jpg', pictures(1)[0][::2, ::2]),
    encoded('.jpg', pictures(1)[0]) + bytes(1000),
    encoded('.png', pictures(1)[0]) + b'BM P6 \x89PNG\r\n\x1a\n and other things' * 20,
    encoded('.ppm', pictures(1)[0].clip(80, 80)), encoded('.bmp', pictures(1)[0] // 255 + 0x42),
], ids=['thumbnail', 'multi-picture', 'container', 'Huawei', 'Samsung', 'preview', 'zeros', 'text',
        'letters', 'more letters'])
def test_a_single_image_is_not_a_stream(tmp_path, data):
    (tmp_path / 'a').write_bytes(data)
    with open_media(str(tmp_path / 'a')) as media:
        frame, = media
        assert (media.frame_count, media.rate) == (1, None)
    assert frame.image.shape == (48, 64, 3)


def test_an_image_needs_no_pyav(tmp_path, monkeypatch):
    def fail():
        raise AffectError('PyAV does not load')

    monkeypatch.setattr(ffmpeg, 'pyav', fail)
    for data in (encoded('.jpg', pictures(1)[0]), with_thumbnail(pictures(1)[0])):
        (tmp_path / 'a.jpg').write_bytes(data)
        with open_media(str(tmp_path / 'a.jpg')) as media:
            assert len(list(media)) == 1
    (tmp_path / 'a.jpg').write_bytes(encoded('.jpg', pictures(1)[0]) * 2)
    with pytest.raises(AffectError, match='PyAV'):
        open_media(str(tmp_path / 'a.jpg'))


def test_each_demuxer_has_the_signature_of_its_images():
    for suffix, demuxer in (('.jpg', 'jpeg_pipe'), ('.png', 'png_pipe'), ('.ppm', 'ppm_pipe')):
        data = encoded(suffix, pictures(1)[0])
        assert [name for begin, name in picture_streams.DEMUXERS.items()
                if data.startswith(begin)] == [demuxer]
