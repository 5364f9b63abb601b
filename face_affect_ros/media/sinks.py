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

"""Write annotated pictures and clips."""

import contextlib
import math
import os
from pathlib import Path
from typing import Any

import cv2
from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_ros.media.quiet import opencv_silenced
from face_affect_ros.paths import plain_name
import numpy as np

VIDEO_SUFFIXES = ('.mp4', '.m4v', '.mov', '.mkv', '.avi')
#: Frames per second of a clip whose source has no rate.
DEFAULT_RATE = 30.0
MAX_TICKS = 65535.0
#: Of the images of a complete clip that its container counts; some estimate.
SHARE = 0.9


def write_image(path: str | os.PathLike[str], image: ImageArray) -> None:
    """
    Write a picture; its suffix says the format. Folders are made where they are missing.

    image: uint8, (H, W, 3) BGR or (H, W). Raises AffectError where it cannot be written.
    """
    path = Path(path)
    try:
        with opencv_silenced():
            done, data = cv2.imencode(ascii(path.suffix)[1:-1], image)
    except cv2.error as error:
        raise AffectError(f'{path}: cannot be written as a picture ({error.err}); use the suffix '
                          '.png or .jpg') from error
    if not done:
        raise AffectError(f'{path}: cannot be written as a picture of '
                          f'{image.shape[1]}x{image.shape[0]} pixels; use the suffix .png')
    _make_folder(path)
    try:
        path.write_bytes(data.data)
    except OSError as error:
        raise AffectError(f'{path}: cannot be written: {error.strerror}; choose a folder in which '
                          'you may write') from error


class VideoSink:
    """
    Writes a clip, MPEG-4 (mp4v), which OpenCV encodes everywhere.

    The first image sets the size; images of other sizes are fitted into it.
    """

    def __init__(self, path: str | os.PathLike[str], rate: float | None = None) -> None:
        """Prepare a clip. rate: frames per second, None for 30; the suffix says the container."""
        self._path = Path(path)
        # MPEG-4 counts ticks of a second in 16 bits: 66.667 images are 66667 in 1000 to OpenCV.
        rate = min(rate or DEFAULT_RATE, MAX_TICKS)
        self._rate = round(rate, math.floor(math.log10(MAX_TICKS / rate)))
        self._writer: cv2.VideoWriter | None = None
        self._name = contextlib.ExitStack()
        self._size = (0, 0)
        self._written = 0

    def write(self, image: ImageArray) -> None:
        """Add an image, uint8, (H, W, 3) BGR or (H, W). AffectError where that is impossible."""
        if image.ndim == 2:
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
        if self._writer is None:
            self._writer = self._open(image)
        with opencv_silenced():
            self._writer.write(_fitted(image, self._size))
        self._written += 1

    def _open(self, image: ImageArray) -> cv2.VideoWriter:
        self._size = (image.shape[1], image.shape[0])
        _make_folder(self._path)
        name = self._name.enter_context(plain_name(self._path))
        with opencv_silenced():
            writer = cv2.VideoWriter(name, cv2.VideoWriter.fourcc(*'mp4v'), self._rate, self._size)
        if not writer.isOpened():
            self._name.close()
            raise AffectError(f'{self._path}: cannot be written as a video; use the suffix .mp4 '
                              'in a folder in which you may write')
        return writer

    def close(self) -> None:
        """
        Finish the clip. Closing twice is allowed.

        Raises AffectError where it lacks images: OpenCV does not tell of a full disk.
        """
        if self._writer is None:
            return
        with self._name, plain_name(self._path) as name, opencv_silenced():
            self._writer.release()
            self._writer = None
            clip = cv2.VideoCapture(name)
            there = clip.get(cv2.CAP_PROP_FRAME_COUNT) if clip.read()[0] else 0.0
            clip.release()
        if there < SHARE * self._written:
            raise AffectError(f'{self._path}: the video is not complete, {there:.0f} of '
                              f'{self._written} images; is the disk full?')

    def __enter__(self) -> 'VideoSink':
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


class ImageOrVideoSink:
    """Writes a clip where the path's suffix is that of a video, else a single picture."""

    def __init__(self, path: str | os.PathLike[str], *, rate: float | None = None) -> None:
        """Prepare the file. rate: of a clip, frames per second, None for 30."""
        self._path = Path(path)
        video = self._path.suffix.lower() in VIDEO_SUFFIXES
        self._video = VideoSink(path, rate) if video else None
        self._written = False

    def write(self, image: ImageArray) -> None:
        """Add an image; AffectError for a second one that a picture cannot hold."""
        if self._video is not None:
            self._video.write(image)
        elif self._written:
            raise AffectError(f'{self._path}: a picture cannot hold the frames of a clip; use the '
                              'suffix .mp4')
        else:
            write_image(self._path, image)
            self._written = True

    def close(self) -> None:
        """Finish the file. Closing twice is allowed."""
        if self._video is not None:
            self._video.close()

    def __enter__(self) -> 'ImageOrVideoSink':
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


def _fitted(image: ImageArray, size: tuple[int, int]) -> ImageArray:
    """Return the image scaled into width and height, its shape kept, on black."""
    width, height = size
    if image.shape[:2] == (height, width):
        return image
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = (max(1, int(image.shape[1] * scale)), max(1, int(image.shape[0] * scale)))
    result = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    result[top:top + inner[1], left:left + inner[0]] = cv2.resize(
        image, inner, interpolation=cv2.INTER_AREA)
    return result


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AffectError(f'{path}: its folder cannot be made: {error.strerror}; choose '
                          'another') from error
