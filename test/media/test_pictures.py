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

"""Frames of images, animations and folders, and errors of broken ones."""

import io
import struct
import sys
import types
import zlib

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import heif, open_media
import numpy as np
from PIL import features, Image, PngImagePlugin, TiffImagePlugin
import pytest

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def frames_of(path):
    """Return the frames of a source as a list."""
    with open_media(str(path)) as media:
        return list(media)


def patches(*colours, size=8):
    """Return an RGB image of square patches side by side, (size, n * size, 3)."""
    row = np.array([colours], np.uint8)
    return row.repeat(size, 0).repeat(size, 1)


@pytest.mark.parametrize('suffix', ['png', 'bmp', 'webp', 'tif', 'ppm', 'gif'])
def test_lossless_images_are_read_as_bgr(tmp_path, suffix):
    path = tmp_path / f'image.{suffix}'
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
def test_other_pixel_formats_are_converted_to_bgr(tmp_path, mode, pixel, expected):
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
def test_exif_orientation_is_applied(tmp_path, orientation, corner):
    """The stored top row is red and green, the bottom row blue and white."""
    stored = np.concatenate([patches(RED, GREEN, size=32), patches(BLUE, WHITE, size=32)])
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored[:, :48]).save(tmp_path / 'a.jpg', quality=100, subsampling=0, exif=exif)
    frame, = frames_of(tmp_path / 'a.jpg')
    assert frame.image.shape == ((64, 48, 3) if orientation < 5 else (48, 64, 3))
    assert np.abs(frame.image[4, 4].astype(int) - corner[::-1]).max() <= 8


@pytest.mark.parametrize('mode', ['L', 'P', 'RGB', 'RGBA', 'CMYK', 'I;16'])
@pytest.mark.parametrize('orientation, corner', [(1, 80), (3, 20), (5, 80), (6, 40), (8, 160)])
def test_the_orientation_of_a_tiff_without_compression(tmp_path, mode, orientation, corner):
    stored = np.array([[80, 160], [40, 20]], np.uint8).repeat(32, 0).repeat(24, 1)
    picture = (Image.fromarray(stored.astype(np.uint16) * 257) if mode == 'I;16'
               else Image.fromarray(stored).convert(mode))
    picture.save(tmp_path / 'a.tif', tiffinfo={274: orientation})
    frame, = frames_of(tmp_path / 'a.tif')
    height, width = (64, 48) if orientation < 5 else (48, 64)
    assert frame.image.shape == (height, width, 3)
    first = frame.image[:height // 2, :width // 2]
    assert np.array_equal(np.unique(first), [corner])


def save_animation(path, pictures, **options):
    """Write an animation of these RGB arrays."""
    first, *others = map(Image.fromarray, pictures)
    first.save(path, save_all=True, append_images=others, duration=100, lossless=True, **options)


@pytest.mark.parametrize('suffix', ['webp', 'png'])
@pytest.mark.parametrize('orientation, corner', [
    (1, RED), (2, GREEN), (3, WHITE), (4, BLUE), (5, RED), (6, BLUE), (7, WHITE), (8, GREEN)])
def test_exif_orientation_of_an_animation(tmp_path, suffix, orientation, corner):
    stored = np.concatenate([patches(RED, GREEN, size=32), patches(BLUE, WHITE, size=32)])
    exif = Image.Exif()
    exif[0x0112] = orientation
    save_animation(tmp_path / f'a.{suffix}', [stored[:, :48], stored[:, :48] // 2],
                   exif=exif.tobytes())
    with open_media(str(tmp_path / f'a.{suffix}')) as media:
        frames = list(media)
        assert (media.height, media.width) == frames[0].image.shape[:2] == (
            (64, 48) if orientation < 5 else (48, 64))
    assert tuple(frames[0].image[4, 4, ::-1]) == corner
    assert tuple(frames[1].image[4, 4, ::-1]) == tuple(value // 2 for value in corner)


def test_the_default_image_of_an_animated_png_is_not_a_frame(tmp_path):
    """It is for viewers without support of animations."""
    default, *others = [Image.new('RGB', (6, 4), colour) for colour in (WHITE, RED, BLUE)]
    default.save(tmp_path / 'a.png', save_all=True, append_images=others, duration=200,
                 default_image=True)
    with open_media(str(tmp_path / 'a.png')) as media:
        frames = list(media)
        assert media.frame_count == 2 and media.rate == pytest.approx(5.0)
    assert [tuple(frame.image[0, 0, ::-1]) for frame in frames] == [RED, BLUE]
    assert [(frame.index, frame.stamp) for frame in frames] == [(0, 0.0), (1, 0.2)]


@pytest.mark.parametrize('duration, expected', [(10, 0.1), (0, 0.1), (20, 0.02), (30, 0.03)])
def test_delays_are_those_of_browsers(tmp_path, duration, expected):
    """Durations of at most 10 ms are 0.1 s."""
    save_gif(tmp_path / 'a.gif', [RED, GREEN, BLUE], duration)
    with open_media(str(tmp_path / 'a.gif')) as media:
        assert [frame.stamp for frame in media] == pytest.approx([0.0, expected, 2 * expected])
        assert media.rate == pytest.approx(1 / expected)


def bitmap(pixels):
    """Return a BMP of 32 bits whose header declares the fourth byte as alpha (BITMAPV4HEADER)."""
    height, width = pixels.shape[:2]
    head = struct.pack('<IiiHHIIiiII', 108, width, -height, 1, 32, 3, pixels.nbytes, 0, 0, 0, 0)
    masks = struct.pack('<4I', 0xff0000, 0xff00, 0xff, 0xff000000)
    head += masks + b'BGRs' + bytes(108 - 40 - 16 - 4)
    return struct.pack('<2sIHHI', b'BM', 14 + 108 + pixels.nbytes, 0, 0, 122) + head + (
        pixels.tobytes())


def test_a_bitmap_whose_alpha_is_all_zero_is_opaque(tmp_path):
    """The byte exists and is not used; if it is used, transparent pixels are white."""
    pixels = np.full((4, 6, 4), (10, 20, 200, 0), np.uint8)
    (tmp_path / 'a.bmp').write_bytes(bitmap(pixels))
    assert np.array_equal(frames_of(tmp_path / 'a.bmp')[0].image, pixels[:, :, :3])
    pixels[0, 0, 3] = 255
    (tmp_path / 'a.bmp').write_bytes(bitmap(pixels))
    image = frames_of(tmp_path / 'a.bmp')[0].image
    assert list(image[0, 0]) == [10, 20, 200] and list(image[1, 1]) == [255, 255, 255]


def tiff(values, *, white_is_zero=False, subfile=0, tail=0, start=8):
    """Return one page of a little-endian TIFF without compression, its tags at the end of it."""
    height, width = values.shape[:2]
    colours = values.shape[2] if values.ndim == 3 else 1
    kind = {'u': 1, 'i': 2, 'f': 3}[values.dtype.kind]
    data = values.astype(values.dtype.newbyteorder('<')).tobytes()
    lists = struct.pack(f'<{2 * colours}H', *[values.itemsize * 8] * colours, *[kind] * colours)
    place = start + len(data)

    def short(tag, value, at):
        if colours == 1:
            return struct.pack('<HHIHH', tag, 3, 1, value, 0)
        return struct.pack('<HHII', tag, 3, colours, at)

    photometric = 2 if colours == 3 else 0 if white_is_zero else 1
    entries = [struct.pack('<HHII', 254, 4, 1, subfile), struct.pack('<HHII', 256, 4, 1, width),
               struct.pack('<HHII', 257, 4, 1, height), short(258, values.itemsize * 8, place),
               struct.pack('<HHIHH', 259, 3, 1, 1, 0),
               struct.pack('<HHIHH', 262, 3, 1, photometric, 0),
               struct.pack('<HHII', 273, 4, 1, start),
               struct.pack('<HHIHH', 277, 3, 1, colours, 0),
               struct.pack('<HHII', 278, 4, 1, height),
               struct.pack('<HHII', 279, 4, 1, len(data)), short(339, kind, place + 2 * colours)]
    head = struct.pack('<2sHI', b'II', 42, place + len(lists)) if start == 8 else b''
    return head + data + lists + struct.pack('<H', len(entries)) + b''.join(entries) + (
        struct.pack('<I', tail))


STEPS = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.mark.parametrize('values', [STEPS, STEPS.astype(np.uint16) * 257,
                                    STEPS.astype(np.float32) / 255])
@pytest.mark.parametrize('white_is_zero', [False, True])
def test_a_tiff_in_which_white_is_zero(tmp_path, values, white_is_zero):
    (tmp_path / 'a.tif').write_bytes(tiff(values, white_is_zero=white_is_zero))
    expected = 255 - STEPS if white_is_zero else STEPS
    assert np.array_equal(frames_of(tmp_path / 'a.tif')[0].image, np.dstack([expected] * 3))


@pytest.mark.parametrize('white', [1.0, 255.0, 65535.0])
@pytest.mark.parametrize('kind, colours', [
    (np.float32, False), (np.float64, False), (np.float32, True)])   # OpenCV 4 supports no more
def test_a_tiff_of_floats(tmp_path, white, kind, colours):
    grey = STEPS.astype(kind) * kind(white / 255)
    values = np.dstack([grey, grey.T, np.zeros_like(grey)]) if colours else grey
    (tmp_path / 'a.tif').write_bytes(tiff(values))
    expected = np.dstack([0 * STEPS, STEPS.T, STEPS] if colours else [STEPS] * 3)
    assert np.array_equal(frames_of(tmp_path / 'a.tif')[0].image, expected)


@pytest.mark.parametrize('scale', [257, 0x01010101])
def test_a_tiff_of_32_bits(tmp_path, scale):
    (tmp_path / 'a.tif').write_bytes(tiff(STEPS.astype(np.uint32) * scale))
    assert np.array_equal(frames_of(tmp_path / 'a.tif')[0].image, np.dstack([STEPS] * 3))


def test_an_image_that_ffmpeg_reads_is_a_still(tmp_path):
    head = b'P7\nWIDTH 24\nHEIGHT 8\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n'
    (tmp_path / 'a.pam').write_bytes(head + patches(RED, GREEN, BLUE).tobytes())
    with open_media(str(tmp_path / 'a.pam')) as media:
        frame, = media
        assert (media.frame_count, media.rate) == (1, None)
    assert np.array_equal(frame.image, patches(RED, GREEN, BLUE)[:, :, ::-1])


def test_a_tiff_of_12_bits(tmp_path):
    values = STEPS.astype(np.uint16) * 16 + STEPS // 16
    first, second = values[:, ::2], values[:, 1::2]
    packed = np.dstack([first >> 4, (first & 15) << 4 | second >> 8, second & 255])
    data = tiff(packed.astype(np.uint8).reshape(16, 24))
    data = data.replace(struct.pack('<HHII', 256, 4, 1, 24), struct.pack('<HHII', 256, 4, 1, 16))
    data = data.replace(struct.pack('<HHIHH', 258, 3, 1, 8, 0),
                        struct.pack('<HHIHH', 258, 3, 1, 12, 0))
    (tmp_path / 'a.tif').write_bytes(data)
    assert np.array_equal(frames_of(tmp_path / 'a.tif')[0].image, np.dstack([STEPS] * 3))


RAMP = np.dstack([STEPS, STEPS.T, np.zeros_like(STEPS)])


@pytest.mark.parametrize('values, expected, options', [
    (RAMP.astype(np.float32) / 255, RAMP, {'photometric': 'rgb', 'bigtiff': True}),
    pytest.param(
        np.dstack([STEPS, np.full_like(STEPS, 255)]), np.dstack([STEPS] * 3),
        {'photometric': 'minisblack', 'planarconfig': 'contig', 'extrasamples': ['assocalpha']},
        marks=pytest.mark.skipif('La' not in dict(TiffImagePlugin.OPEN_INFO.values()),
                                 reason='not of this Pillow')),
], ids=['BigTIFF', 'grey multiplied by alpha'])
def test_a_tiff_of_another_program(tmp_path, values, expected, options):
    tifffile = pytest.importorskip('tifffile')
    tifffile.imwrite(tmp_path / 'a.tif', values, **options)
    assert np.array_equal(frames_of(tmp_path / 'a.tif')[0].image, expected[:, :, ::-1])


@pytest.mark.parametrize('values, options', [
    (RAMP.astype(np.uint16) * 257, {'photometric': 'rgb', 'planarconfig': 'separate'}),
    (RAMP.astype(np.float32) / 255, {'photometric': 'rgb', 'planarconfig': 'separate'}),
    (STEPS.astype(np.float16) / 255, {}),
    (np.dstack([STEPS] * 5), {'photometric': 'minisblack', 'planarconfig': 'contig'}),
], ids=['planes of 16 bits', 'planes of floats', 'float16', 'five channels'])
def test_a_tiff_in_an_unsupported_format_names_the_remedy(tmp_path, values, options):
    tifffile = pytest.importorskip('tifffile')
    if options.get('planarconfig') == 'separate':
        values = values.transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / 'a.tif', values, **options)
    with pytest.raises(AffectError, match=r'a\.tif: .* unsupported format; convert it to PNG'):
        open_media(str(tmp_path / 'a.tif'))


def test_a_tiff_of_a_compression_that_cannot_be_read_names_the_remedy(tmp_path):
    """WebP, which libtiff in Pillow does not support; the message of Pillow is an error code."""
    data = tiff(STEPS).replace(struct.pack('<HHIHH', 259, 3, 1, 1, 0),
                               struct.pack('<HHIHH', 259, 3, 1, 50001, 0))
    (tmp_path / 'a.tif').write_bytes(data)
    with pytest.raises(AffectError, match=r'a\.tif: .* unsupported format, .*convert it to PNG'):
        open_media(str(tmp_path / 'a.tif'))


@pytest.mark.parametrize('kind', [np.float32, np.float64])
def test_floats_with_lights_above_white_and_without_a_value(tmp_path, recwarn, kind):
    values = np.full((20, 20), 0.5, kind)
    values[0, :3], values[1, 0] = (40.0, np.nan, np.inf), np.finfo(kind).min
    (tmp_path / 'a.tif').write_bytes(tiff(values))
    image = frames_of(tmp_path / 'a.tif')[0].image[:, :, 0]
    assert list(image[0, :3]) == [255, 0, 0] and image[1, 0] == 0 and image[5, 5] == 128
    assert not recwarn.list


def test_a_float_tiff_of_excessive_size_is_refused_by_its_header(tmp_path):
    data = bytearray(tiff(np.zeros((4, 4, 3), np.float32)))
    for tag in (256, 257):
        place = data.index(struct.pack('<HHII', tag, 4, 1, 4))
        data[place:place + 12] = struct.pack('<HHII', tag, 4, 1, 60000)
    (tmp_path / 'a.tif').write_bytes(data)
    with pytest.raises(AffectError, match=r'a\.tif.*60000x60000 pixels.*scale it down'):
        open_media(str(tmp_path / 'a.tif'))


def test_all_pages_of_a_tiff_are_read(tmp_path):
    """They are not a clip, and smaller copies of a page are not pages."""
    first = tiff(np.full((8, 8), 10, np.uint8))
    second = tiff(np.full((4, 4), 99, np.uint8), subfile=1, start=len(first))
    third = tiff(np.full((8, 6), 30, np.uint8), start=len(first) + len(second))

    def linked(page, length, offset):
        # the offset of the tags of the next page is at the end of a page
        return page[:-4] + struct.pack('<I', offset + length)

    tags = 2 + 11 * 12 + 4
    data = (linked(first, len(first), len(second) - tags)
            + linked(second, len(first) + len(second), len(third) - tags) + third)
    (tmp_path / 'a.tif').write_bytes(data)
    with open_media(str(tmp_path / 'a.tif'), rate=10.0) as media:
        frames = list(media)
        assert media.pages and (media.frame_count, media.rate) == (2, None)
    assert [(frame.index, frame.stamp, frame.image.shape[:2], frame.image[0, 0, 0])
            for frame in frames] == [(0, 0.0, (8, 8), 10), (1, 0.1, (8, 6), 30)]


def test_the_preview_of_a_raw_image_is_not_taken_for_the_image(tmp_path):
    """A DNG begins with its preview, and refers to the raw image by SubIFDs (DNG 1.7)."""
    for name, kind in (('a.dng', 1), ('pyramid.tif', 0)):
        Image.new('RGB', (16, 12)).save(tmp_path / name, 'TIFF', tiffinfo={254: kind, 330: 8})
    with pytest.raises(AffectError, match='a.dng: a raw image .* preview of 16x12 .* convert it'):
        open_media(str(tmp_path / 'a.dng'))
    with open_media(str(tmp_path / 'pyramid.tif')) as media:
        assert (media.width, media.height) == (16, 12)


def test_a_raw_image_of_canon_is_not_taken_for_pages(tmp_path):
    """A CR2 begins with its tags, of two previews, a small image and the raw image."""
    pages = [tiff(STEPS, start=1000 * number)[-11 * 12 - 6:] for number in range(1, 3)]
    first = 16 + len(pages[0])
    pages[0] = pages[0][:-4] + struct.pack('<I', first)
    data = b'II*\0\x10\0\0\0CR\x02\0' + bytes(4) + b''.join(pages)
    (tmp_path / 'a.cr2').write_bytes(data.ljust(3000, b'\0'))
    with pytest.raises(AffectError, match='a.cr2: a raw image of a camera.* convert it to JPEG'):
        open_media(str(tmp_path / 'a.cr2'))


def test_a_tiff_that_pillow_writes_in_pages(tmp_path):
    first, *others = [Image.new('RGB', (6, 4), colour) for colour in (RED, GREEN, BLUE)]
    first.save(tmp_path / 'a.tif', save_all=True, append_images=others)
    assert [tuple(frame.image[0, 0, ::-1]) for frame in frames_of(tmp_path / 'a.tif')] == [
        RED, GREEN, BLUE]


@pytest.mark.parametrize('suffix', ['jpg', 'webp', 'png', 'tif'])
def test_unreadable_exif_is_ignored(tmp_path, suffix, recwarn):
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / f'a.{suffix}'
    if suffix == 'tif':   # the tags of a TIFF are its EXIF
        Image.fromarray(patches(RED, GREEN, size=32)).save(path, tiffinfo={34665: 7})
    else:
        Image.fromarray(patches(RED, GREEN, size=32)).save(
            path, lossless=True, quality=100, exif=exif.tobytes())
        data = path.read_bytes()
        assert b'MM\0*' in data or b'II*\0' in data
        path.write_bytes(data.replace(b'MM\0*', b'\0\x08\0\x02').replace(
            b'II*\0', b'\0\x08\0\x02'))
    image = frames_of(path)[0].image
    assert image.shape == (32, 64, 3)
    assert np.abs(image[16, 16, ::-1].astype(int) - RED).max() <= 8
    assert not recwarn


@pytest.mark.parametrize('kind', ['text', 'compressed text', 'xmp', 'profile', 'damaged text',
                                  'bomb'])
def test_a_good_png_with_large_or_bad_metadata(tmp_path, kind):
    text, more = PngImagePlugin.PngInfo(), {}
    if 'text' in kind or kind == 'bomb':
        text.add_text('Comment', 'a' * (80_000_000 if kind == 'bomb' else 2_000_000),
                      zip=kind != 'text')
    if kind == 'xmp':
        text.add_itxt('XML:com.adobe.xmp', '<x/>' * 500_000, zip=True)
    if kind == 'profile':
        more = {'icc_profile': bytes(2_000_000)}
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(patches(RED, GREEN)).save(tmp_path / 'a.png', pnginfo=text, exif=exif, **more)
    if kind == 'damaged text':
        data = bytearray((tmp_path / 'a.png').read_bytes())
        data[data.index(b'zTXt') + 40] ^= 0xff
        (tmp_path / 'a.png').write_bytes(data)
    image = frames_of(tmp_path / 'a.png')[0].image
    assert image.shape == (16, 8, 3) and tuple(image[0, 0, ::-1]) == RED


@pytest.mark.parametrize('brand, remedy', [(b'heic', 'heif-convert'), (b'mif1', 'heif-convert'),
                                           (b'avif', 'Pillow 11.3'), (b'avis', 'Pillow 11.3')])
def test_a_tiled_heif_image_is_refused_with_a_remedy(tmp_path, monkeypatch, brand, remedy):
    """FFmpeg decodes one tile only."""
    monkeypatch.setattr(Image, 'ID', [name for name in Image.ID if name not in ('AVIF', 'HEIF')])
    (tmp_path / 'a.heic').write_bytes(b'\0\0\0\x18ftyp' + brand + b'\0\0\0\0mif1miaf'
                                      + bytes(100))
    with pytest.raises(AffectError, match=f'a.heic: .*convert it.*{remedy}|a.heic.*{remedy}'):
        open_media(str(tmp_path / 'a.heic'))


@pytest.mark.skipif(not features.check('avif'), reason='this Pillow reads no AVIF')
@pytest.mark.parametrize('share', [0.05, 0.5])
def test_a_truncated_avif_image_is_named(tmp_path, share):
    Image.fromarray(patches(RED, GREEN)).save(tmp_path / 'a.avif')
    data = (tmp_path / 'a.avif').read_bytes()
    (tmp_path / 'b.avif').write_bytes(data[:int(share * len(data))])
    with pytest.raises(AffectError, match='b.avif: the AVIF image cannot be read: it is trunc'):
        open_media(str(tmp_path / 'b.avif'))


def test_a_truncated_heif_image_is_named_if_the_plug_in_is_installed(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, 'ID', [*Image.ID, 'HEIF'])   # its opener has refused the file
    monkeypatch.setitem(Image.OPEN, 'HEIF', (Image.Image, lambda _: False))
    (tmp_path / 'a.heic').write_bytes(b'\0\0\0\x18ftypheic\0\0\0\0mif1heic' + bytes(100))
    with pytest.raises(AffectError, match='a.heic: the HEIF image cannot be read: it is trunc'):
        open_media(str(tmp_path / 'a.heic'))


def test_heif_is_read_if_the_plug_in_is_installed(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setitem(sys.modules, 'pillow_heif', types.SimpleNamespace(
        register_heif_opener=lambda: calls.append(1)))
    heif.register_heif.cache_clear()
    Image.new('L', (4, 4), 9).save(tmp_path / 'a.png')
    frames_of(tmp_path / 'a.png')
    heif.register_heif.cache_clear()
    assert calls == [1]


def save_gif(path, colours, durations, **options):
    """Write a GIF with one frame per colour."""
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


def test_gif_frames_with_changed_pixels_only_are_composited(tmp_path):
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


def test_a_corrupt_frame_in_the_middle_is_skipped_and_counted(tmp_path, monkeypatch, caplog):
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


def test_a_frame_of_excessive_size_in_a_gif_is_skipped(tmp_path):
    frames = [Image.new('L', (40, 40), value) for value in (10, 90, 170)]
    frames[0].save(tmp_path / 'a.gif', save_all=True, append_images=frames[1:], duration=100)
    data = bytearray((tmp_path / 'a.gif').read_bytes())
    place = data.rindex(b'\x2c' + struct.pack('<4H', 0, 0, 40, 40))
    data[place + 5:place + 9] = struct.pack('<2H', 65000, 65000)
    (tmp_path / 'a.gif').write_bytes(data)
    with open_media(str(tmp_path / 'a.gif')) as media:
        assert [frame.index for frame in media] == [0, 1] and media.skipped == 1


def test_a_truncated_gif_gives_its_first_frames(tmp_path):
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
            (tmp_path / name).write_text('not an image')
        else:
            Image.new('L', (4 + grey, 3), grey).save(tmp_path / name)
    with open_media(str(tmp_path), rate=10.0) as media:
        assert (media.width, media.height, media.frame_count, media.rate) == (5, 3, 3, None)
        frames = list(media)
    assert [frame.image.shape[1] - 4 for frame in frames] == [1, 2, 10]
    assert [frame.stamp for frame in frames] == pytest.approx([0.0, 0.1, 0.2])


def test_a_broken_image_of_a_folder_is_skipped(tmp_path):
    (tmp_path / '1.png').write_bytes(b'\x89PNG\r\n\x1a\nand no more')
    Image.new('L', (4, 4), 9).save(tmp_path / '2.png')
    with open_media(str(tmp_path)) as media:
        assert [frame.index for frame in media] == [1]
        assert media.skipped == 1


def png_head(width, height):
    """Return the header of a PNG of this size."""
    head = b'IHDR' + struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + struct.pack('>I', 13) + head + struct.pack(
        '>I', zlib.crc32(head)) + b'\x00\x00\x00\x00IDAT'


@pytest.mark.parametrize('size', [(16001, 8000), (60000, 60000)])
def test_an_excessive_size_is_refused_by_the_header(tmp_path, size):
    (tmp_path / 'huge.png').write_bytes(png_head(*size))
    with pytest.raises(AffectError, match=r'huge\.png.*(megapixels|too large).*scale it down'):
        open_media(str(tmp_path / 'huge.png'))


@pytest.mark.filterwarnings('error')
def test_a_tiff_that_is_cut_off_anywhere_prints_no_warning(tmp_path):
    pages = [Image.new('RGB', (8, 8), colour) for colour in ('red', 'green', 'blue')]
    buffer = io.BytesIO()
    pages[0].save(buffer, 'tiff', save_all=True, append_images=pages[1:])
    data = buffer.getvalue()
    read = 0
    for length in range(8, len(data), 7):
        (tmp_path / 'cut.tiff').write_bytes(data[:length])
        try:
            read += len(frames_of(tmp_path / 'cut.tiff'))
        except AffectError as error:
            assert 'cut.tiff: ' in str(error)
    assert read > 10


@pytest.mark.parametrize('kind', ['png', 'jpeg', 'webp', 'bmp', 'tiff'])
@pytest.mark.parametrize('share', [0.1, 0.5, 0.9])
def test_a_truncated_image_is_refused(tmp_path, kind, share):
    buffer = io.BytesIO()
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(pixels).save(buffer, kind)
    data = buffer.getvalue()
    path = tmp_path / f'cut.{kind}'
    path.write_bytes(data[:int(len(data) * share)])
    with pytest.raises(AffectError, match=rf'cut\.{kind}: .*(corrupt|truncated)'):
        frames_of(path)
