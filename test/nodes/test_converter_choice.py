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

"""cv_bridge is used where it works, and left alone where it is missing, broken or crashes."""

import logging
import sys

import numpy as np
import pytest

pytest.importorskip('rclpy', reason='rclpy is not installed: no ROS 2 here')

from face_affect_ros.nodes.image_conversion import backend, converters, to_array  # noqa: E402,I100
from sensor_msgs.msg import Image  # noqa: E402

#: A cv_bridge that knows bgr8 and rgb8 only, and says so of others as the real one does.
SMALL = """
import numpy as np
from sensor_msgs.msg import Image
class CvBridgeError(TypeError):
    pass
class CvBridge:
    def imgmsg_to_cv2(self, message, wanted):
        if message.encoding not in ('bgr8', 'rgb8'):
            raise CvBridgeError(f'Unrecognized image encoding [{message.encoding}]')
        image = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        return image if wanted in ('passthrough', message.encoding) else image[:, :, ::-1].copy()
    def cv2_to_imgmsg(self, image, encoding, header):
        return Image(header=header, height=image.shape[0], width=image.shape[1],
                     encoding=encoding, step=image.shape[1] * 3, data=image.tobytes())
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that installs a cv_bridge of this source, for one test."""
    def install(source):
        (tmp_path / 'cv_bridge.py').write_text(source)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(sys.modules, 'cv_bridge', raising=False)
        converters.converter.cache_clear()

    yield install
    sys.modules.pop('cv_bridge', None)
    converters.converter.cache_clear()


@pytest.fixture(params=['1.26.4', '2.4.6'])
def numpy_version(request, monkeypatch):
    """Pretend a version of numpy, on which it depends how cv_bridge is probed."""
    monkeypatch.setattr(np, '__version__', request.param)


def test_one_that_works_is_used(install, numpy_version):
    install(SMALL)
    assert backend() == 'cv_bridge'


@pytest.mark.parametrize('source', [
    "raise ImportError('libboost_python312.so.1.83.0: cannot open shared object file')",
    "raise AttributeError('_ARRAY_API not found')",
    SMALL.replace('return image if', "raise KeyError('bgr8')\n        return image if"),
    SMALL.replace('[:, :, ::-1].copy()', '.copy()'),
    'class CvBridge: pass',
])
def test_one_that_is_broken_is_not(install, numpy_version, source, caplog):
    install(source)
    assert backend() == 'own'
    assert 'cv_bridge is installed but does not work' in caplog.text


@pytest.mark.parametrize('where', ['import', 'use'])
def test_one_that_crashes_the_process_is_not_let_in(install, monkeypatch, where, caplog):
    """So does a cv_bridge built for numpy 1, under numpy 2, when it is used first."""
    monkeypatch.setattr(np, '__version__', '2.0.0')
    crash = 'import os, signal; os.kill(os.getpid(), signal.SIGSEGV)\n'
    install(crash + SMALL if where == 'import' else
            SMALL.replace('        return image if', f'        {crash}        return image if'))
    assert backend() == 'own'
    assert 'SIGSEGV' in caplog.text


def test_without_one_ours_is_used(monkeypatch, caplog):
    converters.converter.cache_clear()
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    assert backend() == 'own'
    converters.converter.cache_clear()
    assert caplog.text == ''


def test_what_cv_bridge_does_not_know_our_own_converter_reads(install, caplog):
    install(SMALL)
    caplog.set_level(logging.INFO)
    assert backend() == 'cv_bridge'
    message = Image(encoding='nv12', width=2, height=2, step=2,
                    data=bytes([16, 235, 16, 235, 128, 128]))
    for _ in range(3):
        assert np.abs(to_array(message)[0].astype(int) - [[0] * 3, [255] * 3]).max() <= 1
    assert caplog.text.count('cv_bridge does not read nv12') == 1


def test_what_cv_bridge_fails_at_our_own_converter_reads(install):
    """It swaps bytes by a method that arrays of numpy 2 do not have."""
    install(SMALL.replace('raise CvBridgeError(f', 'raise AttributeError(f'))
    assert backend() == 'cv_bridge'
    message = Image(encoding='mono16', width=2, height=1, step=4, is_bigendian=1,
                    data=bytes([0xff, 0xff, 0, 0]))
    assert np.array_equal(to_array(message), [[255, 0]])


def test_rows_padded_by_part_of_a_pixel_are_ours(install):
    """cv_bridge divides the step by the size of a pixel and would shear the image."""
    install(SMALL)
    message = Image(encoding='bgr8', width=1, height=2, step=4, data=bytes(range(1, 9)))
    assert np.array_equal(to_array(message), [[[1, 2, 3]], [[5, 6, 7]]])
