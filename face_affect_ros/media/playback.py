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

"""Frames of a source, decoded ahead by a thread."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
import queue
import threading

from face_affect_ros.affect.types import ImageArray
from face_affect_ros.media.base import Frame, Media

#: Bytes of frames that are kept, so that a loop decodes them only once.
KEEP_LIMIT = 128_000_000
#: Frames that are decoded ahead.
AHEAD = 4


class Playback:
    """
    Decodes in a thread, so that a slow frame does not delay the playback.

    Of a camera only the newest frame is kept; of other sources no frame is skipped.
    """

    def __init__(self, media: Media, *, prepare: Callable[[ImageArray], ImageArray],
                 loop: Callable[[], bool], ready: Callable[[], None] | None = None) -> None:
        """
        Start decoding.

        Args:
            media: The source.
            prepare: Applied to each image, in the thread.
            loop: Called at the end; returns whether to restart. Stamps continue.
            ready: Called in the thread when a frame or the end is available.
        """
        self._media, self._prepare, self._loop, self._ready = media, prepare, loop, ready
        self._ended = self._closed = False
        self._queue: queue.Queue[Frame | Exception | None] = queue.Queue(
            1 if media.live else AHEAD)
        self._thread = threading.Thread(target=self._run, name='playback', daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether the last frame was returned."""
        return self._ended

    def take(self) -> Frame | None:
        """
        Return the next frame, None if it is not decoded yet or the source has ended.

        Raises:
            AffectError: The source has failed.
        """
        if self._ended:
            return None
        try:
            item = self._queue.get_nowait()
        except queue.Empty:
            return None
        self._ended = not isinstance(item, Frame)
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        """Stop decoding and close the source. Closing twice is allowed."""
        if self._closed:
            return
        self._closed = True
        with self._queue.mutex:
            self._queue.queue.clear()
            self._queue.not_full.notify_all()
        self._thread.join(timeout=5.0)
        if not self._thread.is_alive():  # else it blocks in a camera, which must not be closed
            self._media.close()

    def _run(self) -> None:
        try:
            for frame in self._frames():
                if not self._put(frame):
                    return
            self._put(None)
        except Exception as error:  # raised again in `take`
            self._put(error)

    def _frames(self) -> Iterator[Frame]:
        start = end = 0.0
        for frames in self._rounds():
            for frame in frames:
                stamp = start + frame.stamp
                end = stamp + self._media.last_duration
                yield replace(frame, stamp=stamp)
            start = end

    def _rounds(self) -> Iterator[Iterable[Frame]]:
        """Yield the frames of each iteration of the loop."""
        kept: list[Frame] = []
        yield self._decoded(kept)
        while self._loop():
            yield kept or self._decoded(kept)

    def _decoded(self, kept: list[Frame]) -> Iterator[Frame]:
        """
        Decode one iteration.

        Args:
            kept: Filled with the frames if they are within KEEP_LIMIT.
        """
        keep = not self._media.live
        for frame in self._media:
            prepared = replace(frame, image=self._prepare(frame.image))
            kept.append(prepared)
            # sizes may differ, so the estimate is made with each frame
            keep = keep and prepared.image.nbytes * max(
                len(kept), self._media.frame_count or 0) <= KEEP_LIMIT
            if not keep:
                kept.clear()
            yield prepared

    def _put(self, item: Frame | Exception | None) -> bool:
        """Put an item into the queue; return False if playback was closed."""
        while not self._closed:
            try:
                self._queue.put(item, block=not self._media.live, timeout=0.2)
            except queue.Full:
                if self._media.live:
                    self._drop_oldest()
                continue
            if self._ready is not None:
                self._ready()
            return True
        return False

    def _drop_oldest(self) -> None:
        try:
            self._queue.get_nowait()
        except queue.Empty:  # taken in the meantime
            return
