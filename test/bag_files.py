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

"""Bags for tests: several topics, unusual stamps, truncated messages."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cv2
from face_affect_ros.media.portrait import portrait_path
import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import get_typestore, Stores

TYPES = get_typestore(Stores.ROS2_JAZZY)
IMAGE, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
STRING, INFO = 'std_msgs/msg/String', 'sensor_msgs/msg/CameraInfo'
START = 1_700_000_000 * 10**9
PORTRAIT = cv2.resize(cv2.imread(str(portrait_path())), (160, 160))


class Message(NamedTuple):
    """A serialized message, the time of its recording in ns, and its topic and type."""

    topic: str
    kind: str
    data: bytes
    when: int = START


def image(topic: str = '/image', *, stamp: int = START, when: int | None = None,
          encoding: str = 'bgr8', pixels: Any = PORTRAIT) -> Message:
    """Return an image message; stamp: of its header, ns."""
    message = TYPES.types[IMAGE](
        header=header(stamp), height=pixels.shape[0], width=pixels.shape[1], encoding=encoding,
        is_bigendian=0, step=pixels[0].nbytes, data=np.ascontiguousarray(pixels).view(
            np.uint8).reshape(-1))
    return Message(topic, IMAGE, bytes(TYPES.serialize_cdr(message, IMAGE)),
                   stamp if when is None else when)


def compressed(topic: str = '/image/compressed', *, stamp: int = START,
               format: str = 'jpeg') -> Message:  # noqa: A002
    """Return a compressed image message, a JPEG."""
    message = TYPES.types[COMPRESSED](header=header(stamp), format=format,
                                      data=cv2.imencode('.jpg', PORTRAIT)[1].reshape(-1))
    return Message(topic, COMPRESSED, bytes(TYPES.serialize_cdr(message, COMPRESSED)), stamp)


def depth(topic: str = '/depth', *, encoding: str = '16UC1') -> Message:
    """Return a depth image message."""
    kind = np.float32 if encoding == '32FC1' else np.uint16
    return image(topic, encoding=encoding, pixels=np.ones((4, 6), kind))


def camera_info(topic: str = '/camera_info', *, when: int = START, focal: float = 500.0,
                size: tuple[int, int] = (160, 160),
                distortion: tuple[float, ...] = (0.0,) * 5) -> Message:
    """Return a calibration. focal: length in pixels. size: of the image. distortion: D."""
    region = TYPES.types['sensor_msgs/msg/RegionOfInterest'](0, 0, 0, 0, False)
    matrix = np.array([[focal, 0, size[0] / 2], [0, focal, size[1] / 2], [0, 0, 1]])
    message = TYPES.types[INFO](
        header=header(when), height=size[1], width=size[0], distortion_model='plumb_bob',
        d=np.array(distortion), k=matrix.reshape(-1), r=np.eye(3).reshape(-1),
        p=np.hstack([2 * matrix, np.zeros((3, 1))]).reshape(-1), binning_x=0, binning_y=0,
        roi=region)
    return Message(topic, INFO, bytes(TYPES.serialize_cdr(message, INFO)), when)


def header(stamp: int) -> Any:
    """Return a header with a stamp in ns."""
    time = TYPES.types['builtin_interfaces/msg/Time'](stamp // 10**9, stamp % 10**9)
    return TYPES.types['std_msgs/msg/Header'](time, 'camera')


def write(path: Path, messages: Iterable[Message], *, storage: str = 'mcap',
          compression: str = '', empty: Iterable[tuple[str, str]] = (),
          definitions: Mapping[str, str] | None = None) -> Path:
    """
    Write a bag; return its path.

    compression: 'file', 'message' or 'storage'. empty: topics without messages, with their
    types; they come first. definitions: those of types that are not of ROS, with a wrong hash.
    """
    others = {kind: {'msgdef': text, 'rihs01': f'RIHS01_{0:064}'}
              for kind, text in (definitions or {}).items()}
    writer = Writer(path, version=9, storage_plugin={
        'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}[storage])
    if compression:
        writer.set_compression(CompressionMode[compression.upper()], CompressionFormat.ZSTD)
    with writer:
        connections = {each: writer.add_connection(*each, typestore=TYPES) for each in empty}
        for topic, kind, data, when in messages:
            if (topic, kind) not in connections:
                connections[topic, kind] = writer.add_connection(
                    topic, kind, **others.get(kind, {'typestore': TYPES}))
            writer.write(connections[topic, kind], when, data)
    return path


def storage_file(bag: Path) -> Path:
    """Return the storage file of a bag."""
    file, = (each for each in bag.iterdir() if each.name != 'metadata.yaml')
    return file


def damage(bag: Path) -> None:
    """Overwrite a part of the storage file of a bag, after most of its messages, with zeros."""
    file = storage_file(bag)
    data = bytearray(file.read_bytes())
    late = len(data) * 8 // 10
    data[late:late + 300_000] = bytes(300_000)
    file.write_bytes(data)
