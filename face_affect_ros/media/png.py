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

"""PNG files without metadata."""

from collections.abc import Iterator
import zlib

SIGNATURE = b'\x89PNG\r\n\x1a\n'
#: Chunks that are kept beside the critical ones, whose names begin with a capital letter.
WANTED = (b'tRNS', b'acTL', b'fcTL', b'fdAT', b'eXIf')


def without_metadata(data: bytes | memoryview) -> bytes:
    """
    Return a PNG file without texts, XMP, colour profiles and the like.

    Pillow refuses a valid image with texts of more than 1 MB, or with damaged ones. Nothing is
    decompressed. A truncated file stays truncated.
    """
    return SIGNATURE + b''.join(_wanted(memoryview(data)))


def _wanted(data: memoryview) -> Iterator[memoryview]:
    start = len(SIGNATURE)
    while start + 8 <= len(data):
        name = bytes(data[start + 4:start + 8])
        end = start + 12 + int.from_bytes(data[start:start + 4], 'big')
        critical = name[:1].isupper()
        if critical or (name in WANTED and end <= len(data) and (
                zlib.crc32(data[start + 4:end - 4]) == int.from_bytes(data[end - 4:end], 'big'))):
            yield data[start:end]
        start = end
    yield data[start:]
