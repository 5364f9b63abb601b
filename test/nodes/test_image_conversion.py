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

"""Image messages to pixels and back."""

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from face_affect_ros.nodes.image_conversion import (  # noqa: E402, I100
    ImageConversionError,
    LAYOUTS,
    to_array,
    to_message,
)
from sensor_msgs.msg import Image  # noqa: E402
from std_msgs.msg import Header  # noqa: E402


def message_of(encoding, rows, *, width, height=None, padding=b'', big=False):
    """Return a message of these rows of bytes, each followed by the padding."""
    data = b''.join(bytes(row) + padding for row in rows)
    return Image(encoding=encoding, width=width, height=height or len(rows), is_bigendian=big,
                 step=len(bytes(rows[0])) + len(padding), data=data)


#: Encoding, rows of bytes, width, height, expected pixels: grey, or (B, G, R).
TABLE = [
    ('mono8', [[1, 2, 3], [4, 5, 255]], 3, 2, [[1, 2, 3], [4, 5, 255]]),
    ('8UC1', [[9, 8]], 2, 1, [[9, 8]]),
    ('mono16', [[0, 0, 255, 255, 1, 1]], 3, 1, [[0, 255, 1]]),
    ('mono16', [[128, 0, 129, 0, 0, 128]], 3, 1, [[0, 1, 128]]),
    ('bgr8', [[1, 2, 3, 4, 5, 6]], 2, 1, [[(1, 2, 3), (4, 5, 6)]]),
    ('8UC3', [[1, 2, 3], [4, 5, 6]], 1, 2, [[(1, 2, 3)], [(4, 5, 6)]]),
    ('rgb8', [[1, 2, 3, 4, 5, 6]], 2, 1, [[(3, 2, 1), (6, 5, 4)]]),
    ('bgra8', [[1, 2, 3, 99, 4, 5, 6, 0]], 2, 1, [[(1, 2, 3), (4, 5, 6)]]),
    ('rgba8', [[1, 2, 3, 99, 4, 5, 6, 0]], 2, 1, [[(3, 2, 1), (6, 5, 4)]]),
    # BT.601: luma 16 is black and 235 white; 128 is no colour
    ('yuv422', [[128, 16, 128, 235]], 2, 1, [[(0, 0, 0), (255, 255, 255)]]),
    ('uyvy', [[128, 16, 128, 235]], 2, 1, [[(0, 0, 0), (255, 255, 255)]]),
    ('yuv422_yuy2', [[16, 128, 235, 128]], 2, 1, [[(0, 0, 0), (255, 255, 255)]]),
    ('yuyv', [[16, 128, 235, 128]], 2, 1, [[(0, 0, 0), (255, 255, 255)]]),
    # red is luma 81, U 90, V 240
    ('yuv422', [[90, 81, 240, 81]], 2, 1, [[(0, 0, 254), (0, 0, 254)]]),
    ('yuv422_yuy2', [[81, 90, 81, 240]], 2, 1, [[(0, 0, 254), (0, 0, 254)]]),
    # blue is luma 41, U 240, V 110
    ('uyvy', [[240, 41, 110, 41]], 2, 1, [[(255, 0, 0), (255, 0, 0)]]),
    ('yuyv', [[41, 240, 41, 110]], 2, 1, [[(255, 0, 0), (255, 0, 0)]]),
    ('nv12', [[81, 81], [81, 81], [90, 240]], 2, 2, [[(0, 0, 254)] * 2] * 2),
    ('nv21', [[81, 81], [81, 81], [240, 90]], 2, 2, [[(0, 0, 254)] * 2] * 2),
    ('nv12', [[16, 235, 41, 41], [16, 235, 41, 41], [128, 128, 240, 110]], 4, 2,
     [[(0, 0, 0), (255, 255, 255), (255, 0, 0), (255, 0, 0)]] * 2),
]


@pytest.mark.parametrize('padding', [b'', b'\xaa', b'\xaa' * 2, b'\xaa' * 3, b'\xaa' * 8])
@pytest.mark.parametrize('encoding, rows, width, height, expected', TABLE)
def test_literal_pixels(encoding, rows, width, height, expected, padding):
    message = message_of(encoding, rows, width=width, height=height, padding=padding)
    image = to_array(message)
    assert image.dtype == np.uint8 and image.flags.c_contiguous
    assert image.shape == np.shape(expected)
    # OpenCV converts YUV with integers, so that the last bit may differ
    tolerance = 1 if encoding[:3] in ('yuv', 'yuy', 'uyv', 'nv1', 'nv2') else 0
    assert np.abs(image.astype(int) - expected).max() <= tolerance


#: Pattern of the first two rows and columns.
BAYER = {'bayer_rggb8': 'RGGB', 'bayer_bggr8': 'BGGR', 'bayer_gbrg8': 'GBRG',
         'bayer_grbg8': 'GRBG'}


@pytest.mark.parametrize('size', [(4, 4), (6, 5), (7, 9)])
@pytest.mark.parametrize('encoding', BAYER)
def test_bayer_of_one_colour(encoding, size):
    """The mosaic of a plain colour is converted to that colour."""
    values = {'R': 200, 'G': 100, 'B': 50}
    tile = np.array([values[letter] for letter in BAYER[encoding]], np.uint8).reshape(2, 2)
    height, width = size
    mosaic = np.tile(tile, (5, 5))[:height, :width]
    image = to_array(message_of(encoding, [row.tobytes() for row in mosaic], width=width))
    assert image.shape == (height, width, 3)
    assert np.array_equal(np.unique(image.reshape(-1, 3), axis=0), [[50, 100, 200]])


@pytest.mark.parametrize('encoding, code, rows, channels', [
    ('yuv422', cv2.COLOR_YUV2BGR_UYVY, 12, 2), ('yuv422_yuy2', cv2.COLOR_YUV2BGR_YUY2, 12, 2),
    ('nv12', cv2.COLOR_YUV2BGR_NV12, 18, 1), ('nv21', cv2.COLOR_YUV2BGR_NV21, 18, 1),
    ('bayer_rggb8', cv2.COLOR_BayerBG2BGR, 12, 1), ('bayer_bggr8', cv2.COLOR_BayerRG2BGR, 12, 1),
    ('bayer_gbrg8', cv2.COLOR_BayerGR2BGR, 12, 1), ('bayer_grbg8', cv2.COLOR_BayerGB2BGR, 12, 1),
])
@pytest.mark.parametrize('padding', [0, 5])
def test_same_as_opencv(encoding, code, rows, channels, padding):
    pixels = np.random.default_rng(3).integers(0, 256, (rows, 16, channels), np.uint8)
    expected = cv2.cvtColor(pixels if channels == 2 else pixels[:, :, 0], code)
    message = message_of(encoding, [row.tobytes() for row in pixels], width=16, height=12,
                         padding=bytes(padding))
    assert np.array_equal(to_array(message), expected)


@pytest.mark.skipif(int(np.__version__.split('.')[0]) >= 2,
                    reason='cv_bridge is built for numpy 1')
@pytest.mark.parametrize('encoding, wanted, size', [
    ('mono8', 'passthrough', 1), ('bgr8', 'passthrough', 3), ('rgb8', 'bgr8', 3),
    ('bgra8', 'bgr8', 4), ('rgba8', 'bgr8', 4), ('mono16', 'mono8', 2),
    *((name, 'bgr8', 1) for name in BAYER)])
def test_same_pixels_as_cv_bridge(encoding, wanted, size):
    bridge = pytest.importorskip('cv_bridge', reason='cv_bridge is not installed').CvBridge()
    rows = np.random.default_rng(6).integers(0, 256, (12, 16 * size), np.uint8)
    message = message_of(encoding, [row.tobytes() for row in rows], width=16)
    assert np.array_equal(to_array(message), bridge.imgmsg_to_cv2(message, wanted))


@pytest.mark.parametrize('big', [False, True])
def test_mono16_is_scaled_as_cv_bridge_does(big):
    """All values, scaled by 255 / 65535 and rounded."""
    values = np.arange(65536, dtype=np.float64).reshape(256, 256)
    stored = values.astype('>u2' if big else '<u2')
    image = to_array(message_of('mono16', [row.tobytes() for row in stored], width=256, big=big,
                                padding=b'\xff\xff\xff'))
    assert np.array_equal(image, np.rint(values * 255.0 / 65535.0))


def test_big_endian_bytes_are_bytes():
    assert np.array_equal(to_array(message_of('bgr8', [[1, 2, 3]], width=1, big=True)),
                          [[[1, 2, 3]]])


@pytest.mark.parametrize('encoding', ['mono8', 'bgr8', 'rgb8', 'mono16', 'yuyv'])
def test_the_pixels_are_read_only(encoding):
    size = {'mono8': 1, 'bgr8': 3, 'rgb8': 3, 'mono16': 2, 'yuyv': 2}[encoding]
    message = message_of(encoding, [bytes(4 * size)] * 2, width=4)
    image = to_array(message)
    with pytest.raises(ValueError, match='read-only'):
        image[0, 0] = 1
    assert message.data == message_of(encoding, [bytes(4 * size)] * 2, width=4).data


@pytest.mark.parametrize('encoding', ['mono8', 'bgr8'])
def test_no_copy_is_made_where_none_is_needed(encoding):
    step = 12 if encoding == 'bgr8' else 4
    message = message_of(encoding, [bytes(step)] * 2, width=4)
    assert np.shares_memory(to_array(message), np.frombuffer(message.data, np.uint8))


def test_bytes_after_the_image_are_ignored():
    message = message_of('mono8', [[1, 2], [3, 4]], width=2)
    message.data = bytes(message.data) + b'checksum'
    assert np.array_equal(to_array(message), [[1, 2], [3, 4]])


@pytest.mark.parametrize('changes, problem', [
    ({'width': 0}, 'no pixels'),
    ({'height': 0}, 'no pixels'),
    ({'step': 11}, 'a row needs a step of at least 12'),
    ({'step': 0}, 'a row needs a step of at least 12'),
    ({'width': 2**32 - 1}, 'a row needs a step of at least 12884901885'),
    ({'height': 5}, 'at least 60 bytes of data'),
    ({'height': 2**32 - 1, 'step': 2**32 - 1}, 'bytes of data are needed'),
    ({'step': 13}, 'at least 52 bytes of data'),
    ({'data': b''}, 'at least 48 bytes of data'),
    ({'data': bytes(47)}, 'at least 48 bytes of data'),
    ({'encoding': 'mono16', 'width': 7}, 'a row needs a step of at least 14'),
    ({'encoding': 'yuyv', 'width': 5}, 'its width must be even'),
    ({'encoding': 'nv12', 'width': 3}, 'its width and height must be even'),
    ({'encoding': 'nv21', 'height': 3}, 'its width and height must be even'),
    ({'encoding': 'nv12'}, 'at least 72 bytes of data'),
])
def test_contradicting_sizes_are_refused(changes, problem):
    fields = {'encoding': 'bgr8', 'width': 4, 'height': 4, 'step': 12, 'data': bytes(48)}
    fields.update(changes)
    with pytest.raises(ImageConversionError) as caught:
        to_array(Image(**fields))
    text = str(caught.value)
    assert problem in text and '\n' not in text
    assert f"'{fields['encoding']}'" in text and f"{fields['width']}x{fields['height']}" in text
    assert f'step {fields["step"]}, {len(fields["data"])} bytes' in text


@pytest.mark.parametrize('encoding', ['x' * 1000, '\n' * 1000, '\u2028' * 1000])
def test_an_error_quotes_at_most_sixty_printable_characters(encoding):
    with pytest.raises(ImageConversionError) as caught:
        to_array(Image(encoding=encoding, width=4, height=4, step=12, data=bytes(48)))
    quoted = str(caught.value).split("'")[1]
    assert len(quoted) == 60 and quoted.isprintable()


@pytest.mark.parametrize('encoding', ['', 'bgr9', '32FC1', '16UC1', 'nv24', 'bayer_rggb16'])
def test_encodings_that_cannot_be_read_are_refused(encoding):
    message = Image(encoding=encoding, width=2, height=2, step=16, data=bytes(64))
    with pytest.raises(ImageConversionError) as caught:
        to_array(message)
    assert f"'{encoding}' cannot be read" in str(caught.value)
    assert all(known in str(caught.value) for known in LAYOUTS)


@pytest.mark.parametrize('encoding, shape', [
    ('bgr8', (480, 640, 3)), ('bgr8', (3, 5, 3)), ('rgb8', (7, 1, 3)), ('mono8', (5, 7))])
def test_arrays_are_converted_to_messages_and_back(encoding, shape):
    image = np.random.default_rng(4).integers(0, 256, shape, np.uint8)
    header = Header(frame_id='camera')
    header.stamp.sec, header.stamp.nanosec = 12, 34
    message = to_message(image, encoding, header)
    assert message.header == header
    assert (message.height, message.width, message.encoding) == (*shape[:2], encoding)
    assert message.step == shape[1] * (3 if len(shape) == 3 else 1)
    assert bytes(message.data) == image.tobytes()
    again = to_array(message)
    assert np.array_equal(again[:, :, ::-1] if encoding == 'rgb8' else again, image)


def test_arrays_with_gaps_are_sent():
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    for view in (image[::2, ::2], image[:, :, ::-1], image[1:3, 2:4]):
        assert bytes(to_message(view, 'bgr8', Header()).data) == view.tobytes()
