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

"""Metadata of MP4 and QuickTime files that not every version of PyAV returns."""

from collections.abc import Iterator
from pathlib import Path
import struct
from typing import BinaryIO

#: Larger headers are ignored; that of an hour has some megabytes.
MAX_HEADER = 64_000_000


def display_matrix(file: BinaryIO) -> tuple[int, ...] | None:
    """
    Return the display matrix of the first video track (ISO/IEC 14496-12, tkhd).

    Args:
        file: The open file.

    Returns:
        Nine integers, None for a file without a matrix, truncated or damaged.
    """
    for track, _ in _video_tracks(file):
        for head in _boxes(track, b'tkhd'):
            start = 52 if head[:1] == b'\x01' else 40   # version 1 has times of 64 bits
            if len(head) >= start + 36:
                return struct.unpack('>9i', head[start:start + 36])
    return None


def codec_name(file: BinaryIO) -> str | None:
    """Return the four characters of the codec of the first video track (stsd), else None."""
    for _, boxes in _video_tracks(file):
        for name in (b'minf', b'stbl', b'stsd'):
            boxes = next(_boxes(boxes, name), b'')
        if len(boxes) >= 16:
            return boxes[12:16].decode('ascii', 'replace')
    return None


def lacks_index(path: Path) -> bool:
    """Return whether a file begins as a movie and has no box moov."""
    with open(path, 'rb') as file:
        begins = file.read(8)[4:] in (b'ftyp', b'mdat', b'wide')
        file.seek(0)
        return begins and not _movie(file)


def _video_tracks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield the content of each video track, and of its box mdia."""
    for track in _boxes(_movie(file), b'trak'):
        for media in _boxes(track, b'mdia'):
            if any(handler[8:12] == b'vide' for handler in _boxes(media, b'hdlr')):
                yield track, media


def _movie(file: BinaryIO) -> bytes:
    """Return the content of the box moov, b'' without one."""
    while True:
        head = file.read(8)
        if len(head) < 8:
            return b''
        size, header = int.from_bytes(head[:4], 'big'), 8
        if size == 1:
            size, header = int.from_bytes(file.read(8), 'big'), 16
        if head[4:] == b'moov':
            return file.read(min(max(0, size - header), MAX_HEADER))
        if not header <= size < 1 << 62:   # to the end of the file, or damaged
            return b''
        file.seek(size - header, 1)


def _boxes(data: bytes, name: bytes) -> Iterator[bytes]:
    """Yield the contents of the boxes with a name."""
    start = 0
    while start + 8 <= len(data):
        size = int.from_bytes(data[start:start + 4], 'big')
        if size < 8:
            return
        if data[start + 4:start + 8] == name:
            yield data[start + 8:start + size]
        start += size
