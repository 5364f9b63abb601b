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

"""
The fuzzing targets: each is a function that takes any bytes, and returns.

An AffectError is the expected response to invalid input. Any other exception, a crash, a hang or a
large allocation is a finding. The tests and the coverage-guided fuzzer use the same targets.
"""

from collections.abc import Callable
import contextlib
import functools
import hashlib
import itertools
import os
from pathlib import Path
import shutil
import struct
import tempfile

from face_affect_ros.affect.interpreter import Network
from face_affect_ros.affect.model_store import find_model, load_card
from face_affect_ros.affect.types import AffectError
from face_affect_ros.bags import ImageBag
from face_affect_ros.nodes.image_conversion import decode_compressed, LAYOUTS, to_array, to_depth
from face_affect_ros.nodes.parameters import PARAMETERS, problem_with
import numpy as np
from sensor_msgs.msg import CompressedImage, Image

Target = Callable[[bytes], None]
#: Header of the bytes of an image: encoding, height, width, step, byte order; then the pixels.
IMAGE_HEAD = struct.Struct('<BIIIB')
#: The encodings by that number, some of them unknown or of depth images.
IMAGE_ENCODINGS = (*LAYOUTS, '16UC1', '32FC1', '', 'bgr9')
#: Formats of compressed images, by the first byte.
FORMATS = ('jpeg', 'bgr8; png compressed bgr8', '16UC1; compressedDepth png', '')
#: Maximum number of messages that are read from a bag.
MESSAGES = 100


def image_message(data: bytes) -> Image:
    """Return an image message with all fields from the bytes."""
    padded = data.ljust(IMAGE_HEAD.size, b'\0')
    kind, height, width, step, big = IMAGE_HEAD.unpack_from(padded)
    return Image(encoding=IMAGE_ENCODINGS[kind % len(IMAGE_ENCODINGS)], height=height,
                 width=width, step=step, is_bigendian=big & 1, data=padded[IMAGE_HEAD.size:])


def image(data: bytes) -> None:
    """Read a raw image, as a colour image and as a depth image."""
    message = image_message(data)
    with contextlib.suppress(AffectError):
        pixels = to_array(message)
        assert pixels.dtype == np.uint8
        assert pixels.shape[:2] == (message.height, message.width)
    with contextlib.suppress(AffectError):
        assert to_depth(message).shape == (message.height, message.width)


def compressed(data: bytes) -> None:
    """Read a compressed image."""
    message = CompressedImage(format=FORMATS[data[0] % len(FORMATS) if data else 0],
                              data=data[1:])
    with contextlib.suppress(AffectError):
        pixels = decode_compressed(message)
        assert pixels.dtype == np.uint8 and pixels.size


@functools.cache
def _folder() -> Path:
    """Yield a temporary folder, in memory if possible."""
    memory = '/dev/shm' if os.access('/dev/shm', os.W_OK) else None
    holder = tempfile.TemporaryDirectory(prefix='face_affect_fuzz_', dir=memory)
    _HOLDERS.append(holder)
    return Path(holder.name)


_HOLDERS: list['tempfile.TemporaryDirectory[str]'] = []


@functools.cache
def _model() -> Path:
    return Path(shutil.copytree(find_model('emotion_mini_xception'), _folder() / 'model'))


def card(data: bytes) -> None:
    """Read the card of a model, beside its network."""
    (_model() / 'card.yaml').write_bytes(data)
    with contextlib.suppress(AffectError):
        load_card(str(_model()))


def network(data: bytes) -> None:
    """Load a network with a card that has its checksum, and run it once."""
    path = _folder() / f'{hashlib.sha256(data).hexdigest()[:8]}.tflite'
    path.write_bytes(data)
    try:
        with contextlib.suppress(AffectError):
            loaded = Network(path)
            loaded(np.zeros(loaded.input_shape, np.float32))
    finally:
        path.unlink()


def parameters(data: bytes) -> None:
    """Read a parameter file like rclpy, and check its values like the node."""
    from rclpy import Context
    from rclpy.parameter import Parameter, parameter_dict_from_yaml_file
    path = _folder() / 'parameters.yaml'
    path.write_bytes(data)
    context = Context()
    try:
        context.init(['--ros-args', '--params-file', str(path)])
    except Exception as error:  # the exception of rcl has no public type
        assert 'params' in str(error) or 'arg' in str(error).lower(), error
        return
    else:
        context.shutdown()
    try:
        given = parameter_dict_from_yaml_file(str(path), use_wildcard=True)
    except Exception:   # of the command line tools, which accept less than rcl
        return
    values = {name: Parameter.from_parameter_msg(message).value
              for name, message in given.items()}
    # rclpy accepts only values of the declared type.
    problem_with({name: value for name, value in values.items()
                  if name in PARAMETERS and type(value) is type(PARAMETERS[name].default)})


def bag(data: bytes) -> None:
    """Read a bag: by the first byte a database or an MCAP file."""
    path = _folder() / ('bag.db3' if data[:1] == b'd' else 'bag.mcap')
    path.write_bytes(data[1:])
    with contextlib.suppress(AffectError):
        for _, stamp, message in itertools.islice(ImageBag(path).messages(), MESSAGES):
            assert len(stamp) == 2 and message


TARGETS: dict[str, Target] = {each.__name__: each for each in (
    image, compressed, card, network, parameters, bag)}
