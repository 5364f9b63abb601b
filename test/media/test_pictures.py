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

"""Pictures, animations and folders become the right frames, broken ones clear errors."""

import io
import struct
import zlib

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import open_media
import numpy as np
from PIL import Image
import pytest

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def frames_of(path):
    """Return the frames of a source as a list."""
    with open_media(str(path)) as media:
        return list(media)


def patches(*colours, size=8):
    """Return an RGB picture of square patches side by side, (size, n * size, 3)."""
    row = np.array([colours], np.uint8)
    return row.repeat(size, 0).repeat(size, 1)


@pytest.mark.parametrize('suffix', ['png', 'bmp', 'webp', 'tif', 'ppm', 'gif'])
def test_lossless_pictures_come_as_bgr(tmp_path, suffix):
    path = tmp_path / f'picture.{suffix}'
    Image.fromarray(patches(RED, GREEN, BLUE)).save(path, lossless=True)
    with open_media(str(path)) as media:
        frame, = media
        assert (media.width, media.height, media.frame_count, media.rate) == (24, 8, 1, None)
    assert frame.index == 0 and frame.stamp == 0.0
    assert frame.image.dtype == np.uint8 and frame.image.flags.c_contiguous
    assert np.array_equal(frame.image, patches(RED, GREEN, BLUE)[:, :, ::-1])


@pytest.mark.parametrize('mode, pixel, expected', [
    ('L', 77, (77, 77, 77)),
    ('LA', (77, 255), (77, 77, 77)),
    ('RGBA', (255, 0, 0, 255), (0, 0, 255)),
    ('RGBA', (255, 0, 0, 0), (255, 255, 255)),
    ('RGBA', (255, 0, 0, 128), (127, 127, 255)),
    ('1', 1, (255, 255, 255)),
    ('I;16', 65535, (255, 255, 255)),
    ('I;16', 257 * 7, (7, 7, 7)),
])
def test_other_pixels_become_bgr(tmp_path, mode, pixel, expected):
    path = tmp_path / 'picture.png'
    Image.new(mode, (3, 2), pixel).save(path)
    frame, = frames_of(path)
    assert frame.image.shape == (2, 3, 3)
    assert np.array_equal(np.unique(frame.image.reshape(-1, 3), axis=0), [expected])


def test_cmyk_and_palettes(tmp_path):
    Image.new('CMYK', (4, 4), (0, 255, 255, 0)).save(tmp_path / 'a.jpg', quality=100)
    Image.new('RGB', (4, 4), BLUE).quantize(4).save(tmp_path / 'b.png')
    first, second = (frames_of(tmp_path / name)[0].image for name in ('a.jpg', 'b.png'))
    assert np.abs(first[0, 0].astype(int) - [0, 0, 255]).max() <= 4
    assert np.array_equal(second[0, 0], [255, 0, 0])


@pytest.mark.parametrize('orientation, corner', [
    (1, RED), (2, GREEN), (3, WHITE), (4, BLUE), (5, RED), (6, BLUE), (7, WHITE), (8, GREEN)])
def test_exif_orientation_is_honoured(tmp_path, orientation, corner):
    """The stored top row is red and green, the bottom row blue and white."""
    stored = np.concatenate([patches(RED, GREEN, size=32), patches(BLUE, WHITE, size=32)])
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored[:, :48]).save(tmp_path / 'a.jpg', quality=100, subsampling=0, exif=exif)
    frame, = frames_of(tmp_path / 'a.jpg')
    assert frame.image.shape == ((64, 48, 3) if orientation < 5 else (48, 64, 3))
    assert np.abs(frame.image[4, 4].astype(int) - corner[::-1]).max() <= 8


def save_gif(path, colours, durations, **options):
    """Write a GIF with one frame of plain colour each."""
    first, *others = [Image.new('RGB', (6, 4), colour).quantize(4) for colour in colours]
    first.save(path, save_all=True, append_images=others, duration=durations, loop=0, **options)


def test_an_animation_keeps_its_durations(tmp_path):
    save_gif(tmp_path / 'a.gif', [RED, GREEN, BLUE, WHITE], [50, 100, 200, 50])
    with open_media(str(tmp_path / 'a.gif')) as media:
        frames = list(media)
        again = list(media)
        assert media.frame_count == 4 and media.rate == pytest.approx(10.0)
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.stamp for frame in frames] == pytest.approx([0.0, 0.05, 0.15, 0.35])
    assert [tuple(frame.image[0, 0, ::-1]) for frame in frames] == [RED, GREEN, BLUE, WHITE]
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, again))


@pytest.mark.parametrize('suffix', ['webp', 'png'])
def test_other_animations(tmp_path, suffix):
    pictures = [Image.new('RGB', (6, 4), colour) for colour in (RED, GREEN, BLUE)]
    pictures[0].save(tmp_path / f'a.{suffix}', save_all=True, append_images=pictures[1:],
                     duration=[100, 300, 100], lossless=True)
    frames = frames_of(tmp_path / f'a.{suffix}')
    assert [tuple(frame.image[0, 0, ::-1]) for frame in frames] == [RED, GREEN, BLUE]
    assert [frame.stamp for frame in frames] == pytest.approx([0.0, 0.1, 0.4])


def test_a_gif_without_durations_plays_at_ten_hertz(tmp_path):
    save_gif(tmp_path / 'a.gif', [RED, GREEN], 0)
    with open_media(str(tmp_path / 'a.gif')) as media:
        assert media.rate == pytest.approx(10.0)


def test_gif_frames_that_hold_only_what_changed_are_composited(tmp_path):
    """Frame 1 draws a small patch over frame 0; frame 2 another one over both."""
    canvas = Image.new('RGB', (20, 10), RED)
    frames = [canvas.copy()]
    for left, colour in ((2, GREEN), (10, BLUE)):
        canvas.paste(colour, (left, 2, left + 4, 6))
        frames.append(canvas.copy())
    frames[0].save(tmp_path / 'a.gif', save_all=True, append_images=frames[1:], duration=40,
                   optimize=True, disposal=1)
    for frame, expected in zip(frames_of(tmp_path / 'a.gif'), frames):
        assert np.array_equal(frame.image[:, :, ::-1], np.asarray(expected))


def test_a_corrupt_frame_in_the_middle_is_left_out_and_counted(tmp_path, monkeypatch, caplog):
    save_gif(tmp_path / 'a.gif', [RED, GREEN, BLUE, WHITE], 100)
    media = open_media(str(tmp_path / 'a.gif'))
    from PIL import GifImagePlugin
    seek = GifImagePlugin.GifImageFile.seek

    def broken_seek(self, frame):
        if frame == 2:
            raise OSError('broken data stream')
        seek(self, frame)

    monkeypatch.setattr(GifImagePlugin.GifImageFile, 'seek', broken_seek)
    frames = list(media)
    assert [frame.index for frame in frames] == [0, 1, 3]
    assert [frame.stamp for frame in frames] == pytest.approx([0.0, 0.1, 0.3])
    assert media.skipped == 1
    assert '1 frames are corrupt or missing' in caplog.text


def test_a_gif_that_is_cut_off_gives_its_first_frames(tmp_path):
    rng = np.random.default_rng(0)
    frames = [Image.fromarray(rng.integers(0, 256, (40, 40), np.uint8)) for _ in range(6)]
    frames[0].save(tmp_path / 'a.gif', save_all=True, append_images=frames[1:], duration=100)
    data = (tmp_path / 'a.gif').read_bytes()
    (tmp_path / 'cut.gif').write_bytes(data[:len(data) * 2 // 3])
    whole, cut = frames_of(tmp_path / 'a.gif'), frames_of(tmp_path / 'cut.gif')
    assert 2 <= len(cut) < len(whole) == 6
    assert all(np.array_equal(a.image, b.image) for a, b in zip(cut[:2], whole))


def test_a_folder_is_read_in_natural_order(tmp_path):
    for name, grey in (('f10.png', 10), ('f2.PNG', 2), ('F1.jpg', 1), ('notes.txt', 0)):
        if name.endswith('txt'):
            (tmp_path / name).write_text('not a picture')
        else:
            Image.new('L', (4 + grey, 3), grey).save(tmp_path / name)
    with open_media(str(tmp_path), rate=10.0) as media:
        assert (media.width, media.height, media.frame_count, media.rate) == (5, 3, 3, None)
        frames = list(media)
    assert [frame.image.shape[1] - 4 for frame in frames] == [1, 2, 10]
    assert [frame.stamp for frame in frames] == pytest.approx([0.0, 0.1, 0.2])


def test_a_broken_picture_of_a_folder_is_left_out(tmp_path):
    (tmp_path / '1.png').write_bytes(b'\x89PNG\r\n\x1a\nand no more')
    Image.new('L', (4, 4), 9).save(tmp_path / '2.png')
    with open_media(str(tmp_path)) as media:
        assert [frame.index for frame in media] == [1]
        assert media.skipped == 1


def png_head(width, height):
    """Return the beginning of a PNG that claims this size."""
    head = b'IHDR' + struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + head + struct.pack(
        '>I', zlib.crc32(head)) + b'\x00\x00\x00\x00IDAT'


@pytest.mark.parametrize('size', [(10001, 10000), (60000, 60000)])
def test_an_absurd_size_is_refused_by_the_head_alone(tmp_path, size):
    (tmp_path / 'huge.png').write_bytes(png_head(*size))
    with pytest.raises(AffectError, match=r'huge\.png.*(megapixels|too large).*scale it down'):
        open_media(str(tmp_path / 'huge.png'))


@pytest.mark.parametrize('kind', ['png', 'jpeg', 'webp', 'bmp', 'tiff'])
@pytest.mark.parametrize('share', [0.1, 0.5, 0.9])
def test_a_picture_that_is_cut_off_is_refused(tmp_path, kind, share):
    buffer = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    data = buffer.getvalue()
    path = tmp_path / f'cut.{kind}'
    path.write_bytes(data[:int(len(data) * share)])
    with pytest.raises(AffectError, match=rf'cut\.{kind}: .*(corrupt|cut off)'):
        frames_of(path)
