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

"""What is analysed as a whole, and is done or not: a file, or one image topic of a bag."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
import glob
import hashlib
import os
from pathlib import Path
import re
import sys

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media import folder_files, left_out, MEDIA_SUFFIXES
from face_affect_ros.paths import expanded, is_bag, is_url, shown

#: Characters of a source's name that are kept in the names of its files.
STEM = 60


@dataclass(frozen=True)
class Source:
    """
    One piece of work.

    name: a path or URL as the user named it. topic: of a bag, '' for the first with pictures.
    """

    name: str
    topic: str = ''

    def __str__(self) -> str:
        return f'{self.name} {self.topic}' if self.topic else self.name

    @property
    def key(self) -> str:
        """Return a name for files: told apart from that of any other source, and readable."""
        stem = re.sub(r'[^A-Za-z0-9._-]+', '_', os.path.basename(self.name.rstrip('/')))[:STEM]
        digest = hashlib.sha256(os.fsencode(f'{self.name}\0{self.topic}')).hexdigest()
        return f"{stem.strip('._') or 'source'}-{digest[:12]}"

    @property
    def size(self) -> int:
        """Return its bytes on the disk, 1 where that is not known."""
        path = expanded(self.name)
        try:
            files = path.iterdir() if path.is_dir() else [path]
            return max(1, sum(each.stat().st_size for each in files))
        except (OSError, ValueError):
            return 1


def find_sources(names: Iterable[str], *, topics: Sequence[str] = (), sequence: bool = False
                 ) -> list[Source]:
    """
    Return what names stand for, in their order.

    A pattern (*.mcap, **/*.mp4) stands for what it matches, a folder for the pictures, clips and
    bags in it, a bag for its topics. sequence: a folder of pictures is one clip. What is not
    there is a source as well: whoever opens it says so.
    """
    found: list[Source] = []
    for name in names:
        for each in _matches(name.removeprefix('file://')):
            for file in _files(each, sequence=sequence):
                suffix = Path(file).suffix.lower()
                bag = is_bag(file) or (is_url(file) and suffix not in MEDIA_SUFFIXES)
                found += [Source(file, topic) for topic in (topics if bag and topics else [''])]
    if topics and not any(source.topic for source in found):
        raise AffectError('--topic is about bags, and no FILE is one')
    return found


def _matches(name: str) -> list[str]:
    if is_url(name):
        from face_affect_ros.archive.remote import expand
        return expand(name)
    if not glob.has_magic(name) or os.path.lexists(expanded(name)):
        return [name]
    return sorted(glob.glob(str(expanded(name)), recursive=True)) or [name]


def _files(name: str, *, sequence: bool) -> Iterator[str]:
    """Yield the files of a folder, unless it is one clip or a bag."""
    folder = expanded(name)
    if sequence or not os.path.isdir(folder) or (folder / 'metadata.yaml').is_file():
        yield name
        return
    try:
        bags = sorted(str(path) for path in folder.iterdir() if is_bag(str(path)))
        taken, left = folder_files(folder, needed=not bags)
    except (AffectError, OSError):   # told of when it is opened, and the other FILEs are not lost
        yield name
        return
    left = [path for path in left if str(path) not in bags]
    if left:
        print(f'{shown(name)}: {left_out(left)}', file=sys.stderr)
    yield from map(str, taken)
    yield from bags
