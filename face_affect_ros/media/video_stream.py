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

"""The video stream of a container, as read and decoded by FFmpeg."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media.base import check_size
from face_affect_ros.media.ffmpeg import DECODING, no_video, pyav
from face_affect_ros.media.quicktime import codec_name

#: Frames per second if neither the file nor its frames have a rate, and the range of rates.
FALLBACK_RATE, LEAST_RATE, LARGEST_RATE = 30.0, 0.01, 1000.0
#: Packets from whose times the rate is computed.
RATE_PACKETS = 50
#: FFmpeg's names of the containers with a duration; for others FFmpeg estimates it.
TIMED = ('mov', 'matroska', 'avi')
#: FFmpeg's number of frames in the header of an AVI that was written to a pipe.
ENDLESS = 1 << 30
#: Codecs of images, such as cover art.
PICTURE_CODECS = ('mjpeg', 'png', 'bmp', 'gif', 'webp')
#: Codecs with which FFmpeg draws the text of a file such as notes.txt.
TEXT_CODECS = ('ansi', 'bintext', 'xbin', 'idf')


class VideoStream:
    """One stream of an open container. Rate and count depend on the packets decoded so far."""

    def __init__(self, container: Any, path: Path) -> None:
        """
        Select a stream of an input container of PyAV.

        Args:
            container: The container.
            path: Its file, for errors.

        Raises:
            AffectError: There is no video stream, it is too large, or has no decoder.
        """
        # raw video beside JPEG images is depth, as of Azure Kinect
        streams = sorted(container.streams.video,
                         key=lambda stream: _codec(stream) in (*PICTURE_CODECS, 'rawvideo'))
        if not streams:
            raise no_video(path, 'it has only audio' if container.streams.audio
                           else 'no video stream is found')
        if _codec(streams[0]) in TEXT_CODECS:
            raise no_video(path, 'it is a text file')
        self._container, self._path, self.stream = container, path, streams[0]
        #: Indices of the other video streams, without those of images such as cover art.
        self.others = [stream.index for stream in streams[1:]
                       if _codec(stream) not in PICTURE_CODECS]
        self._why = ('it is truncated' if _codec(self.stream)
                     else 'this FFmpeg has no decoder for it')
        self._format: str = container.format.name.split(',')[0]
        context = self.stream.codec_context
        if context is None:
            raise self._undecodable()
        check_size(str(path), max(1, context.width), max(1, context.height))
        context.options = DECODING
        self.stream.thread_type = 'AUTO'
        self._times: list[float] = []
        self._packets, self._end = 0, 0.0
        self._first: int | None = None
        start = self._seconds(self.stream.start_time)
        #: Time of the first frame in seconds; None for a file without times. FFmpeg does not look
        #: for it if the first frames are many seconds apart, and sets another one later.
        self.start = 0.0 if start is None and self._format in TIMED else start
        # samples before 0 prepare the decoder and are not played
        sounds = [max(0.0, float(each.start_time * each.time_base))
                  for each in container.streams.audio if each.start_time is not None]
        #: Time at which players begin; the sound may begin seconds before the first frame.
        self.begin = None if self.start is None else min([self.start, *sounds])

    @property
    def is_picture(self) -> bool:
        """Whether it is a single image such as JPEG XL or cover art, and not a clip."""
        return self._packets == 1 and (
            self._holds_pictures or _codec(self.stream) in PICTURE_CODECS)

    def decoded(self) -> Iterator[Any]:
        """Yield the frames of PyAV in presentation order, None for a damaged one."""
        failures = pyav().error.FFmpegError
        packets = self._container.demux(self.stream)
        while True:
            try:
                packet = next(packets, None)
            # such as a truncated file: see `missing`; an IndexError of PyAV 18 at the end of a
            # file in which a further stream begins later
            except (failures, IndexError):
                return
            if packet is None:
                return
            shown = self._note(packet)
            # Cut off at the end of the file: PyAV would lose the frames before it that are being
            # decoded. In a transport stream, a packet with a gap.
            if packet.is_corrupt and self._format != 'mpegts':
                if shown:
                    yield None
                continue
            try:
                frames = packet.decode()
            except failures as error:
                self._why = error.strerror
                if shown:
                    yield None
                continue
            for frame in frames:
                yield None if frame.is_corrupt else frame

    def time(self, frame: Any, index: int) -> float | None:
        """
        Return the time of a decoded frame in seconds, None if it is unknown.

        Args:
            frame: Frame of PyAV.
            index: Its number; damaged frames before it count.
        """
        if self._format != 'avi':
            time: float | None = frame.time
            return time
        # AVI has times of decoding, in frames; FFmpeg's others may be wrong
        if frame.dts is None:
            return None
        if self._first is None:
            self._first = frame.dts - index
        return self._seconds(frame.dts - self._first)

    def look_ahead(self) -> Any:
        """Read RATE_PACKETS packets and return the first frame; AffectError without any."""
        first = None
        for frame in self.decoded():
            first = first or frame
            if first and self._packets >= RATE_PACKETS:
                break
        if first is None:
            raise self._undecodable()
        return first

    def rate(self) -> float:
        """Return the mean rate in Hz: that of the file, unless the times of its frames differ."""
        span = max(self._times, default=0.0) - min(self._times, default=0.0)
        # in MPEG streams, a time may stand for several packets
        measured = (min(self._packets, RATE_PACKETS) - 1) / span if span > 0.0 else 0.0
        # of a file without times, FFmpeg guesses the rate from the headers of its frames
        declared = float((self.stream.average_rate if self.start is not None
                          else self.stream.guessed_rate) or 0.0)
        if LEAST_RATE <= declared <= LARGEST_RATE and not declared / 2.0 > measured > 0.0:
            return declared
        return measured if LEAST_RATE <= measured <= LARGEST_RATE else FALLBACK_RATE

    def count(self, rate: float) -> int | None:
        """Return the number of frames, None if the file does not contain it."""
        if self._packets < RATE_PACKETS:   # all were read
            return self._packets
        length = self._length()
        expected = None if length is None else round(length * rate)
        declared = self._declared
        # it includes the frames that an edit list cuts, and lacks those of further fragments
        plausible = expected is None or abs(declared - expected) < 0.02 * expected + 2.0
        return declared if declared and plausible else expected

    def missing(self, rate: float) -> int:
        """Return the number of missing frames after the last packet, 0 if they are few."""
        # of cover art, the length is that of the sound
        length = None if self.is_picture and not self.stream.frames else self._length()
        frames = 0 if length is None else round((length - self._end) * rate)
        return frames if frames > 1 + 0.02 * self._packets else 0

    @property
    def _holds_pictures(self) -> bool:
        """Whether the format is one of still images, such as EXR and JPEG XL."""
        return self._format == 'image2' or self._format.endswith('_pipe')

    def _note(self, packet: Any) -> bool:
        """Count a packet unless an edit list cuts it; return whether it is counted."""
        # without data, it flushes the decoder; PyAV before 12 does not know what is cut at the end
        if not packet.size or getattr(packet, 'is_discard', False):
            return False
        time = self._seconds(packet.pts if packet.pts is not None else packet.dts)
        if time is not None and self.start is not None:
            if time < self.start:   # cut by an edit list
                return False
            self._end = max(self._end, time - self.start + (self._seconds(packet.duration) or 0.0))
            if self._packets < RATE_PACKETS:
                self._times.append(time)
        self._packets += 1
        return True

    @property
    def _declared(self) -> int:
        """Number of frames by the header, 0 without one."""
        frames: int = self.stream.frames
        return frames if frames < ENDLESS else 0

    def _length(self) -> float | None:
        """Return the duration of the stream in seconds by its header, None without one."""
        if self._format not in TIMED:
            return None
        if self._format == 'avi' and self.stream.average_rate:   # its duration is that of its data
            return float(self._declared / self.stream.average_rate) or None
        if self.stream.duration is not None:
            return self._seconds(self.stream.duration)
        if len(self._container.streams) > 1 or not self._container.duration:
            return None
        end = float(self._container.duration / pyav().time_base)
        start = self.start or 0.0
        # FFmpeg writes the time at the end, which includes the start, mkvmerge the length
        return end - start if end > start else end

    def _seconds(self, ticks: int | None) -> float | None:
        return None if ticks is None else float(ticks * self.stream.time_base)

    def _undecodable(self) -> AffectError:
        codec = _codec(self.stream)
        if not codec:   # PyAV has no name for a codec that FFmpeg does not decode
            with open(self._path, 'rb') as file:
                codec = codec_name(file) or 'unknown'
        remedy = ('the image to PNG' if self._holds_pictures else
                  'it: ffmpeg -i FILE -c:v libx264 OTHER.mp4')
        return AffectError(f'{self._path}: no frame can be decoded (codec {codec}: {self._why}); '
                           f'if the file is not corrupt, convert {remedy}')


def _codec(stream: Any) -> str:
    """Return FFmpeg's name of the codec of a stream, '' without a decoder."""
    return str(getattr(stream.codec_context, 'name', ''))
