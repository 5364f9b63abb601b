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

"""Find out what a source is, and open it."""

import os
from pathlib import Path
import re

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media.animation import AnimationMedia, frame_count
from face_affect_ros.media.base import Media
from face_affect_ros.media.pictures import (
    BROKEN,
    broken,
    FolderMedia,
    opened,
    PICTURE_SUFFIXES,
    PictureMedia,
)
from face_affect_ros.media.portrait import PortraitMedia
from face_affect_ros.media.video import CameraMedia, VideoMedia
from PIL import UnidentifiedImageError

#: Pictures per second for sources that have no rate of their own.
PICTURE_RATE = 30.0


def open_media(source: str, *, rate: float | None = None,
               size: tuple[int, int] | None = None) -> Media:
    """
    Open a source of frames.

    source: the path of a picture (png, jpg, webp, bmp, ...), a folder of pictures, an animated
    GIF, a video, or a camera ('0' or '/dev/video0'); '' is a portrait as a moving robot would
    see it. rate: frames per second of the portrait, of a folder's stamps, and what a camera is
    asked for. size: width and height in pixels that a camera is asked for. Raises AffectError
    for a source that is missing, broken, empty or of an unknown kind.
    """
    if not source:
        return PortraitMedia(rate=rate or PICTURE_RATE)
    if re.fullmatch(r'\d+|/dev/video\d+', source):
        return CameraMedia(source, rate=rate, size=size)
    path = Path(source).expanduser()
    try:
        there = path.exists()
    except OSError as error:   # a folder above it that must not be looked into, for instance
        raise AffectError(f'{source}: {error.strerror}; choose another') from error
    if not there:
        raise AffectError(f'{source}: there is no such file or folder; name a picture, a folder '
                          'of pictures, a clip or a camera')
    if not os.access(path, os.R_OK):
        raise AffectError(f'{source}: permission denied; make it readable')
    if path.suffix.lower() in ('.mcap', '.db3') or (path / 'metadata.yaml').is_file():
        raise AffectError(f'{source}: this is a bag; play it with bag_player')
    if path.is_dir():
        return FolderMedia(path, rate=rate or PICTURE_RATE)
    if not path.is_file():
        raise AffectError(f'{source}: neither a file nor a folder, nor a camera of the form '
                          '/dev/video0')
    if path.stat().st_size == 0:
        raise AffectError(f'{source}: the file is empty; choose another')
    picture = _open_picture(path)
    if picture is not None:
        return picture
    if path.suffix.lower() in PICTURE_SUFFIXES:
        raise AffectError(f'{source}: this is no picture, whatever its name says; it is corrupt '
                          'or of another kind, choose another')
    return VideoMedia(path)


def _open_picture(path: Path) -> Media | None:
    """Return the source of a picture or an animation, None for a file that is neither."""
    try:
        with opened(path) as picture:
            animated = frame_count(picture) > 1
        return AnimationMedia(path) if animated else PictureMedia(path)
    except UnidentifiedImageError:
        return None
    except BROKEN as error:
        raise broken(path, error) from error
