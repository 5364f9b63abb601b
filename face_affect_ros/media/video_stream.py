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

"""The pictures in a container that people look at, as FFmpeg reads and decodes them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media.base import check_size
from face_affect_ros.media.ffmpeg import DECODING, no_video, pyav
from face_affect_ros.media.quicktime import codec_name

#: Frames per second where neither the file nor its frames tell, and what is taken for a rate.
FALLBACK_RATE, LEAST_RATE, LARGEST_RATE = 30.0, 0.1, 1000.0
#: Packets from whose times a rate is taken.
RATE_PACKETS = 50
#: FFmpeg's names of the containers that say how long they are; of others it makes an estimate.
TIMED = ('mov', 'matroska', 'avi')
#: Codecs of pictures, such as the cover of a film or of a piece of music.
PICTURE_CODECS = ('mjpeg', 'png', 'bmp', 'gif', 'webp')


class VideoStream:
    """One stream of an open container. What it says about times grows with what was decoded."""

    def __init__(self, container: Any, path: Path) -> None:
        """
        Choose a stream of one of PyAV's input containers.

        Raises AffectError where there is none, it is too large, or has no decoder.
        """
        streams = sorted(container.streams.video,
                         key=lambda stream: _codec(stream) in PICTURE_CODECS)
        if not streams:
            raise no_video(path, 'sound alone' if container.streams else 'it is cut off')
        self._container, self._path, self.stream = container, path, streams[0]
        self._why = 'this FFmpeg has no decoder for it'
        context = self.stream.codec_context
        if context is None:
            raise self._undecodable()
        check_size(str(path), max(1, context.width), max(1, context.height))
        context.options = DECODING
        self.stream.thread_type = 'AUTO'
        self._times: list[float] = []
        self._packets, self._end = 0, 0.0

    @property
    def start(self) -> float | None:
        """
        The time of the first frame in seconds; None for a file that has no times.

        FFmpeg makes some up for elementary streams, which are not those of the frames.
        """
        return self._seconds(self.stream.start_time)

    @property
    def is_picture(self) -> bool:
        """Whether it is one picture, as a cover is, and not a clip, of one frame if need be."""
        return self._packets == 1 and _codec(self.stream) in PICTURE_CODECS

    def decoded(self) -> Iterator[Any]:
        """Yield PyAV's frames in the order in which they are shown, None for a damaged one."""
        failures = pyav().error.FFmpegError
        packets = self._container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            except failures:   # such as a file that is cut off: `missing` tells
                return
            if packet is None:
                return
            shown = self._note(packet)
            try:
                frames = packet.decode()
            except failures as error:
                self._why = error.strerror
                if shown:
                    yield None
                continue
            for frame in frames:
                yield None if frame.is_corrupt else frame

    def look_ahead(self) -> Any:
        """Return the first frame; read so far that `rate` is known. AffectError without any."""
        first = None
        for frame in self.decoded():
            first = first or frame
            if first and self._packets >= RATE_PACKETS:
                break
        if first is None:
            raise self._undecodable()
        return first

    def rate(self) -> float:
        """Return the mean rate in Hz: what the file says, unless its frames say otherwise."""
        span = max(self._times, default=0.0) - min(self._times, default=0.0)
        measured = (len(self._times) - 1) / span if span > 0.0 else 0.0
        said = float(self.stream.average_rate or 0.0)
        if LEAST_RATE <= said <= LARGEST_RATE and not said / 2.0 > measured > 0.0:
            return said
        return measured if LEAST_RATE <= measured <= LARGEST_RATE else FALLBACK_RATE

    def count(self, rate: float) -> int | None:
        """Return the number of frames, as far as the file tells; None where it does not."""
        if self._packets < RATE_PACKETS:   # all were read
            return self._packets
        length = self._length()
        expected = None if length is None else round(length * rate)
        said: int = self.stream.frames
        # of a clip that was trimmed by an edit list, all frames are said to be there
        return said if said and (expected is None or said < 1.02 * expected + 2.0) else expected

    def missing(self, rate: float) -> int:
        """Return the number of frames that the file promises after the last packet, 0 for few."""
        length = self._length()
        frames = 0 if length is None else round((length - self._end) * rate)
        return frames if frames > 1 + 0.02 * self._packets else 0

    def _note(self, packet: Any) -> bool:
        """Count a packet that is shown and return whether it is."""
        if not packet.size:   # it asks the decoder for what it still holds
            return False
        time = self._seconds(packet.pts if packet.pts is not None else packet.dts)
        start = self.start
        if time is not None and start is not None:
            if time < start:   # cut away by an edit list
                return False
            self._end = max(self._end, time - start + (self._seconds(packet.duration) or 0.0))
            if len(self._times) < RATE_PACKETS:
                self._times.append(time)
        self._packets += 1
        return True

    def _length(self) -> float | None:
        """Return the seconds that the file says the stream lasts."""
        name = self._container.format.name.split(',')[0]
        if name not in TIMED:
            return None
        if name == 'avi' and self.stream.average_rate:   # its duration is that of what is there
            return float(self.stream.frames / self.stream.average_rate)
        if self.stream.duration is not None:
            return self._seconds(self.stream.duration)
        alone = len(self._container.streams) == 1 and self._container.duration
        return self._container.duration / pyav().time_base if alone else None

    def _seconds(self, ticks: int | None) -> float | None:
        return None if ticks is None else float(ticks * self.stream.time_base)

    def _undecodable(self) -> AffectError:
        codec = _codec(self.stream)
        if not codec:   # PyAV has no word for what FFmpeg does not decode
            with open(self._path, 'rb') as file:
                codec = codec_name(file) or 'unknown'
        return AffectError(
            f'{self._path}: not one frame can be decoded (codec {codec}: '
            f'{self._why}); if the file is not corrupt, convert it: ffmpeg -i FILE -c:v libx264 '
            'OTHER.mp4')


def _codec(stream: Any) -> str:
    """Return FFmpeg's name of a stream's codec, '' where it has no decoder."""
    return str(getattr(stream.codec_context, 'name', ''))
