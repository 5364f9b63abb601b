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

"""Image streams: files of concatenated images, as written by FFmpeg's image2pipe."""

import io
import itertools
import mmap
from pathlib import Path

from face_affect_ros.media.ffmpeg import reading
from PIL import Image

#: First bytes of a JPEG, and the code of the segment before its pixels.
JPEG, SCAN = b'\xff\xd8\xff', b'\xda'
#: FFmpeg's demuxers by the first bytes of each image of a stream.
DEMUXERS = {JPEG: 'jpeg_pipe', b'\x89PNG\r\n\x1a\n': 'png_pipe', b'BM': 'bmp_pipe',
            b'P4': 'pbm_pipe', b'P5': 'pgm_pipe', b'P6': 'ppm_pipe', b'P7': 'pam_pipe'}
#: XMP namespace of photos to which phones append others, such as the original of a portrait with
#: a blurred background, and the end of Samsung's.
CONTAINER, SAMSUNG_END = b'http://ns.google.com/photos/1.0/container/', b'SEFT'
#: Bytes of a file in which the metadata of its first image are searched.
HEAD = 1_000_000


def stream_demuxer(path: Path, picture: Image.Image) -> str | None:
    """
    Return the demuxer of an image stream.

    Args:
        path: The file.
        picture: Its first image. Further images of another size are previews appended by cameras;
            those of a multi-picture file (MPF) or of a phone's photo belong to the first one, and
            so does a single one, such as the original of a portrait by Huawei and Xiaomi.

    Returns:
        FFmpeg's name of the demuxer, None for a file of one image.

    Raises:
        AffectError: PyAV is needed and missing.
    """
    with open(path, 'rb') as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        begin = next((each for each in DEMUXERS if data[:len(each)] == each), None)
        if begin is None or 'mp' in picture.info:
            return None
        if data.find(begin, _header_size(data) if begin == JPEG else len(begin)) < 0:
            return None
        if data.find(CONTAINER, 0, HEAD) >= 0 or data[-len(SAMSUNG_END):] == SAMSUNG_END:
            return None
    with reading(path, DEMUXERS[begin]) as container:
        packets = (packet for packet in container.demux(video=0) if packet.size)
        following = [bytes(packet) for packet in itertools.islice(packets, 1, 3)]
    is_stream = len(following) == 2 and all(_size(data) == picture.size for data in following)
    return DEMUXERS[begin] if is_stream else None


def _header_size(data: mmap.mmap) -> int:
    """Return the size of the segments before the pixels of a JPEG, which may have a thumbnail."""
    start = len(JPEG) - 1
    while data[start:start + 1] == b'\xff' and data[start + 1:start + 2] != SCAN:
        start += 2 + int.from_bytes(data[start + 2:start + 4], 'big')
    return start


def _size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of an image, None for other data."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return picture.size
    except (OSError, SyntaxError, ValueError):
        return None
