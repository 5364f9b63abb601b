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

"""Bags of images, read and written without a ROS installation, by `rosbags`."""

from collections.abc import Iterable, Iterator
import contextlib
from pathlib import Path
import struct
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import Frame

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
CONVERT = 'convert it: rosbags-convert --src BAG --dst FOLDER'
REMEDY = 'install it: python3 -m pip install rosbags'


def is_bag(path: str) -> bool:
    """Return whether a path looks like a ROS 2 bag: its folder or its storage file."""
    place = Path(path)
    with contextlib.suppress(OSError):   # of what must not be looked at
        return (place / 'metadata.yaml').is_file() or place.suffix in ('.mcap', '.db3')
    return False


class ImageBag:
    """
    The images of one topic of a bag.

    topic: its name. type: one of IMAGE_TYPES. count: number of messages.
    """

    def __init__(self, path: Path, *, topic: str = '') -> None:
        """
        Look into a bag; AffectError where it is missing, broken or has no such topic.

        path: of the bag's folder or its storage file. topic: '' for the first image topic.
        """
        if not str(path) or str(path) == '.':
            raise AffectError("parameter 'bag' is empty; set it to the path of a bag")
        try:
            inside = not path.is_dir() and (path.parent / 'metadata.yaml').is_file()
            there = path.exists()
        except OSError as error:   # a folder above it that must not be looked into, for instance
            raise AffectError(f'{path}: {error.strerror}') from error
        self._path = path.parent if inside else path
        if not there:
            raise AffectError(f'{path}: there is no such bag')
        if path.suffix == '.bag':
            raise AffectError(f'{path}: a bag of ROS 1; {CONVERT}')
        with self._reader() as reader:
            images = [each for each in reader.connections if each.msgtype in IMAGE_TYPES]
            chosen = [each for each in images if topic in ('', each.topic)]
            if not chosen:
                known = ', '.join(sorted({each.topic for each in images})) or 'none'
                raise AffectError(f"{path}: no image topic '{topic}'; its image topics: {known}")
            if getattr(chosen[0].ext, 'serialization_format', 'cdr') != 'cdr':
                raise AffectError(f'{path}: its messages are not those of ROS 2; {CONVERT}')
            self.topic: str = chosen[0].topic
            self.type: str = chosen[0].msgtype
            self.count: int = sum(each.msgcount for each in chosen
                                  if each.topic == self.topic)

    def messages(self) -> Iterator[tuple[int, tuple[int, int], bytes]]:
        """Yield time of recording [ns], header stamp (sec, nanosec) and serialized message."""
        with self._reader() as reader:
            chosen = [each for each in reader.connections if each.topic == self.topic]
            for _, when, data in reader.messages(connections=chosen):
                yield when, header_stamp(data), bytes(data)

    @contextlib.contextmanager
    def _reader(self) -> Iterator[Any]:
        with _rosbags():
            from rosbags.highlevel import AnyReader
            from rosbags.typesys import get_typestore, Stores
        try:
            reader = AnyReader([self._path],
                               default_typestore=get_typestore(Stores.ROS2_JAZZY))
            with reader:
                yield reader
        except AffectError:
            raise
        except Exception as error:   # of a broken file, rosbags raises whatever comes up
            text = f'{type(error).__name__}: {error}'
            raise AffectError(f'{self._path}: cannot be read as a bag: {text}') from error


def write_bag(path: Path, frames: Iterable[Frame], *, start: int, topic: str = '/image',
              frame_id: str = 'camera_optical_frame', storage: str = 'mcap') -> int:
    """
    Write frames as a bag of sensor_msgs/Image, bgr8 or mono8; return their number.

    path: of the bag's folder, which must not exist. start: stamp of time 0 of the frames, ns.
    storage: 'mcap' or 'sqlite3'. Raises AffectError where the bag cannot be written.
    """
    with _rosbags():
        from rosbags.rosbag2 import StoragePlugin, Writer
        from rosbags.rosbag2.errors import WriterError
        from rosbags.typesys import get_typestore, Stores
    types = get_typestore(Stores.ROS2_JAZZY)
    time, header, image = (types.types[name] for name in (
        'builtin_interfaces/msg/Time', 'std_msgs/msg/Header', IMAGE_TYPES[0]))
    plugin = {'mcap': StoragePlugin.MCAP, 'sqlite3': StoragePlugin.SQLITE3}[storage]
    count = 0
    try:
        with Writer(path, version=9, storage_plugin=plugin) as writer:
            connection = writer.add_connection(topic, IMAGE_TYPES[0], typestore=types)
            for frame in frames:
                when = start + round(frame.stamp * 1e9)
                height, width = frame.image.shape[:2]
                message = image(
                    header=header(time(when // 10**9, when % 10**9), frame_id), height=height,
                    width=width, encoding='mono8' if frame.image.ndim == 2 else 'bgr8',
                    is_bigendian=0, step=frame.image[0].nbytes, data=frame.image.reshape(-1))
                writer.write(connection, when, types.serialize_cdr(message, IMAGE_TYPES[0]))
                count += 1
    except (WriterError, OSError) as error:
        raise AffectError(f'{path}: the bag cannot be written: {error}; name a folder that does '
                          'not exist yet') from error
    return count


@contextlib.contextmanager
def _rosbags() -> Iterator[None]:
    """Say how to get rosbags where it is missing."""
    try:
        yield
    except ImportError as error:
        raise AffectError(f'bags need the Python package rosbags; {REMEDY}') from error


def header_stamp(data: bytes) -> tuple[int, int]:
    """
    Return the stamp (sec, nanosec) of a serialized message that begins with a header.

    data: CDR as on the wire; its second byte tells the byte order (RTPS 2.5, section 10.2).
    """
    order = '<' if data[1] & 1 else '>'
    sec, nanosec = struct.unpack_from(f'{order}iI', data, 4)
    return sec, nanosec
