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
HEIF images, which consist of tiles that FFmpeg decodes separately and does not assemble.

Pillow reads HEIF if the plug-in pillow-heif is installed.
"""

import contextlib
import functools
from pathlib import Path

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media.pictures import quiet
from PIL import features, Image

#: Brands of AVIF images and animations, and of HEIF images (ISO/IEC 23008-12); HEIF sequences are
#: clips.
AVIF_BRANDS = (b'avif', b'avis')
HEIF_BRANDS = (b'heic', b'heix', b'heim', b'heis', b'mif1', b'mif2')


@functools.cache
def register_heif() -> None:
    """Register the HEIF plug-in of Pillow, if it is installed."""
    with contextlib.suppress(ImportError):
        import pillow_heif  # type: ignore[import-not-found, unused-ignore]
        pillow_heif.register_heif_opener()


def heif_refusal(path: Path) -> AffectError | None:
    """Return the error for a HEIF or AVIF image that Pillow cannot read, else None."""
    with open(path, 'rb') as file:
        head = file.read(12)
    if head[4:8] != b'ftyp' or head[8:] not in AVIF_BRANDS + HEIF_BRANDS:
        return None
    name = 'AVIF' if head[8:] in AVIF_BRANDS else 'HEIF'
    with quiet():   # older versions warn of an unknown feature
        readable = name in Image.ID and (name == 'HEIF' or features.check('avif'))
    if readable:
        return AffectError(f'{path}: the {name} image cannot be read: it is truncated, corrupt or '
                           'too large; choose another')
    if name == 'AVIF':
        return AffectError(f'{path}: an AVIF image, which this Pillow cannot read; convert it '
                           'to PNG or JPEG, or install Pillow 11.3 or newer')
    return AffectError(f'{path}: a HEIF image, which cannot be read; convert it: heif-convert '
                       'FILE OTHER.png (in libheif-examples), or install the plug-in: '
                       'python3 -m pip install pillow-heif')
