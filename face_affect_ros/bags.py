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

"""Bags of images, read and written by `rosbags`, without a ROS installation."""

from collections.abc import Iterable, Iterator, Sequence
import contextlib
import errno
import functools
import itertools
import os
from pathlib import Path
import re
import shlex
import struct
import tempfile
from typing import Any, NamedTuple
from urllib.parse import quote

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import Frame
from face_affect_ros.nodes.image_conversion import (
    decode_compressed,
    ImageConversionError,
    to_array,
)
from face_affect_ros.paths import (
    COMPRESSED_SUFFIXES,
    expanded,
    is_bag,
    is_part,
    is_storage,
    MAKE_READABLE,
    readable,
    ROS1_SUFFIX,
    unfinished,
)

__all__ = ['ImageBag', 'deserialized', 'header_stamp', 'is_bag', 'write_bag']

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
#: Types of compressed video, of image transports and of Foxglove.
VIDEO = re.compile('FFMPEGPacket|CompressedVideo|theora')
CONVERT = 'convert it: rosbags-convert --src BAG --dst FOLDER'
REMEDY = 'install it: python3 -m pip install rosbags'
#: Encodings of measurements such as depth, not of grey or colour images: 16UC1, 32FC1 and similar.
MEASUREMENT = re.compile(r'(8S|16[US]|32[SF]|64F)C[0-9]+')
#: Topics of images that are drawn by the node face_affect, or are crops of people as in REP-155.
OWN = re.compile(r'/(image_annotated|saliency)(/compressed)?$|^/humans/')
#: The first bytes of Zstandard data (RFC 8878).
ZSTD = b'\x28\xb5\x2f\xfd'
#: The format of the definition of a message type that ros2 bag has not found.
UNDEFINED = 'unknown'
#: Formats of definitions that rosbags does not read; an MCAP file may have them beside ROS 2.
UNREAD = (UNDEFINED, 'ros1msg', 'jsonschema', 'protobuf', 'flatbuffer')
#: Rank of a topic whose first images cannot be decoded.
UNREADABLE = 4
#: Errors of a full disk.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: Maximum length of an error of rosbags in a message; it may quote a file.
SHOWN = 200
#: Messages of a topic that are read to determine its content; the first ones may be broken.
LOOKS = 10


class ImageBag:
    """
    The images of one topic of a bag.

    Attributes:
        topic: Name of the topic.
        type: One of IMAGE_TYPES.
        count: Number of messages.
        seconds: From the first message of the bag to the last.
        others: Other topics with grey or colour images.
        broken: Messages that the current iteration has skipped, because they are truncated.
        missing: Messages of `count` that the last complete iteration has not found in the files.
    """

    def __init__(self, path: str | Path, *, topic: str = '') -> None:
        """
        Open a bag and select a topic.

        Args:
            path: The folder of the bag or its storage file.
            topic: Image topic. '' for the first one that can be decoded, colour preferred; topics
                without messages and topics of depth images are skipped.

        Raises:
            AffectError: The bag is missing, broken or contains no grey or colour images.
        """
        self._path = _found(path)
        self.broken = self.missing = 0
        with self._reader() as reader:
            images = [each for each in reader.connections if _type(each) in IMAGE_TYPES]
            self._check_topics(images, topic, reader.connections)
            kinds = {(each.topic, _type(each)): self._kind(reader, each) for each in images
                     if topic in ('', each.topic)}
            good = sorted((each for each in kinds if not kinds[each].problem),
                          key=lambda each: kinds[each].rank)
            if not good:
                found = ', '.join(f'{name}: {kind.problem}' for (name, _), kind in kinds.items())
                raise AffectError(f'{path}: contains no grey or colour images; {found}'
                                  f'{_known(images)}')
            self.topic, self.type = good[0]
            self.others = [name for name, _ in good[1:] if name != self.topic]
            self.count: int = sum(each.msgcount for each in images
                                  if (each.topic, _type(each)) == good[0])
            self.seconds: float = reader.duration * 1e-9

    def messages(self) -> Iterator[tuple[int, tuple[int, int], bytes]]:
        """
        Yield time of recording [ns], header stamp (sec, nanosec) and serialized message.

        Truncated messages are skipped and counted in `broken`.
        """
        self.broken = self.missing = found = 0
        with self._reader() as reader:
            for _, when, data in reader.messages(connections=self._chosen(
                    reader, self.topic, self.type)):
                found += 1
                if deserialized(data, self.type) is None:
                    self.broken += 1
                else:
                    yield when, header_stamp(data), bytes(data)
        self.missing = max(0, self.count - found)

    def shortage(self) -> str:
        """Return how many messages are `missing`, and the remedy."""
        return (f'{self.missing} of the {self.count} messages of {self.topic} are not in the '
                f'files of the bag; {_mending(self._path)}')

    def _check_topics(self, images: list[Any], topic: str, connections: list[Any]) -> None:
        if not any(topic in ('', each.topic) for each in images):
            wanted = f"no image topic '{topic}'" if topic else 'contains no images'
            video = sorted({each.topic for each in connections if VIDEO.search(each.msgtype)})
            convert = (f"; {', '.join(video)}: video, which is not read; convert it to "
                       'CompressedImage: ros2 run image_transport republish' if video else '')
            raise AffectError(f'{self._path}: {wanted}{_known(images)}{convert}')
        if any(getattr(each.ext, 'serialization_format', 'cdr') != 'cdr' for each in images):
            raise AffectError(f'{self._path}: the messages are not those of ROS 2; {CONVERT}')

    def _kind(self, reader: Any, connection: Any) -> '_Kind':
        """Return the content of a topic, from its first messages."""
        topic, kind = connection.topic, _type(connection)
        chosen = self._chosen(reader, topic, kind)
        count = sum(each.msgcount for each in chosen)
        problem = 'no messages' if not count else (
            f'none of its {count} messages is in the index of the bag; {_mending(self._path)}')
        unreadable: _Kind | None = None
        for _, _, data in itertools.islice(reader.messages(connections=chosen), LOOKS):
            message = deserialized(data, kind)
            if message is None:
                problem = ('compressed messages, which need the metadata.yaml of the bag'
                           if data[:4] == ZSTD else 'truncated messages')
                continue
            found = _kind_of(topic, message)
            if found.rank < UNREADABLE:
                return found
            unreadable = found
        return unreadable or _Kind(0, problem)

    @staticmethod
    def _chosen(reader: Any, topic: str, kind: str) -> list[Any]:
        return [each for each in _stored(reader) if (each.topic, _type(each)) == (topic, kind)]

    def topics(self) -> dict[str, str]:
        """Return the type of each topic of the bag by its name."""
        with self._reader() as reader:
            return {each.topic: _type(each) for each in reader.connections if each.msgcount}

    def others_of(self, topics: Sequence[str]) -> Iterator[tuple[int, str, bytes]]:
        """Yield time of recording [ns], topic and serialized message of other topics."""
        with self._reader() as reader:
            chosen = [each for each in _stored(reader) if each.topic in topics]
            for connection, when, data in reader.messages(connections=chosen):
                yield when, connection.topic, bytes(data)

    @contextlib.contextmanager
    def _reader(self) -> Iterator[Any]:
        with _rosbags():
            from rosbags.rosbag2 import Reader
        try:
            # AnyReader would also parse the types of all other topics, and refuse a bag for one
            with Reader(_Name(self._path)) as reader:
                # rosbags reads the files in the order of metadata.yaml, which may be by name
                getattr(reader.storage, 'storages', []).sort(
                    key=lambda each: each.metadata.start_time)
                yield reader
        except AffectError:
            raise
        except Exception as error:   # rosbags raises many types for a broken file
            if isinstance(error, OSError) and error.errno in FULL:
                raise AffectError(
                    f'{self._path}: compressed files, which cannot be decompressed to '
                    f'{tempfile.gettempdir()}: {error.strerror}; set TMPDIR to a folder with more '
                    'free space') from error
            if isinstance(error, KeyError) and error.args and error.args[0] in UNREAD:
                why = ('the recorder did not find the definition of a message type, and '
                       if error.args[0] == UNDEFINED else '')
                raise AffectError(
                    f"{self._path}: {why}rosbags cannot read message definitions in the "
                    f"format '{error.args[0]}'; {_selecting(self._path)}") from error
            text = ' '.join(f'{type(error).__name__}: {error}'.split())[:SHOWN]
            if 'Profile is not ros2' in text:
                raise AffectError(f'{self._path}: an MCAP file whose profile is not ros2; if its '
                                  'messages are those of ROS 2, copy them: ros2 bag convert; if '
                                  'there is a bag of ROS 1 with the same images, '
                                  f'{CONVERT}') from error
            raise AffectError(f'{self._path}: cannot be read as a bag: {text}; '
                              f'{_remedy(self._path, str(error))}') from error


class _Kind(NamedTuple):
    """The rank of a topic among the image topics, and why it cannot be used."""

    rank: int
    problem: str = ''


class _Name(type(Path())):   # type: ignore[misc]
    """A path with any name for rosbags, whose suffixes are in lower case."""

    @property
    def suffix(self) -> str:
        """The suffix in lower case."""
        return str(super().suffix.lower())

    def __format__(self, spec: str) -> str:
        """Return the path as a part of the URI of a database."""
        return quote(os.fsencode(self))


def _found(path: str | Path) -> Path:
    """Return the path for rosbags to open; AffectError if it is not that of a complete bag."""
    if not str(path):
        raise AffectError("parameter 'bag' is empty; set it to the path of a bag")
    place = expanded(path)
    try:
        folder = place.is_dir()
        there = folder or place.exists()
        if there and not readable(place):
            raise AffectError(f'{path}: Permission denied; {MAKE_READABLE}')
        inside = not folder and is_part(place)
        whole = inside or (folder and (place / 'metadata.yaml').is_file())
        files = [each for each in (place if folder else place.parent).iterdir()
                 if is_storage(each)] if folder or inside else []
    except (OSError, ValueError) as error:   # a parent folder without permission
        raise AffectError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not there:
        raise AffectError(f'{path}: no such bag')
    if not folder and not place.is_file():   # reading a pipe or a device may not end
        raise AffectError(f'{path}: neither a file nor a folder; choose the bag itself')
    if not folder and (why := unfinished(place)):
        raise AffectError(f'{path}: {why}')
    if not folder and place.suffix.lower() == ROS1_SUFFIX:
        raise AffectError(f'{path}: a bag of ROS 1; {CONVERT}')
    if folder and not whole and files:
        raise AffectError(f'{path}: the bag has no metadata.yaml; {_mending(place)}')
    if folder and not whole:
        empty = ", or parameter 'bag' is empty" if str(path) == '.' else ''
        raise AffectError(f'{path}: this folder is not a bag: it has neither metadata.yaml nor '
                          f'.mcap or .db3{empty}')
    if not whole and place.suffix.lower() in COMPRESSED_SUFFIXES:
        raise AffectError(f'{path}: a compressed file without the metadata.yaml of its bag; '
                          f'decompress it first: unzstd {place.name}')
    for each in filter(Path.is_file, files or [place]):
        _head(each)
        for log in (each.with_name(f'{each.name}-{kind}') for kind in ('wal', 'journal')):
            # SQLite may keep a journal that is no longer needed, with zeros at its beginning.
            if os.path.isfile(log) and _head(log).strip(b'\0'):
                raise AffectError(
                    f'{path}: the database is not complete without {log.name}; end its recording, '
                    f'or, if it was interrupted: sqlite3 {shlex.quote(str(each))} '
                    "'PRAGMA wal_checkpoint(TRUNCATE)'")
    return place.parent if inside else place


def _head(file: Path) -> bytes:
    """Return the first bytes of a file; AffectError if it cannot be read."""
    try:
        with file.open('rb') as stream:
            return stream.read(8)
    except OSError as error:
        raise AffectError(f'{file}: {error.strerror}; {MAKE_READABLE}') from error


def _stored(reader: Any) -> list[Any]:
    """Return the connections in the storage files of a bag."""
    # metadata.yaml may have another QoS of a topic, and then the reader finds no messages of it
    storages = getattr(reader.storage, 'storages', [reader])
    return [each for storage in storages for each in storage.connections]


def _type(connection: Any) -> str:
    """Return a message type as sensor_msgs/msg/Image; MCAP writers may name it as ROS 1 does."""
    return re.sub('^([^/]+)/([^/]+)$', r'\1/msg/\2', connection.msgtype)


def _remedy(path: Path, error: str) -> str:
    """Return the remedy for an error of rosbags; an unknown one is that of a damaged bag."""
    reindex = f'write metadata.yaml again: ros2 bag reindex {shlex.quote(str(path))}'
    remedies = {
        'Rosbag2 version': 'update rosbags: python3 -m pip install --upgrade rosbags; or '
                           f'{reindex}',
        'Storage plugin': reindex if _storage_files(path) else (
            'convert it: ros2 bag convert, with storage_id: mcap in its output options'),
        'Some database files are missing': f'copy them to the bag; or, without them, {reindex}',
        'Compression format': 'decompress it: ros2 bag convert, with an empty compression_format '
                              'in its output options',
        'Serialization format': _selecting(path),
        'Unindexed MCAP': 'write its index: mcap filter FILE -o indexed.mcap',
    }
    for start, remedy in remedies.items():
        if error.startswith(start):
            return remedy
    return _mending(path)


def _mending(path: Path) -> str:
    """Return the remedy for a damaged bag: the commands that repair it, if it has files."""
    files = _storage_files(path)
    if not files:
        return ('its folder has neither .mcap nor .db3: copy them to it; or, if it is a folder of '
                'images and not a bag, rename metadata.yaml')
    ways = [f'ros2 bag reindex {shlex.quote(str(path))}'] if path.is_dir() else []
    file = next(itertools.filterfalse(_opens, files), files[0])
    name = shlex.quote(str(file))
    if '.mcap' in file.name.lower():
        ways.append(f'mcap recover {name} -o repaired.mcap')
    elif '.db3' in file.name.lower():
        ways.append(f"sqlite3 {name} '.recover' | sqlite3 repaired.db3")
    return f"if its recording was interrupted, repair it: {'; or, for a file: '.join(ways)}"


def _opens(file: Path) -> bool:
    """Return whether rosbags opens a storage file."""
    with contextlib.suppress(Exception):   # many types
        from rosbags.rosbag2 import Reader
        with Reader(_Name(file)):
            return True
    return False


def _selecting(path: Path) -> str:
    """Return how to copy the images of a bag to another bag."""
    files = _storage_files(path)
    if any('.mcap' in each.name.lower() for each in files):
        return (f'copy its images: mcap filter {shlex.quote(str(files[0]))} -o images.mcap '
                '-y TOPIC')
    return 'copy its images: ros2 bag convert, with the topics in its output options'


def _storage_files(path: Path) -> list[Path]:
    """Return the storage files of a bag, none if its folder cannot be read."""
    if not path.is_dir():
        return [path]
    with contextlib.suppress(OSError):
        return sorted(filter(is_storage, path.iterdir()))
    return []


def _known(images: list[Any]) -> str:
    return f"; its image topics: {', '.join(sorted({each.topic for each in images})) or 'none'}"


@functools.lru_cache(1)
def _types() -> Any:
    from rosbags.typesys import get_typestore, Stores
    return get_typestore(Stores.ROS2_JAZZY)


def deserialized(data: bytes, kind: str) -> Any:
    """Return a message of ROS 2 with a header, whose data are a view; None if it is truncated."""
    try:
        end = 15 + max(1, *struct.unpack_from(f'{_byte_order(data)}I', data, 12))
        stored = bytes(data[16:end])
        frame_id = stored.decode(errors='replace')   # as rclpy does; rosbags refuses other bytes
        replaced = '\ufffd' in frame_id
        if replaced:
            data = b''.join([data[:16], b'?' * len(stored), data[end:]])
        message = _types().deserialize_cdr(data, kind)
        if replaced:
            message.header.frame_id = frame_id
        return message
    except Exception:   # rosbags raises many types for a broken message
        return None


def _kind_of(topic: str, message: Any) -> _Kind:
    """Return the content of a topic from one of its messages, Image or CompressedImage."""
    encoding = str(getattr(message, 'encoding', None) or getattr(message, 'format', ''))
    pixels = encoding.partition(';')[0].strip()
    if MEASUREMENT.fullmatch(pixels.upper()) or re.search('compresseddepth|rvl', encoding.lower()):
        return _Kind(0, f'{encoding} is depth or another measurement')
    grey = pixels.lower() in ('mono8', 'mono16', '8uc1')
    try:
        (to_array if hasattr(message, 'encoding') else decode_compressed)(message)
    except ImageConversionError:
        return _Kind(UNREADABLE)
    return _Kind(2 * bool(OWN.search(topic)) + grey)


def write_bag(path: Path, frames: Iterable[Frame], *, start: int, topic: str = '/image',
              frame_id: str = 'camera_optical_frame', storage: str = 'mcap') -> int:
    """
    Write frames as a bag of sensor_msgs/Image, bgr8 or mono8.

    Args:
        path: Folder of the bag, which must not exist.
        frames: The frames.
        start: Stamp of time 0 of the frames in nanoseconds.
        topic: Image topic.
        frame_id: Frame of the headers.
        storage: 'mcap' or 'sqlite3'.

    Returns:
        The number of frames.

    Raises:
        AffectError: The bag cannot be written.
    """
    with _rosbags():
        from rosbags.rosbag2 import StoragePlugin, Writer
        from rosbags.rosbag2.errors import WriterError
    types = _types()
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
        raise AffectError(f'{path}: the bag cannot be written: {error}; choose a folder that '
                          'does not exist') from error
    return count


@contextlib.contextmanager
def _rosbags() -> Iterator[None]:
    """Turn the ImportError of rosbags into an AffectError with the remedy."""
    try:
        yield
    except ImportError as error:
        raise AffectError(f'bags need the Python package rosbags; {REMEDY}') from error


def header_stamp(data: bytes) -> tuple[int, int]:
    """
    Return the stamp (sec, nanosec) of a serialized message that begins with a header.

    Args:
        data: CDR; its second byte is the byte order (RTPS 2.5, section 10.2).
    """
    sec, nanosec = struct.unpack_from(f'{_byte_order(data)}iI', data, 4)
    return sec, nanosec


def _byte_order(data: bytes) -> str:
    return '<' if data[1] & 1 else '>'
