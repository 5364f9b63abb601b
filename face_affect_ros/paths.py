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

"""The kind of a path by its name and its neighbours, printable names, and complete files."""

from collections.abc import Iterator
import contextlib
import functools
import os
from pathlib import Path
import re
import secrets
import shlex
import shutil
import stat

#: Storage files of bags of ROS 2, and of ROS 1 for an error message.
STORAGE_SUFFIXES = ('.mcap', '.db3')
COMPRESSED_SUFFIXES = ('.zstd', '.zst')
ROS1_SUFFIX = '.bag'
#: Name of the file that describes a bag.
METADATA = 'metadata.yaml'
#: Prefix of the files in which macOS keeps attributes of others, with their suffix.
APPLE_DOUBLE = '._'
#: Remedy for a path without permission.
MAKE_READABLE = 'make it readable: chmod u+r, for a folder u+rx'
#: Remedy for the URL of a camera, which nothing here reads.
SAVE_STREAM = 'save the stream of a camera by: ffmpeg -i URL -t SECONDS -c copy FILE.mkv'


def shown(text: object) -> str:
    r"""
    Return a text with unprintable characters escaped, so that it is one line on every terminal.

    File names may contain line breaks and bytes that are not UTF-8. Python represents these as
    surrogates (PEP 383), which streams and the ROS log refuse: they become \udcXX.
    """
    return ''.join(each if each.isprintable() else each.encode('unicode_escape').decode('ascii')
                   for each in str(text))


def expanded(path: str | os.PathLike[str]) -> Path:
    """Return a path with ~ replaced by the home folder, if there is one."""
    return Path(os.path.expanduser(path))


@contextlib.contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """
    Yield a path to write to, which replaces a file when the with statement ends without an error.

    Permissions and symbolic links of the file stay. Written directly are a device, a pipe, a
    mounted or write-protected file, one of another user, one with several hard links, and a file
    in a folder without permission.
    """
    target = Path(os.path.realpath(path))
    # of a pipe behind /dev/stdout, the real path does not exist
    if path.exists() != target.exists() or not _is_replaceable(target):
        yield path
        return
    new = target.with_name(f'.{secrets.token_hex(8)}{target.suffix}')
    try:
        yield new
        with contextlib.suppress(FileNotFoundError):   # there was no file
            shutil.copymode(target, new)
        os.replace(new, target)
    finally:
        with contextlib.suppress(OSError):
            new.unlink()


def _is_replaceable(path: Path) -> bool:
    writable = functools.partial(os.access, mode=os.W_OK, effective_ids=True)
    if not path.exists():
        return writable(path.parent)
    status = path.stat()
    return (stat.S_ISREG(status.st_mode) and status.st_nlink == 1
            and status.st_uid == os.geteuid() and not os.path.ismount(path)
            and writable(path) and writable(path.parent))


def readable(path: Path) -> bool:
    """Return whether this process may read a file, or list a folder and open its files."""
    mode = os.R_OK | os.X_OK if path.is_dir() else os.R_OK
    return os.access(path, mode, effective_ids=True)


def suffix_of(path: Path) -> str:
    """Return the suffix of a path in lower case, '' for a hidden file, such as deleted ones."""
    return '' if path.name.startswith('.') else path.suffix.lower()


def is_storage(path: Path) -> bool:
    """Return whether the name of a path is that of a storage file of a ROS 2 bag."""
    if path.name.startswith(APPLE_DOUBLE):
        return False
    name = path.name.lower()
    for suffix in COMPRESSED_SUFFIXES:
        name = name.removesuffix(suffix)
    return name.endswith(STORAGE_SUFFIXES)


def is_bag(path: str) -> bool:
    """
    Return whether a path is that of a bag of ROS 1 or 2, complete or not.

    A bag is a folder with metadata.yaml or a storage file, one of these files itself, or a
    missing file with such a name.
    """
    place = expanded(path)
    with contextlib.suppress(OSError, ValueError):   # without permission
        if place.is_dir():
            return (place / METADATA).is_file() or any(map(is_storage, place.iterdir()))
        return (is_storage(place) or suffix_of(place) == ROS1_SUFFIX
                or place.name == METADATA)
    return False


def unfinished(path: Path) -> str:
    """Return the problem and the remedy of a file of a recording that has not ended, else ''."""
    name = re.fullmatch(r'(.+\.(bag|mcap|db3))(\.active|(?<=db3)-(journal|wal|shm))',
                        path.name, re.IGNORECASE | re.DOTALL)
    if not name:
        return ''
    file, whole = (shlex.quote(str(each)) for each in (path, path.with_name(name[1])))
    remedy = {'bag': f'rosbag reindex {file} && mv {file} {whole}',
              'mcap': f'mcap recover {file} -o {whole}'}.get(name[2].lower(), f'choose {whole}')
    return ('a part of a bag that is still being recorded, or whose recording was interrupted; '
            f'end the recording, or, if it was interrupted: {remedy}')


def bag_folder(path: str) -> str:
    """Return the real path of the folder of a bag, or of one of its files, with metadata.yaml."""
    place = expanded(path)
    with contextlib.suppress(OSError, ValueError):   # without permission
        if place.is_dir():
            return os.path.realpath(place) if (place / METADATA).is_file() else ''
        return os.path.realpath(place.parent) if is_part(place) else ''
    return ''


def is_part(file: Path) -> bool:
    """
    Return whether a file is a metadata.yaml, or listed by the one beside it.

    A damaged metadata.yaml without a list stands for all files beside it.
    """
    metadata = file.with_name(METADATA)
    if file.name == METADATA or not metadata.is_file():
        return metadata.is_file()
    try:
        text = metadata.read_text(encoding='utf-8', errors='replace')
    except OSError:   # reported when the bag is opened
        return True
    listed = re.search(rf'(?<![^\s/"\'\[,]){re.escape(file.name)}(?![^\s"\',\]])', text)
    return 'relative_file_paths' not in text or listed is not None


def is_url(name: str) -> bool:
    """Return whether a name is a URL such as s3://bucket/bag.mcap."""
    return re.match('[A-Za-z][A-Za-z0-9+.-]+://', name) is not None
