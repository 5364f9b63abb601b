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
HEIF, as phones save pictures: of tiles, which FFmpeg gives one by one and does not put together.

Pillow reads HEIF where the plug-in pillow-heif is installed.
"""

import contextlib
import functools
from pathlib import Path

from face_affect_ros.affect.types import AffectError

#: Brands of files that hold pictures (ISO/IEC 23008-12, AV1 Image File Format). Those of image
#: sequences are not among them: these are clips.
PICTURE_BRANDS = (b'heic', b'heix', b'heim', b'heis', b'mif1', b'mif2', b'avif')


@functools.cache
def register_heif() -> None:
    """Let Pillow read HEIF, where the plug-in is installed."""
    with contextlib.suppress(ImportError):
        import pillow_heif  # type: ignore[import-not-found, unused-ignore]
        pillow_heif.register_heif_opener()


def heif_refusal(path: Path) -> AffectError | None:
    """Return the complaint about a HEIF or AVIF picture that Pillow does not read, else None."""
    with open(path, 'rb') as file:
        head = file.read(12)
    if head[4:8] != b'ftyp' or head[8:] not in PICTURE_BRANDS:
        return None
    if head[8:] == b'avif':
        return AffectError(f'{path}: an AVIF picture, which this Pillow does not read; convert it '
                           'to PNG or JPEG, or install Pillow 11.3 or newer')
    return AffectError(f'{path}: a HEIF picture, which is not read; convert it: heif-convert '
                       'FILE OTHER.png (of libheif-examples), or install the plug-in: '
                       'python3 -m pip install pillow-heif')
