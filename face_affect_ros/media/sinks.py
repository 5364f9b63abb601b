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

"""Sinks of annotated images and clips."""

import contextlib
from fractions import Fraction
import os
from pathlib import Path
from typing import Any

import cv2
from face_affect_ros.affect.types import AffectError, ImageArray
from face_affect_ros.media.ffmpeg import pyav
from face_affect_ros.media.opencv_logging import opencv_silenced
from face_affect_ros.paths import replaced
import numpy as np

#: FFmpeg's names of the containers by suffix.
CONTAINERS = {'.mp4': 'mp4', '.m4v': 'mp4', '.mov': 'mov', '.mkv': 'matroska', '.avi': 'avi'}
VIDEO_SUFFIXES = tuple(CONTAINERS)
#: Frames per second of a clip whose source has no rate, and the range of rates.
DEFAULT_RATE, MIN_RATE, MAX_RATE = 30.0, 0.01, 1000.0
#: Time base of clips in seconds. MPEG-4 allows at most 65535 per second; the periods of 24, 25, 30
#: and 60 Hz are multiples of this one.
TICK = Fraction(1, 60000)
#: Largest seconds between two images that MPEG-4 can encode.
LONGEST_GAP = 3600
#: Quantizer 3 (of 1 to 31) for every frame, in FFmpeg's unit.
QUALITY = {'flags': '+qscale', 'global_quality': str(3 * 118)}


def write_image(path: str | os.PathLike[str], image: ImageArray) -> None:
    """
    Write an image. Missing folders are created.

    Args:
        path: The file; its suffix selects the format.
        image: (H, W, 3) BGR or (H, W), uint8.

    Raises:
        AffectError: The file cannot be written.
    """
    path = Path(path)
    try:
        with opencv_silenced():
            done, data = cv2.imencode(ascii(path.suffix)[1:-1], image)
    except cv2.error as error:
        raise AffectError(f'{path}: cannot be written as an image ({error.err}); use the suffix '
                          '.png or .jpg') from error
    if not done:
        raise AffectError(f'{path}: cannot be written as an image of '
                          f'{image.shape[1]}x{image.shape[0]} pixels; use the suffix .png')
    _make_folder(path)
    try:
        with replaced(path) as new:
            new.write_bytes(data.data)
    except OSError as error:
        raise AffectError(f'{path}: cannot be written: {error.strerror}; choose a folder in which '
                          'you may write') from error


def check_suffix(path: Path) -> None:
    """Raise AffectError if the suffix of a file to write is neither of an image nor of a clip."""
    suffix = path.suffix.lower()
    if suffix not in VIDEO_SUFFIXES and not (
            suffix.isascii() and suffix and cv2.haveImageWriter(f'a{suffix}')):
        raise AffectError(f'{path}: the suffix is neither of an image nor of a clip that can be '
                          'written; use .png or .jpg, for a clip .mp4')


class VideoSink:
    """
    Writes a clip in MPEG-4, which every FFmpeg can encode, with PyAV.

    The first image determines the size; images of other sizes are fitted into it.
    """

    def __init__(self, path: str | os.PathLike[str], rate: float | None = None) -> None:
        """
        Prepare a clip.

        Args:
            path: The file; its suffix selects the container.
            rate: Images per second of images without a stamp, None for 30. In an AVI, of all
                images.
        """
        self._path = Path(path)
        rate = max(MIN_RATE, min(rate or DEFAULT_RATE, MAX_RATE))
        self._rate = Fraction(rate).limit_denominator(1000)
        self._tick = 1 / self._rate if self._path.suffix.lower() == '.avi' else TICK
        self._file: Any = None
        self._container: Any = None
        self._stream: Any = None
        self._size = (0, 0)
        self._written = 0
        self._last: int | None = None
        self._cut = 0

    def write(self, image: ImageArray, stamp: float | None = None) -> None:
        """
        Add an image.

        Args:
            image: (H, W, 3) BGR or (H, W), uint8.
            stamp: Seconds since the start of the clip. None, or a stamp that is not later than the
                last one, stands for the next time at the rate of the clip. A longer gap than
                LONGEST_GAP is cut.

        Raises:
            AffectError: The clip cannot be written.
        """
        if image.ndim == 2:
            image = np.asarray(cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), np.uint8)
        if self._container is None:
            self._open(image)
        frame: Any = pyav().VideoFrame.from_ndarray(
            np.ascontiguousarray(_fitted(image, self._size)), format='bgr24')
        following = 0 if self._last is None else (
            self._last + max(1, round(1 / self._rate / self._tick)))
        ticks = following if stamp is None else round(Fraction(stamp) / self._tick) - self._cut
        if ticks - (self._last or 0) > LONGEST_GAP / self._tick:
            self._cut += ticks - following
            ticks = following
        later = self._last is None or ticks > self._last
        frame.pts = self._last = ticks if later else following
        frame.time_base = self._tick
        self._written += 1
        self._mux(frame)
        self._check()

    def _open(self, image: ImageArray) -> None:
        name = CONTAINERS.get(self._path.suffix.lower())
        if name is None:
            raise AffectError(f'{self._path}: cannot be written as a video; use the suffix .mp4')
        av = pyav()
        _make_folder(self._path)
        self._size = (image.shape[1], image.shape[0])
        try:
            self._file = _File(self._path)
        except OSError as error:
            raise AffectError(f'{self._path}: cannot be written: {error.strerror}; choose a '
                              'folder in which you may write') from error
        self._container = av.open(self._file, 'w', format=name)
        self._stream = self._container.add_stream('mpeg4', rate=self._rate)
        self._stream.width, self._stream.height = self._size
        self._stream.pix_fmt = 'yuv420p'
        self._stream.codec_context.time_base = self._tick
        self._stream.codec_context.options = QUALITY

    def _mux(self, frame: Any) -> None:
        """Encode and write a frame, or for None the rest in the encoder."""
        try:
            for packet in self._stream.encode(frame):
                self._container.mux(packet)
        except pyav().error.FFmpegError as error:
            raise AffectError(f'{self._path}: images of {self._size[0]}x{self._size[1]} pixels '
                              f'cannot be written as a video ({error.strerror}); write images, '
                              'or scale them down') from error

    def close(self) -> None:
        """
        Finish the clip. Closing twice is allowed.

        Raises:
            AffectError: The clip is not complete, unless `write` has raised this already.
        """
        if self._container is None:
            return
        reported = self._file.failure is not None
        with contextlib.closing(self._file):
            try:
                if self._stream.codec_context.is_open:   # else PyAV 19 crashes
                    self._mux(None)
            finally:
                self._container.close()
                self._container = None
        if not reported:
            self._check()

    def _check(self) -> None:
        if self._file.failure is not None:
            raise AffectError(f'{self._path}: the video is not complete, it ends before image '
                              f'{self._written}: {self._file.failure.strerror}; check the free '
                              'space')

    def __enter__(self) -> 'VideoSink':
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()


class _File:
    """A file that FFmpeg writes; the first error is kept, because PyAV ignores some."""

    def __init__(self, path: Path) -> None:
        """Open a new file; raises OSError."""
        self._file = open(path, 'wb', buffering=0)   # noqa: SIM115 - closed by `close`
        self.seek, self.tell, self.close = self._file.seek, self._file.tell, self._file.close
        self.name = 'clip'
        self.failure: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write all of the data."""
        rest = memoryview(data)
        try:
            while rest and self.failure is None:
                rest = rest[self._file.write(rest):]
        except OSError as error:
            self.failure = error
        return len(data)


class ImageOrVideoSink:
    """Writes a clip if the suffix of the path is that of a video, else a single image."""

    def __init__(self, path: str | os.PathLike[str], *, rate: float | None = None) -> None:
        """
        Prepare the file.

        Args:
            path: The file; its suffix selects an image or a clip.
            rate: Frames per second of a clip, None for 30.
        """
        self._path = Path(path)
        video = self._path.suffix.lower() in VIDEO_SUFFIXES
        self._video = VideoSink(path, rate) if video else None
        self._written = False

    def write(self, image: ImageArray, stamp: float | None = None) -> None:
        """Add an image as VideoSink.write; AffectError for a second one in an image file."""
        if self._video is not None:
            self._video.write(image, stamp)
        elif self._written:
            raise AffectError(f'{self._path}: an image file cannot contain the frames of a clip; '
                              'use the suffix .mp4')
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
    """Return the image scaled to fit width and height, with black borders."""
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
        raise AffectError(f'{path}: its folder cannot be created: {error.strerror}; choose '
                          'another') from error
