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

"""Video files, read by PyAV."""

from collections.abc import Iterator
import itertools
import logging
import math
from pathlib import Path
import struct
from typing import Any

from face_affect_ros.affect.types import ImageArray
from face_affect_ros.media.base import check_size, Frame, Media
from face_affect_ros.media.ffmpeg import pyav, reading
from face_affect_ros.media.orientation import orientation_of_matrix, upright
from face_affect_ros.media.quicktime import display_matrix
from face_affect_ros.media.video_stream import VideoStream
from face_affect_ros.paths import shown
import numpy as np

_log = logging.getLogger('face_affect_ros.media')

#: Seconds after the previous frame for a frame whose time is not later, and the largest step back
#: in time within one clip; a larger one is a new start of the clock.
LEAST_STEP, LARGEST_BACKSTEP = 0.001, 1.0
#: Smallest difference from 1 of an aspect ratio of pixels that is applied, because sizes are
#: rounded, and the largest ratio.
LEAST_STRETCH, LARGEST_STRETCH = 0.05, 3.0
#: Reserved colour matrix, and the last one that is not reserved (ITU-T H.273, MatrixCoefficients).
RESERVED_MATRIX, LAST_MATRIX = 3, 17


class VideoMedia(Media):
    """
    A video file; its frames have the times of the file, from 0 at the start of images or sound.

    They are rotated by the display matrix of the file, and have square pixels. Frames that the
    decoder marks as damaged are skipped and counted.
    """

    def __init__(self, path: Path, *, demuxer: str | None = None) -> None:
        """
        Open the file and decode its first frame.

        Args:
            path: The file.
            demuxer: FFmpeg's name of the format, None to detect it.

        Raises:
            AffectError: The file contains no frame that can be decoded.
        """
        self._path, self._demuxer = path, demuxer
        with reading(path, demuxer) as container:
            video = VideoStream(container, path)
            self._orientation = _orientation_in_file(path, container)
            converter = _Converter(video.stream, self._orientation)
            height, width = converter.image(video.look_ahead()).shape[:2]
            rate = video.rate()
            if video.others:
                _log.warning('%s: has %d video streams, and only the first one, %dx%d, is read; '
                             'save another one as a file: ffmpeg -i FILE -map 0:%d -c copy '
                             'OTHER.mkv', shown(path), 1 + len(video.others), width, height,
                             video.others[0])
            super().__init__(str(path), width=width, height=height,
                             frame_count=video.count(rate),
                             rate=None if video.is_picture else rate)
        self._rate = rate

    def _frames(self) -> Iterator[Frame]:
        with reading(self._path, self._demuxer) as container:
            video = VideoStream(container, self._path)
            converter = _Converter(video.stream, self._orientation)
            clock = _Clock(video.begin, 1.0 / self._rate)
            for index, frame in enumerate(video.decoded()):
                if frame is None:
                    self.skipped += 1
                else:
                    stamp = clock.stamp(index, video.time(frame, index))
                    yield Frame(index, stamp, converter.image(frame))
            self.skipped += video.missing(self._rate)


class _Clock:
    """The times of the frames of a clip as increasing seconds since its start."""

    def __init__(self, start: float | None, period: float) -> None:
        """
        Start the clock.

        Args:
            start: Time at which the file begins, in seconds, None for a file without times.
            period: Seconds between frames without a time.
        """
        self._start, self._period = start, period
        self._last = -math.inf

    def stamp(self, index: int, time: float | None) -> float:
        """
        Return the stamp of a frame.

        Args:
            index: Number of the frame.
            time: Time in the file in seconds, None if unknown.

        Returns:
            Seconds since the start of the clip.
        """
        following = max(0.0, self._last + self._period)
        if self._start is None:
            stamp = index * self._period
        elif time is None:
            stamp = following
        elif time - self._start < self._last - LARGEST_BACKSTEP:   # as in joined clips
            stamp = following
            self._start = time - stamp
        else:
            stamp = max(0.0, time - self._start, self._last + LEAST_STEP)
        self._last = stamp
        return round(stamp, 6)


class _Converter:
    """
    Converts frames of PyAV to upright images with square pixels, as players show them.

    The filters of FFmpeg apply the colour matrix and range in every version; `to_ndarray` of PyAV
    does so only in newer ones. Primaries and transfer function are not applied. FFmpeg 8 refuses
    reserved values, which some cameras write: a reserved matrix is replaced by "unknown".
    """

    def __init__(self, stream: Any, orientation: int) -> None:
        """Set the stream of PyAV, and the orientation of frames without their own."""
        self._stream, self._orientation = stream, orientation
        ratio = float(stream.sample_aspect_ratio or 1.0)   # of width to height of a pixel
        square = abs(ratio - 1.0) < LEAST_STRETCH
        plausible = 1.0 / LARGEST_STRETCH < ratio < LARGEST_STRETCH
        self._stretch = ratio if plausible and not square else 1.0
        self._shape: tuple[int, int, str, bool] | None = None
        self._graph: Any = None

    def image(self, frame: Any) -> ImageArray:
        """Return the image of a frame, (H, W, 3) uint8 BGR."""
        matrix = int(getattr(frame, 'colorspace', 0))   # of newer versions of PyAV
        reserved = matrix == RESERVED_MATRIX or matrix > LAST_MATRIX
        shape = (frame.width, frame.height, frame.format.name, reserved)
        if shape != self._shape:
            check_size('a frame', *shape[:2])
            self._graph, self._shape = self._filters(*shape), shape
        self._graph.push(frame)
        image = np.asarray(self._graph.pull().to_ndarray(), np.uint8)
        orientation = _orientation(frame) or self._orientation
        # in H.264 and HEVC it may be with the first frame only; each JPEG has its own
        if self._stream.codec_context.name != 'mjpeg':
            self._orientation = orientation
        return upright(image, orientation)

    def _filters(self, width: int, height: int, pixels: str, reserved: bool) -> Any:
        graph = pyav().filter.Graph()
        source = graph.add_buffer(template=self._stream, width=width, height=height,
                                  format=pixels)
        marked = graph.add('setparams', 'color_primaries=unknown:color_trc=unknown'
                           + ':colorspace=unknown' * reserved)
        scaled = graph.add('scale', f'{max(1, round(width * self._stretch))}:{height}')
        converted, sink = graph.add('format', 'bgr24'), graph.add('buffersink')
        for each, following in itertools.pairwise((source, marked, scaled, converted, sink)):
            each.link_to(following)
        graph.configure()
        return graph


def _orientation(frame: Any) -> int | None:
    """Return the orientation in the side data of a frame, None without one."""
    # by its name, because PyAV 19 iterates over the types, and earlier versions over the data
    try:
        data = frame.side_data.get('DISPLAYMATRIX')
    except ValueError:   # PyAV 18 does not know all types of FFmpeg 8, such as EXIF
        return {-90: 6, 90: 8, 180: 3, -180: 3}.get(frame.rotation)
    return None if data is None else orientation_of_matrix(struct.unpack('9i', bytes(data)[:36]))


def _orientation_in_file(path: Path, container: Any) -> int:
    """Return the orientation in the header of a file, which FFmpeg before 6.1 does not report."""
    if container.format.name.split(',')[0] != 'mov':
        return 1
    with open(path, 'rb') as file:
        matrix = display_matrix(file)
    return 1 if matrix is None else orientation_of_matrix(matrix)
