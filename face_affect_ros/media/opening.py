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

"""Detect the kind of a source, and open it."""

import functools
import os
from pathlib import Path
import re

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media.animation import ANIMATED, AnimationMedia, frames_of, PagesMedia
from face_affect_ros.media.base import Media
from face_affect_ros.media.camera import CameraMedia
from face_affect_ros.media.folder import FolderMedia
from face_affect_ros.media.heif import heif_refusal, register_heif
from face_affect_ros.media.picture_streams import JPEG, stream_demuxer
from face_affect_ros.media.pictures import (
    BROKEN,
    broken,
    is_tiff,
    opened,
    PICTURE_SUFFIXES,
    PictureMedia,
)
from face_affect_ros.media.portrait import PortraitMedia
from face_affect_ros.media.video import VideoMedia
from face_affect_ros.paths import (
    expanded,
    is_bag,
    is_url,
    MAKE_READABLE,
    readable,
    SAVE_STREAM,
    unfinished,
)
from PIL import UnidentifiedImageError

#: Images per second of sources without a rate.
PICTURE_RATE = 30.0
#: First bytes of documents; FFmpeg would read the JPEGs in a PDF as a clip.
DOCUMENTS = (b'%PDF', b'%!PS', b'\xc5\xd0\xd3\xc6')


def open_media(source: str, *, rate: float | None = None,
               size: tuple[int, int] | None = None) -> Media:
    """
    Open a source of frames.

    Args:
        source: Path of an image (png, jpg, webp, bmp, ...), a folder of images, an animated
            GIF, a video, or a camera ('0' or '/dev/video0'). '' is a portrait, panned and zoomed.
        rate: Frames per second of the portrait, of the stamps of a folder, and requested from a
            camera.
        size: Width and height in pixels requested from a camera.

    Returns:
        The source.

    Raises:
        AffectError: The source is missing, broken, empty or of an unknown kind.
    """
    if not source:
        return PortraitMedia(rate=rate or PICTURE_RATE)
    if is_camera(source):
        return CameraMedia(source, rate=rate, size=size)
    path = expanded(source)
    try:
        there = path.exists()
    except (OSError, ValueError) as error:   # a parent folder without permission
        why = getattr(error, 'strerror', None) or error
        raise AffectError(f'{source}: {why}; choose another') from error
    if not there and is_url(source):
        raise AffectError(f'{source}: URLs are not read here; give the path of a file, and '
                          f'{SAVE_STREAM}')
    if not there:
        raise AffectError(f'{source}: no such file or folder; choose an image, a folder of '
                          'images, a clip or a camera')
    if not readable(path):
        raise AffectError(f'{source}: Permission denied; {MAKE_READABLE}')
    if is_bag(source):
        raise AffectError(f'{source}: this is a bag; play it with bag_player: face_affect demo '
                          '--source BAG, or ros2 launch face_affect_ros replay.launch.py bag:=BAG')
    if path.is_dir():
        rate = rate or PICTURE_RATE
        return FolderMedia(path, rate=rate, open_file=functools.partial(_open_file, rate=rate))
    return _open_file(path, rate or PICTURE_RATE)


def is_camera(source: str) -> bool:
    """
    Return whether a source is a camera: /dev/video0, a link in /dev to it, or a number.

    A number is a file or folder if that exists and the device does not.
    """
    if re.fullmatch('[0-9]{1,9}', source):
        return os.path.exists(f'/dev/video{source}') or not os.path.exists(source)
    return source.startswith('/dev/') and bool(
        re.fullmatch('/dev/video[0-9]+', os.path.realpath(source)))


def _open_file(path: Path, rate: float) -> Media:
    """Open an image or a clip; AffectError if it cannot be read."""
    if not path.is_file():
        raise AffectError(f'{path}: neither a file nor a folder, nor a camera such as '
                          '/dev/video0; save the data of a pipe as a file')
    if why := unfinished(path):
        raise AffectError(f'{path}: {why}')
    if path.stat().st_size == 0:
        raise AffectError(f'{path}: the file is empty; choose another')
    picture = _open_picture(path, rate)
    if picture is not None:
        return picture
    with open(path, 'rb') as file:
        head = file.read(4)
    if head in DOCUMENTS:
        raise AffectError(f'{path}: a PDF or PostScript document; save its pages as images, those '
                          'of a PDF by pdftoppm -png FILE PAGE')
    if path.suffix.lower() in PICTURE_SUFFIXES:
        if head.startswith(JPEG):
            raise AffectError(f'{path}: a JPEG that is corrupt or in an unsupported format, such '
                              'as 12 bits or lossless; convert it to PNG')
        raise AffectError(f'{path}: not an image, although its suffix is one; it is corrupt or of '
                          'another kind, choose another')
    return VideoMedia(path)


def _open_picture(path: Path, rate: float) -> Media | None:
    """Return the source of an image file or an animation, None for other files."""
    register_heif()
    try:
        with opened(path) as picture:
            several, animated = len(frames_of(picture)) > 1, picture.format in ANIMATED
            demuxer = None if several else stream_demuxer(path, picture)
        if demuxer:
            return VideoMedia(path, demuxer=demuxer)
        if several:
            return AnimationMedia(path) if animated else PagesMedia(path, rate=rate)
        return PictureMedia(path)
    except UnidentifiedImageError as error:
        refusal = heif_refusal(path)
        if refusal:
            raise refusal from error
        return PictureMedia(path) if is_tiff(path) else None
    except BROKEN as error:
        raise broken(path, error) from error
