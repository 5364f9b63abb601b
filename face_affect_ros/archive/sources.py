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

"""Sources of an analysis: files, and image topics of bags."""

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
from face_affect_ros.paths import bag_folder, expanded, is_bag, is_url, shown

#: Characters of the name of a source in the names of its files.
STEM = 60


@dataclass(frozen=True)
class Source:
    """
    A file, or one image topic of a bag.

    Attributes:
        name: Path or URL as given by the user.
        topic: Image topic of a bag, '' for the first one.
    """

    name: str
    topic: str = ''

    def __str__(self) -> str:
        return f'{self.name} {self.topic}' if self.topic else self.name

    @property
    def key(self) -> str:
        """Return a unique, readable name for files, the same for bag, bag/ and ./bag."""
        name = self.name.rstrip('/') if is_url(self.name) else str(expanded(self.name))
        stem = re.sub(r'[^A-Za-z0-9._-]+', '_', os.path.basename(name))[:STEM]
        digest = hashlib.sha256(os.fsencode(f'{name}\0{self.topic}')).hexdigest()
        return f"{stem.strip('._') or 'source'}-{digest[:12]}"

    @property
    def size(self) -> int:
        """Return the size on the disk in bytes, 1 if it is unknown."""
        path = expanded(self.name)
        try:
            files = path.iterdir() if path.is_dir() else [path]
            return max(1, sum(each.stat().st_size for each in files))
        except (OSError, ValueError):
            return 1


def find_sources(names: Iterable[str], *, topics: Sequence[str] = (), sequence: bool = False
                 ) -> list[Source]:
    """
    Expand names to sources, in the order of the names.

    A pattern (*.mcap, **/*.mp4) is expanded to its matches, a folder to its images, clips and
    bags, a bag to its topics. A file of a bag is replaced by the whole bag, which is one source
    even if several of its files are given. A file that is reached by several links is one source.
    A missing file is a source, too: the error is raised when it is opened.

    Args:
        names: Paths, URLs or patterns.
        topics: Image topics of the bags, empty for the first one.
        sequence: Whether a folder of images is one clip.

    Returns:
        The sources, each once.

    Raises:
        AffectError: `topics` are given, all files exist, and none is a bag.
    """
    found: list[Source] = []
    first: dict[str, str] = {}
    links: list[str] = []
    for name in names:
        for each in _matches(name.removeprefix('file://')):
            for file in _files(each, sequence=sequence):
                bag = is_bag(file)
                folder = bag_folder(file) if bag else ''
                place = folder or _real(file)
                if first.setdefault(place, file) != file:
                    if not folder:
                        links.append(shown(file))
                    continue
                suffix = Path(file).suffix.lower()
                bag = bag or (is_url(file) and suffix not in MEDIA_SUFFIXES)
                found += [Source(file, topic) for topic in (topics if bag and topics else [''])]
    if links:
        print(f'{", ".join(links)}: ignored, because they are other names of the same files',
              file=sys.stderr)
    if topics and not any(source.topic or _is_missing(source) for source in found):
        raise AffectError('--topic applies to bags, and no FILE is a bag')
    return list(dict.fromkeys(found))


def _is_missing(source: Source) -> bool:
    return not is_url(source.name) and not os.path.lexists(expanded(source.name))


def _real(file: str) -> str:
    """Return the path of a file without symbolic links, or its URL."""
    return file.rstrip('/') if is_url(file) else os.path.realpath(expanded(file))


def _matches(name: str) -> list[str]:
    if is_url(name):
        from face_affect_ros.archive.remote import expand
        return expand(name)
    if not glob.has_magic(name) or os.path.lexists(expanded(name)):
        return [name]
    return sorted(map(_literal, _glob(str(expanded(name))))) or [name]


def _glob(pattern: str) -> set[str]:
    """Return the matches of a pattern with **, which does not stand for links to a parent."""
    before, *after = re.split(r'(?<![^/])\*\*(?![^/])', pattern, maxsplit=1)
    if not after:
        return set(glob.glob(pattern))
    rest = after[0].lstrip('/') or '*'
    folders = glob.glob(before) if before else ['']
    found = set() if after[0] else set(filter(None, folders))
    while folders:
        inside = [glob.escape(folder) for folder in folders]
        found |= {match for each in inside for match in _glob(os.path.join(each, rest))}
        folders = [path for each in inside for path in glob.glob(os.path.join(each, '*/'))
                   if not (os.path.islink(path[:-1]) and os.path.realpath(path) in map(
                       os.path.realpath, Path(path).parents))]
    return found


def _literal(path: str | Path) -> str:
    """Return the name of a path of which ~ is the name of a file and not the home folder."""
    return f'./{path}' if str(path).startswith('~') else str(path)


def _files(name: str, *, sequence: bool) -> Iterator[str]:
    """Yield the files of a folder, or the folder itself if it is one clip or a bag."""
    folder = expanded(name)
    if sequence or not os.path.isdir(folder) or os.path.isfile(
            folder / 'metadata.yaml'):
        yield name
        return
    try:
        bags = sorted(filter(is_bag, map(_literal, folder.iterdir())))
        taken, left = folder_files(folder, needed=not bags)
    except (AffectError, OSError):   # reported when it is opened; other FILEs continue
        yield name
        return
    left = [path for path in left if _literal(path) not in bags]
    if left:
        print(f'{shown(name)}: {left_out(left)}', file=sys.stderr)
    yield from map(_literal, taken)
    yield from bags
