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

"""Compressed image messages to pixels and back."""

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from face_affect_ros.nodes.image_conversion import (  # noqa: E402, I100
    decode_compressed,
    ImageConversionError,
    to_compressed,
)
from sensor_msgs.msg import CompressedImage  # noqa: E402
from std_msgs.msg import Header  # noqa: E402


@pytest.fixture
def picture():
    """Return a smooth colour image, (48, 64, 3)."""
    y, x = np.mgrid[:48, :64]
    return np.stack([4 * x, 5 * y, 255 - 2 * x - 2 * y], 2).astype(np.uint8)


def encoded(suffix, image):
    """Return an image as the bytes of a file."""
    done, data = cv2.imencode(suffix, image)
    assert done
    return data.tobytes()


def message_of(data, kind='jpeg'):
    return CompressedImage(format=kind, data=data)


@pytest.mark.parametrize('grey', [False, True])
def test_images_are_encoded_and_decoded(picture, grey):
    image = np.ascontiguousarray(picture[:, :, 1]) if grey else picture
    header = Header(frame_id='camera')
    header.stamp.sec = 7
    message = to_compressed(image, header, quality=95)
    assert message.header == header
    name = 'mono8' if grey else 'bgr8'
    assert message.format.startswith(f'{name}; jpeg compressed')
    again = decode_compressed(message)
    assert again.shape == image.shape and again.dtype == np.uint8
    assert np.abs(again.astype(int) - image).max() <= 6
    assert not again.flags.writeable


def test_quality(picture):
    noise = np.random.default_rng(5).integers(0, 256, (48, 64, 3), np.uint8)
    small, large = (len(to_compressed(noise, Header(), quality=quality).data)
                    for quality in (10, 95))
    assert small < large / 2


@pytest.mark.parametrize('kind', [
    'jpeg', 'png', 'rgb8; png compressed bgr8', 'bgr8; png compressed ', '', 'nonsense'])
def test_colours_do_not_depend_on_the_format_string(picture, kind):
    assert np.array_equal(decode_compressed(message_of(encoded('.png', picture), kind)), picture)


def test_16_bits_are_scaled_and_alpha_is_dropped(picture):
    deep = (picture[:, :, 0].astype(np.uint16) * 257)
    assert np.array_equal(decode_compressed(message_of(encoded('.png', deep))), picture[:, :, 0])
    layered = np.dstack([picture, np.full((48, 64), 9, np.uint8)])
    assert np.array_equal(decode_compressed(message_of(encoded('.png', layered))), picture)


@pytest.mark.parametrize('kind', [
    '16UC1; compressedDepth', '32FC1; compressedDepth png', '16UC1; compressedDepth rvl',
    '16UC1; png compressed ', '32FC1; tiff compressed', '16UC1;jpeg compressed'])
def test_depth_images_are_refused(picture, kind):
    data = encoded('.png', picture)
    with pytest.raises(ImageConversionError, match='is a depth image'):
        decode_compressed(message_of(data, kind))


@pytest.mark.parametrize('orientation', [2, 3, 6, 8])
def test_the_exif_orientation_is_ignored(picture, orientation):
    """As in image_transport: camera_info describes the pixels of the file."""
    exif = PillowImage.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    PillowImage.fromarray(picture[:, :, ::-1]).save(buffer, 'JPEG', quality=95, exif=exif)
    assert np.abs(decode_compressed(message_of(buffer.getvalue())).astype(int)
                  - picture).max() <= 12


@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
@pytest.mark.parametrize('kind, deep', [
    ('8; png compressed', False), ('8; png compressed ', False), ('16; png compressed', True)])
def test_a_bayer_pattern_becomes_colours(pattern, kind, deep):
    """The name of a pattern has the colours of its first row, then of its second."""
    colour = {'r': 200, 'g': 90, 'b': 20}
    first, second, third, fourth = (colour[name] for name in pattern)
    mosaic = np.tile(np.array([[first, second], [third, fourth]], np.uint8), (8, 8))
    data = encoded('.png', mosaic.astype(np.uint16) * 257 if deep else mosaic)
    image = decode_compressed(message_of(data, f'bayer_{pattern}{kind}'))
    assert image.shape == (16, 16, 3) and not image.flags.writeable
    assert np.array_equal(image[4:12, 4:12].reshape(-1, 3), [[20, 90, 200]] * 64)


def test_colour_files_of_a_bayer_pattern_are_unchanged(picture):
    message = message_of(encoded('.png', picture), 'bayer_rggb8; png compressed bgr8')
    assert np.array_equal(decode_compressed(message), picture)


def test_large_metadata_are_accepted(picture):
    buffer, text = io.BytesIO(), PngInfo()
    text.add_text('Comment', 'a' * 2_000_000, zip=True)
    PillowImage.fromarray(picture[:, :, ::-1]).save(buffer, 'PNG', pnginfo=text)
    assert np.array_equal(decode_compressed(message_of(buffer.getvalue(), 'png')), picture)


@pytest.mark.parametrize('suffix', ['.jpg', '.png', '.webp', '.bmp'])
@pytest.mark.parametrize('share', [0.02, 0.3, 0.7, 0.99])
def test_truncated_files_are_refused(picture, suffix, share, capfd):
    data = encoded(suffix, picture)
    with pytest.raises(ImageConversionError) as caught:
        decode_compressed(message_of(data[:int(len(data) * share)]))
    assert "of format 'jpeg'" in str(caught.value) and '\n' not in str(caught.value)
    assert capfd.readouterr().err == ''


@pytest.mark.parametrize('data', [b'', b'x', b'\xff\xd8\xff', b'\xff\xd8\xff\xd9',
                                  bytes(range(256)) * 40])
def test_data_that_are_not_an_image_are_refused(data):
    with pytest.raises(ImageConversionError, match=f'{len(data)} bytes of data: '):
        decode_compressed(message_of(data))


def test_bytes_after_an_image_are_ignored(picture):
    """Cameras that send motion JPEG pad their frames."""
    data = encoded('.jpg', picture)
    assert np.array_equal(decode_compressed(message_of(data + bytes(100))),
                          decode_compressed(message_of(data)))


def forged_png(width, height):
    """Return a PNG whose header has this size."""
    head = b'IHDR' + struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    buffer = io.BytesIO()
    PillowImage.new('RGB', (2, 2)).save(buffer, 'PNG')
    return (buffer.getvalue()[:12] + head + struct.pack('>I', zlib.crc32(head))
            + buffer.getvalue()[33:])


def forged_jpeg(width, height):
    """Return a JPEG whose start of frame has this size."""
    data = bytearray(encoded('.jpg', np.zeros((8, 8, 3), np.uint8)))
    start = data.index(b'\xff\xc0') + 5
    data[start:start + 4] = struct.pack('>HH', height, width)
    return bytes(data)


@pytest.mark.parametrize('forge', [forged_png, forged_jpeg])
@pytest.mark.parametrize('size', [(20000, 6401), (65000, 65000)])
def test_too_large_a_size_is_refused_by_the_header(forge, size):
    with pytest.raises(ImageConversionError, match='megapixels|too large'):
        decode_compressed(message_of(forge(*size)))


def forged_bmp(width, height):
    """Return a BMP of a few bytes whose header has this size."""
    head = struct.pack('<IiiHHIIiiII', 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return struct.pack('<2sIHHI', b'BM', 54, 0, 0, 54) + head + b'\0'


@pytest.mark.parametrize('forge', [forged_png, forged_jpeg, forged_bmp])
def test_a_small_file_with_a_huge_size_is_refused(forge):
    with pytest.raises(ImageConversionError, match='more than that can hold') as caught:
        decode_compressed(message_of(forge(9000, 9000)))
    assert caught.value.kind == 'too large'


def test_a_large_plain_image_is_accepted():
    plain = np.zeros((3000, 4000), np.uint8)
    for suffix in ('.png', '.jpg'):
        assert decode_compressed(message_of(encoded(suffix, plain))).shape == plain.shape


@pytest.mark.parametrize('image', [
    np.zeros((0, 4), np.uint8), np.zeros((4, 4, 2), np.uint8), np.zeros((4, 70000), np.uint8)])
def test_arrays_that_cannot_be_compressed_are_refused(image):
    with pytest.raises(ImageConversionError):
        to_compressed(image, Header())
