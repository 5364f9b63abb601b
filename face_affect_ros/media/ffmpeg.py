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

"""
PyAV, the Python bindings of FFmpeg, imported only when a clip is read or written.

The node does not need it, so it may be missing on a robot.
"""

from collections.abc import Iterator
import contextlib
import ctypes
import functools
from pathlib import Path
from typing import Any

from face_affect_ros.affect.types import AffectError
from face_affect_ros.media.base import MAX_PIXELS
from face_affect_ros.media.quicktime import lacks_index

#: Options of the decoders: damaged frames are returned, too, and marked as such.
DECODING = {'flags': '+output_corrupt', 'max_pixels': str(MAX_PIXELS)}
#: The first version of PyAV that accepts options of decoders for a file whose streams FFmpeg does
#: not know from its header, such as MPEG-PS and FLV; earlier ones crash.
DECODER_OPTIONS = (17, 1)
#: Why an MP4 without its index, which recorders write at the end, cannot be read.
NO_INDEX = 'moov atom not found'
#: FFmpeg's level AV_LOG_QUIET.
QUIET = -8


@functools.cache
def pyav() -> Any:
    """Return the module of PyAV, with its log disabled; AffectError if it cannot be imported."""
    try:
        import av
        import av.filter
    except ImportError as error:
        raise AffectError(f'clips need PyAV, which cannot be imported ({error}); install '
                          'it: sudo apt install python3-av, or python3 -m pip install '
                          'av') from error
    # PyAV's log takes the GIL in the threads of a decoder, whose end its owner may wait for; PyAV
    # before 13 cannot set the level of FFmpeg's own log
    av.logging.restore_default_callback()
    ctypes.CDLL(av.logging.__file__).av_log_set_level(QUIET)
    return av


@contextlib.contextmanager
def reading(path: Path, demuxer: str | None = None) -> Iterator[Any]:
    """
    Open a file as an input container of PyAV.

    FFmpeg receives the open file and not its name, which may have any encoding or look like a URL.

    Args:
        path: The file.
        demuxer: FFmpeg's name of the format, None to detect it.

    Yields:
        The container.

    Raises:
        AffectError: FFmpeg does not recognise the file, or it cannot be read.
    """
    av = pyav()
    try:
        with open(path, 'rb') as file:
            # no protocol is allowed: a playlist must not open other files or the network
            options = {'container_options': {'protocol_whitelist': 'none'},
                       'metadata_errors': 'replace'}
            if tuple(map(int, av.__version__.split('.')[:2])) >= DECODER_OPTIONS:
                options['options'] = DECODING
            with contextlib.closing(av.open(_Nameless(file, path), format=demuxer,
                                            **options)) as container:
                yield container
    except av.error.FFmpegError as error:
        # FFmpeg's errors of the system, such as EBUSY for an excessive size, say nothing
        why = 'its header is invalid' if isinstance(error, OSError) else error.strerror
        raise no_video(path, NO_INDEX if lacks_index(path) else why) from error
    except OSError as error:
        raise AffectError(f'{path}: cannot be read: {error.strerror}; choose another') from error


def no_video(path: Path, why: str) -> AffectError:
    """Return the error for a file that is neither an image nor a video."""
    problem = ('is still being recorded or copied, or that was interrupted; wait for its end, or'
               if why == NO_INDEX else 'is corrupt or of an unknown kind,')
    return AffectError(f'{path}: neither an image nor a video that can be read ({why}); it '
                       f'{problem} choose another')


class _Nameless:
    """An open file with a plain name and its suffix, by which FFmpeg detects some formats."""

    def __init__(self, file: Any, path: Path) -> None:
        self.name = f'clip{path.suffix}' if path.suffix.isascii() else 'clip'
        self.read, self.tell, self._seek = file.read, file.tell, file.seek

    def seek(self, offset: int, whence: int = 0) -> int:
        """Return the new position, -1 for one before the start, as in damaged files."""
        try:
            return int(self._seek(offset, whence))
        except OSError:   # PyAV would print it
            return -1
