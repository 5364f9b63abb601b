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

"""The recorder of the demo: faces.jsonl, annotated.mp4, annotated.png, and a summary."""

from collections import Counter
from collections.abc import Iterator
import contextlib
import json
import math
from pathlib import Path
import statistics

from face_affect_ros.affect.types import AffectError, Face, ImageArray, UNKNOWN
from face_affect_ros.demo import CLIP, LINES, PICTURE
from face_affect_ros.demo.table import latency_text
from face_affect_ros.media import VideoSink, write_image
from face_affect_ros.paths import shown
from face_affect_ros.records import to_record


class Recorder:
    """Writes the results of the demo into a folder and counts them."""

    def __init__(self, folder: Path, *, source: str, rate: float) -> None:
        """
        Open the files.

        Args:
            folder: Folder of the results.
            source: Name of the source in every line.
            rate: Images per second of the clip.

        Raises:
            AffectError: The folder cannot be written.
        """
        with _named(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._lines = (folder / LINES).open('w', encoding='utf-8')
        self._folder, self._source = folder, source
        self._video = VideoSink(folder / CLIP, rate=rate)
        self._began: float | None = None
        self._picture: ImageArray | None = None
        self._picture_worth = (-1, -1)
        self._worth: dict[float, tuple[int, int]] = {}
        self.messages = 0
        self.seen: Counter[str] = Counter()
        self.labelled: Counter[str] = Counter()
        self.latencies: list[float] = []

    def faces(self, faces: list[Face], *, stamp: float, width: int, height: int,
              latency: float) -> None:
        """Add one message: times in seconds, sizes in pixels. AffectError on a full disk."""
        record = to_record(faces, source=self._source, frame=self.messages, stamp=stamp,
                           width=width, height=height)
        with _named(self._folder / LINES):
            self._lines.write(json.dumps(record) + '\n')
        self.messages += 1
        self.latencies.append(latency)
        self.seen.update(face.id for face in faces)
        known = [face.id for face in faces if any(
            estimate.label != UNKNOWN for estimate in face.estimates.values())]
        self.labelled.update(known)
        self._worth[stamp] = (len(known), len(faces))

    def picture(self, image: ImageArray, *, stamp: float) -> None:
        """
        Add one annotated image; the last one with most known faces becomes annotated.png.

        Args:
            image: (H, W, 3) uint8 BGR.
            stamp: Stamp in seconds; the clip keeps the differences.
        """
        self._began = stamp if self._began is None else self._began
        self._video.write(image, stamp - self._began)
        worth = self._worth.get(stamp, (0, 0))
        if worth >= self._picture_worth:
            self._picture, self._picture_worth = image.copy(), worth

    def close(self) -> None:
        """Finish the files; AffectError if one is not complete."""
        with contextlib.closing(self._video), _named(self._folder / LINES):
            self._lines.close()
        if self._picture is not None:
            write_image(self._folder / PICTURE, self._picture)

    def summary(self) -> str:
        """Return one line about all messages."""
        tracks = ', '.join(f'{track} in {count / self.messages:.0%}, labelled in '
                           f'{self.labelled[track] / self.messages:.0%}'
                           for track, count in self.seen.items())
        latency = statistics.median(self.latencies) if self.latencies else math.inf
        return (f'{self.messages} messages, {self.seen.total()} faces, {len(self.seen)} tracks'
                f'{f" ({tracks})" if tracks else ""}, median latency {latency_text(latency)}; '
                f'results in {shown(self._folder)}')


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn an OSError into an AffectError that names the file."""
    try:
        yield
    except OSError as error:
        raise AffectError(f'{path}: cannot be written: {error.strerror}; choose another folder '
                          'with --out') from error
