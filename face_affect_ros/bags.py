"""Bags of images, read and written without a ROS installation, by `rosbags`."""

import contextlib
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError

IMAGE_TYPES = ('sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage')
REMEDY = 'install it: python3 -m pip install rosbags'


def is_bag(path: str) -> bool:
    """Return whether a path looks like a ROS 2 bag: its folder or its storage file."""
    place = Path(path)
    return (place / 'metadata.yaml').is_file() or place.suffix in ('.mcap', '.db3')


class ImageBag:
    """The images of one topic of a bag.

    topic: its name. type: one of IMAGE_TYPES. count: number of messages.
    """

    def __init__(self, path: Path, *, topic: str = '') -> None:
        """Look into a bag; AffectError where it is missing, broken or has no such topic.

        path: of the bag's folder or its storage file. topic: '' for the first image topic.
        """
        if not str(path) or str(path) == '.':
            raise AffectError("parameter 'bag' is empty; set it to the path of a bag")
        self._path = path if path.is_dir() or not (path.parent / 'metadata.yaml').is_file() \
            else path.parent
        if not path.exists():
            raise AffectError(f'{path}: there is no such bag')
        with self._reader() as reader:
            images = [each for each in reader.connections if each.msgtype in IMAGE_TYPES]
            chosen = [each for each in images if topic in ('', each.topic)]
            if not chosen:
                known = ', '.join(sorted({each.topic for each in images})) or 'none'
                raise AffectError(f"{path}: no image topic '{topic}'; its image topics: {known}")
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
        try:
            from rosbags.highlevel import AnyReader, AnyReaderError
            from rosbags.typesys import Stores, get_typestore
        except ImportError as error:
            raise AffectError(f'bags need the Python package rosbags; {REMEDY}') from error
        try:
            reader = AnyReader([self._path],
                               default_typestore=get_typestore(Stores.ROS2_JAZZY))
            reader.open()
        except (AnyReaderError, OSError, ValueError, KeyError) as error:
            raise AffectError(f'{self._path}: cannot be read as a bag: {error}') from error
        try:
            yield reader
        finally:
            reader.close()


def header_stamp(data: bytes) -> tuple[int, int]:
    """Return the stamp (sec, nanosec) of a serialized message that begins with a header.

    data: CDR as on the wire; its second byte tells the byte order (RTPS 2.5, section 10.2).
    """
    order = '<' if data[1] & 1 else '>'
    sec, nanosec = struct.unpack_from(f'{order}iI', data, 4)
    return sec, nanosec
